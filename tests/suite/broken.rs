//! Kernels with which something is wrong.

use autorot::extend::Real;
use autorot::extend::kernel::{Element, Family, Grid, Lens, Slices, Uniforms, ports};
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{Device, Error};

/// A kernel that is refused, or takes long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Broken {
    /// The shader is none.
    Syntax,
    /// It takes a while.
    Slow,
}

/// A kernel whose uniform block is shorter than its shader says.
#[derive(Clone, Copy, Debug)]
pub struct Lacking;

/// What there is of the uniform blocks.
#[derive(Debug)]
pub struct Word(u32);

impl Uniforms for Word {
    fn wgsl() -> String {
        "struct Uniforms { count: u32 }\n".to_owned()
    }

    fn words(&self) -> Vec<u32> {
        vec![self.0]
    }
}

/// Declared longer than it is.
#[derive(Debug)]
pub struct Short;

impl Uniforms for Short {
    fn wgsl() -> String {
        "struct Uniforms { count: array<vec4<u32>, 100> }\n".to_owned()
    }

    fn words(&self) -> Vec<u32> {
        vec![1]
    }
}

ports! {
    /// The one port of both kernels.
    pub struct XPorts {
        /// Numbers.
        x: Update,
    }
}

/// The length of the kernels' buffer.
pub const LEN: usize = 64;

fn shader(body: &str) -> Vec<String> {
    let head = "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {";
    vec![format!("{head}\n{body}\n}}\n")]
}

impl Family for Broken {
    const NAME: &'static str = "broken";
    type Ports = XPorts<Lens>;
    type Uniforms = Word;

    fn lens(&self) -> XPorts<Lens> {
        XPorts { x: LEN }
    }

    fn uniforms(&self) -> Word {
        Word(20_000_000)
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(match self {
            Self::Syntax => "x[id.x] = no_such_function(u.count);",
            // Every round depends on the one before, and the result is used.
            Self::Slow => {
                "var v = x[id.x]; for (var i = 0u; i < u.count; i++) { v = fma(v, 0.9, 0.1); } x[id.x] = v;"
            }
        })
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, ports: XPorts<Slices<'_, T>>) {
        ports.x.fill(T::zero());
    }
}

impl Family for Lacking {
    const NAME: &'static str = "lacking";
    type Ports = XPorts<Lens>;
    type Uniforms = Short;

    fn lens(&self) -> XPorts<Lens> {
        XPorts { x: LEN }
    }

    fn uniforms(&self) -> Short {
        Short
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader("x[id.x] = f32(u.count[id.x].x);")
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, ports: XPorts<Slices<'_, T>>) {
        ports.x.fill(T::zero());
    }
}

/// Runs the kernel once and reads what it wrote.
pub fn run<F: Family<Ports = XPorts<Lens>> + 'static>(device: &Device, kernel: F) -> Result<(), Error> {
    let mut executor = device.executor();
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Infer, 1, &arena);
    executor.allocate("x", Element::Float, LEN)?;
    let x = rec.shared("x", Element::Float, LEN);
    rec.scope("here", |rec| rec.op(kernel, XPorts { x }));
    let program = executor.bind(&rec.finish("broken")?)?;
    executor.run(program, 1)?;
    pollster::block_on(executor.read("x", 0, LEN)).map(drop)
}

//! What the device does at best, measured on it: multiply-adds from registers, and copies.

use crate::median;
use autorot::kernel::{Access, Args, Binding, Element, Family, Grid, Uniforms};
use autorot::plan::arena::Arena;
use autorot::plan::{Purpose, Recorder};
use autorot::{Device, Real, Result};
use std::time::Instant;

/// Measured peaks.
pub struct Peak {
    /// 10⁹ floating-point operations a second.
    pub gflops: f64,
    /// 10⁹ bytes a second, read and written.
    pub gbytes: f64,
}

impl std::fmt::Display for Peak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} GFLOP/s multiply-add, {:.1} GB/s copy", self.gflops, self.gbytes)
    }
}

struct None;

impl Uniforms for None {
    fn wgsl() -> &'static str {
        "struct Uniforms {\n    unused: u32,\n}\n"
    }

    fn words(&self) -> Vec<u32> {
        vec![0]
    }
}

/// Invocations, and numbers copied.
const COUNT: usize = 1 << 22;
/// Multiply-adds of vec4s an invocation does, in four independent chains.
const ROUNDS: usize = 128;
const OPERATIONS: f64 = (COUNT / 16 * ROUNDS * 4 * 4 * 2) as f64;

const fn binding(name: &'static str, access: Access) -> Binding {
    Binding { name, access, element: Element::Float }
}

#[derive(Debug)]
struct MultiplyAdd;

impl Family for MultiplyAdd {
    const NAME: &'static str = "peak_multiply_add";
    const BINDINGS: &'static [Binding] = &[binding("x", Access::Read), binding("y", Access::Write)];
    type Uniforms = None;

    fn lens(&self) -> Vec<usize> {
        vec![COUNT, COUNT]
    }

    fn uniforms(&self) -> None {
        None
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let rounds =
            "a = fma(a, m, b); b = fma(b, m, c); c = fma(c, m, d); d = fma(d, m, a);\n".repeat(ROUNDS);
        vec![format!(
            "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {{\n\
             let m = vec4<f32>(x[0]); var a = vec4<f32>(f32(id.x)); var b = a + 1.0; var c = a + 2.0; var d = a + 3.0;\n\
             {rounds} let s = a + b + c + d; y[id.x] = s.x + s.y + s.z + s.w;\n}}\n"
        )]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [(COUNT / 16 / 64) as u32, 1, 1]
    }

    fn twin<T: Real>(&self, _args: Args<'_, T>) {}
}

#[derive(Debug)]
struct Copy;

impl Family for Copy {
    const NAME: &'static str = "peak_copy";
    const BINDINGS: &'static [Binding] = &[binding("x", Access::Read), binding("y", Access::Write)];
    type Uniforms = None;

    fn lens(&self) -> Vec<usize> {
        vec![COUNT, COUNT]
    }

    fn uniforms(&self) -> None {
        None
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {\n\
             y[id.x] = x[id.x];\n}\n"
                .to_owned(),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [(COUNT / 64 / 2) as u32, 1, 1]
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        args.write(1).copy_from_slice(args.read(0));
    }
}

fn milliseconds<F: Family + 'static>(device: &Device, kernel: F, seconds: f64) -> Result<f64> {
    let mut executor = device.executor();
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Infer, 1, &arena);
    let mut args = Vec::new();
    for name in ["x", "y"] {
        executor.allocate(name, Element::Float, COUNT)?;
        args.push(rec.shared(name, Element::Float, COUNT));
    }
    rec.op(kernel, args);
    let program = executor.bind(&rec.finish("peak")?)?;
    let mut run = || -> Result<f64> {
        let begin = Instant::now();
        executor.run(program, 10)?;
        pollster::block_on(executor.read("y", 0, 1))?;
        Ok(begin.elapsed().as_secs_f64() * 1e3 / 10.0)
    };
    run()?;
    let once = run()?;
    let samples: Result<Vec<f64>> =
        (0..((1e3 * seconds / once / 10.0) as usize).clamp(3, 20)).map(|_| run()).collect();
    Ok(median(samples?))
}

impl Peak {
    /// Measures a device. A CPU's peak is that of its best matrix product, since nothing here can issue its
    /// instructions directly.
    pub fn measure(device: &Device, seconds: f64) -> Result<Self> {
        let copied = if device.is_gpu() { COUNT / 2 } else { COUNT };
        let gbytes = (8 * copied) as f64 / milliseconds(device, Copy, seconds / 4.0)? / 1e6;
        if device.is_gpu() {
            return Ok(Self {
                gflops: OPERATIONS / milliseconds(device, MultiplyAdd, seconds / 4.0)? / 1e6,
                gbytes,
            });
        }
        let unknown = Self { gflops: f64::NAN, gbytes };
        let product = crate::product::time(device, (2048, 2048, 2048), seconds / 4.0, &unknown)?;
        Ok(Self { gflops: product.gflops, gbytes })
    }
}

//! What the device does at best, measured on it: multiply-adds from registers, and copies.

use crate::workloads::median;
use autorot::extend::Real;
use autorot::extend::kernel::{Element, Family, Grid, Lens, Slices, Uniforms, ports};
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{Device, Result};
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

/// The example's kernels need no numbers from the host.
struct Nothing;

impl Uniforms for Nothing {
    fn wgsl() -> String {
        "struct Uniforms {\n    unused: u32,\n}\n".to_owned()
    }

    fn words(&self) -> Vec<u32> {
        vec![0]
    }
}

/// Numbers copied, one an invocation.
const COUNT: usize = 1 << 21;
/// Invocations that multiply and add.
const ADDERS: usize = 1 << 18;
/// Multiply-adds of vec4s that each does in each of four independent chains.
const ROUNDS: usize = 128;
const OPERATIONS: f64 = (ADDERS * ROUNDS * 4 * 4 * 2) as f64;

ports! {
    /// What the kernels reach.
    pub struct PeakPorts {
        /// What is copied.
        x: Read,
        /// Where to.
        y: Write,
    }
}

/// What is measured; only copying has a twin.
#[derive(Debug)]
enum Probe {
    MultiplyAdd,
    Copying,
}

impl Family for Probe {
    const NAME: &'static str = "peak";
    type Ports = PeakPorts<Lens>;
    type Uniforms = Nothing;

    fn lens(&self) -> PeakPorts<Lens> {
        PeakPorts { x: COUNT, y: COUNT }
    }

    fn uniforms(&self) -> Nothing {
        Nothing
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let body = match self {
            Self::MultiplyAdd => {
                let rounds = "a = fma(a, m, m); b = fma(b, m, m); c = fma(c, m, m); d = fma(d, m, m);\n"
                    .repeat(ROUNDS);
                format!(
                    "let m = vec4<f32>(x[0]); var a = vec4<f32>(f32(id.x)); var b = a + 1.0; var c = a + 2.0; \
                     var d = a + 3.0;\n{rounds}let s = a + b + c + d;\ny[id.x] = s.x + s.y + s.z + s.w;\n"
                )
            }
            Self::Copying => "y[id.x] = x[id.x];\n".to_owned(),
        };
        let head = "@compute @workgroup_size(64)\nfn main(@builtin(global_invocation_id) id: vec3<u32>) {\n";
        vec![format!("{head}{body}}}\n")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let invocations = if matches!(self, Self::MultiplyAdd) { ADDERS } else { COUNT };
        [(invocations / 64) as u32, 1, 1]
    }

    fn twin<T: Real>(&self, ports: PeakPorts<Slices<'_, T>>) {
        ports.y.copy_from_slice(ports.x);
    }
}

fn milliseconds(device: &Device, kernel: Probe, seconds: f64) -> Result<f64> {
    let mut executor = device.executor();
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Infer, 1, &arena);
    let mut view = |name: &str| {
        executor.allocate(name, Element::Float, COUNT)?;
        Ok(rec.shared(name, Element::Float, COUNT))
    };
    let ports = PeakPorts { x: view("x")?, y: view("y")? };
    rec.op(kernel, ports);
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
        let gbytes = (8 * COUNT) as f64 / milliseconds(device, Probe::Copying, seconds / 4.0)? / 1e6;
        if device.is_gpu() {
            let gflops = OPERATIONS / milliseconds(device, Probe::MultiplyAdd, seconds / 4.0)? / 1e6;
            return Ok(Self { gflops, gbytes });
        }
        let unknown = Self { gflops: f64::NAN, gbytes };
        let product = super::product::time(device, (2048, 2048, 2048), seconds / 4.0, &unknown)?;
        Ok(Self { gflops: product.gflops, gbytes })
    }
}

//! Single fused forward products: y = σ(ρ ⊙ (x·W + b)).

use crate::median;
use crate::peak::Peak;
use crate::report::Row;
use autorot::kernel::registry::rotation;
use autorot::kernel::{DenseForward, Element, UNUSED};
use autorot::plan::arena::Arena;
use autorot::plan::{Purpose, Recorder};
use autorot::{Activation, Device, LearnL, Result, Rule};
use std::time::Instant;

/// Rows, depth and columns.
pub const SIZES: [(usize, usize, usize); 8] = [
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (4096, 4096, 4096),
    (1, 4096, 4096),
    (128, 4096, 16),
    (4096, 16, 4096),
];

pub fn name((m, k, n): (usize, usize, usize)) -> String {
    format!("product {m}x{k}x{n}")
}

pub fn time(device: &Device, size: (usize, usize, usize), seconds: f64, peak: &Peak) -> Result<Row> {
    let (batch, inputs, units) = size;
    let kernel = DenseForward {
        batch,
        inputs,
        units,
        has_bias: true,
        rotation: Some(rotation(Rule::Diagonal, LearnL::Fixed)),
        keep_z: false,
        activation: Activation::Tanh,
    };
    let mut executor = device.executor();
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Infer, batch, &arena);
    let mut view = |name: &str, len: usize| -> Result<_> {
        executor.allocate(name, Element::Float, len)?;
        Ok(rec.shared(name, Element::Float, len))
    };
    let args = [
        view("x", batch * inputs)?,
        view("w", inputs * units)?,
        view("b", units)?,
        view("lambda", 1)?,
        view("rotation", 2 * units)?,
        view("z", UNUSED)?,
        view("y", batch * units)?,
    ];
    rec.op(kernel, args);
    let program = executor.bind(&rec.finish("product")?)?;
    let mut run = |times: usize| -> Result<f64> {
        let begin = Instant::now();
        executor.run(program, times)?;
        // The read-back waits for the product.
        pollster::block_on(executor.read("y", 0, 1))?;
        Ok(begin.elapsed().as_secs_f64())
    };
    run(1)?;
    let once = run(1)?;
    let times = ((0.05 / once) as usize).clamp(1, 1000);
    let repeats = ((seconds / (once * times as f64)) as usize).clamp(3, 50);
    let samples: Result<Vec<f64>> = (0..repeats).map(|_| Ok(1e3 * run(times)? / times as f64)).collect();
    let ms = median(samples?);
    let gflops = 2.0 * (batch * inputs * units) as f64 / ms / 1e6;
    Ok(Row {
        device: device.name(),
        workload: name(size),
        ms,
        classic_ms: None,
        ratio: None,
        samples_per_second: None,
        gflops,
        peak_share: gflops / peak.gflops,
        first_step_s: None,
        device_mib: Some(executor.bytes() as f64 / (1 << 20) as f64),
    })
}

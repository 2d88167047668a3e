//! Single fused forward products.

use super::peak::Peak;
use super::report::Row;
use crate::workloads::{Size, median, product, product_name};
use autorot::{Device, Result};
use std::time::Instant;

pub fn time(device: &Device, size: Size, seconds: f64, peak: &Peak) -> Result<Row> {
    let (batch, inputs, units) = size;
    let (mut executor, program) = product(device, size)?;
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
    let gbytes = 4.0 * (batch * inputs + inputs * units + batch * units) as f64 / ms / 1e6;
    Ok(Row {
        ms,
        gflops,
        peak_share: gflops / peak.gflops,
        copy_share: gbytes / peak.gbytes,
        plan_mib: executor.bytes() as f64 / (1 << 20) as f64,
        ..Row::new(device, product_name(size))
    })
}

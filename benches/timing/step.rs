//! Whole training steps: forward, backward, Adam's update.

use super::peak::Peak;
use super::report::Row;
use crate::workloads::{Workload, median};
use autorot::{Adam, AutoRotate, Device, Loss, Result, Trainer};
use std::time::Instant;

/// How often both models are built anew: where in memory a model lies can cost a tenth.
const ROUNDS: usize = 5;

/// What a block of steps should take: other tenants of a machine change its speed within seconds.
const BLOCK_SECONDS: f64 = 0.4;

/// Times classic and auto-rotating steps in turn, so that both see the same machine.
pub fn time(
    device: &Device,
    workload: &Workload,
    rotate: AutoRotate,
    seconds: f64,
    peak: &Peak,
) -> Result<Row> {
    let data = workload.data()?;
    let trainer = |epochs| {
        let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
        trainer.batch(workload.batch).progress(false).epochs(epochs)
    };
    // One step, with everything that comes before it.
    let first = data.select(&(0..workload.batch).collect::<Vec<_>>())?;
    let before = device.allocated_bytes();
    let begin = Instant::now();
    let mut rotating = workload.model(device, &data, Some(rotate))?;
    let dispatches = trainer(1).fit(&mut rotating, &first, None)?.dispatches;
    let first_step_s = begin.elapsed().as_secs_f64();
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let taken = device.allocated_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    let plan_mib = mib(rotating.device_bytes());
    let step_s = trainer(2).fit(&mut rotating, &first, None)?.epochs[1].seconds;
    drop(rotating);
    // A block is one epoch, or several of the whole data set.
    let all = data.len() / workload.batch;
    let steps = (BLOCK_SECONDS / step_s) as usize;
    let block = data.select(&(0..steps.clamp(1, all) * workload.batch).collect::<Vec<_>>())?;
    let epochs = (steps / all).clamp(1, 50);
    let block_s = step_s * steps.max(1) as f64;
    let pairs = ((seconds / (2 * ROUNDS) as f64 / block_s) as usize).max(1);
    let (mut times, mut ratios, mut host_shares) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let build = |rotate| workload.model(device, &data, rotate);
        let mut models = [build(None)?, build(Some(rotate))?];
        for model in &mut models {
            trainer(1).fit(model, &block, None)?;
        }
        for pair in 0..pairs {
            let mut medians = [0.0; 2];
            for turn in 0..2 {
                let kind = (round + pair + turn) % 2;
                // The first epoch of a fit loads pages and learns how much to submit at once: it does not count.
                let history = trainer(1 + epochs).fit(&mut models[kind], &block, None)?;
                let counted = &history.epochs[1..];
                let each: Vec<f64> = counted.iter().map(|e| 1e3 * e.seconds / e.steps as f64).collect();
                host_shares.extend(counted.iter().map(|e| e.host_seconds / e.seconds));
                medians[kind] = median(each.clone());
                times[kind].extend(each);
            }
            ratios.push(medians[1] / medians[0]);
        }
    }
    let [classic, ms] = times.map(median);
    let gflops = workload.flops() / ms / 1e6;
    Ok(Row {
        ms,
        classic_ms: Some(classic),
        ratio: Some(median(ratios)),
        samples_per_second: Some(1e3 * workload.batch as f64 / ms),
        gflops,
        peak_share: gflops / peak.gflops,
        copy_share: workload.bytes() / ms / 1e6 / peak.gbytes,
        first_step_s: Some(first_step_s),
        // A software adapter does its work while it is handed over.
        host_share: (device.is_gpu() && !device.traits().software).then(|| median(host_shares)),
        dispatches: Some(dispatches),
        plan_mib,
        device_mib: taken.map(mib),
        ..Row::new(device, workload.name.clone())
    })
}

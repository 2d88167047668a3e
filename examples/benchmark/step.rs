//! Whole training steps: forward, backward, Adam's update.

use crate::median;
use crate::peak::Peak;
use crate::report::Row;
use crate::workloads::Workload;
use autorot::{Adam, AutoRotate, Device, Loss, Result, Trainer};
use std::time::Instant;

/// Times classic and auto-rotating steps in turn, so that both see the same machine.
pub fn time(device: &Device, workload: &Workload, seconds: f64, peak: &Peak) -> Result<Row> {
    let data = workload.data()?;
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
        .batch(workload.batch)
        .progress(false)
        .epochs(1);
    // One step, with everything that comes before it.
    let first = data.select(&(0..workload.batch).collect::<Vec<_>>())?;
    let before = device.allocated_bytes();
    let begin = Instant::now();
    let mut rotating = workload.model(device, &data, Some(AutoRotate::new()))?;
    trainer.fit(&mut rotating, &first, None)?;
    let first_step_s = begin.elapsed().as_secs_f64();
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let taken = device.allocated_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    let plan_mib = mib(rotating.device_bytes());
    // Both anew, one after the other: where in memory a model lies can cost a tenth.
    drop(rotating);
    let mut models =
        [workload.model(device, &data, None)?, workload.model(device, &data, Some(AutoRotate::new()))?];
    let epochs = {
        trainer.fit(&mut models[0], &data, None)?;
        let warm = trainer.fit(&mut models[0], &data, None)?;
        ((seconds / 8.0 / warm.epochs[0].seconds) as usize).clamp(1, 50)
    };
    let mut times = [Vec::new(), Vec::new()];
    let mut host_shares = Vec::new();
    for _ in 0..4 {
        for (model, times) in models.iter_mut().zip(&mut times) {
            trainer = trainer.epochs(epochs + 1);
            let history = trainer.fit(model, &data, None)?;
            // The first epoch of a fit learns how much to submit at once.
            times.extend(history.epochs.iter().skip(1).map(|e| 1e3 * e.seconds / e.steps as f64));
            host_shares.extend(history.epochs.iter().skip(1).map(|e| e.host_seconds / e.seconds));
        }
    }
    let [classic, ms] = times.map(median);
    let gflops = workload.flops() / ms / 1e6;
    Ok(Row {
        ms,
        classic_ms: Some(classic),
        ratio: Some(ms / classic),
        samples_per_second: Some(1e3 * workload.batch as f64 / ms),
        gflops,
        peak_share: gflops / peak.gflops,
        copy_share: workload.bytes() / ms / 1e6 / peak.gbytes,
        first_step_s: Some(first_step_s),
        // A software adapter does its work while it is handed over.
        host_share: (device.is_gpu() && !device.traits().software).then(|| median(host_shares)),
        plan_mib,
        device_mib: taken.map(mib),
        ..Row::new(device, workload.name.to_owned())
    })
}

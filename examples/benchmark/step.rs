//! Whole training steps: forward, backward, Adam's update.

use crate::median;
use crate::peak::Peak;
use crate::report::Row;
use crate::workloads::Workload;
use autorot::{Adam, AutoRotate, Device, Loss, Result, Trainer};
use std::time::Instant;

/// How often a classic and an auto-rotating model are built and timed side by side; the ratio is the median of theirs.
const ROUNDS: usize = 7;

/// Times classic and auto-rotating steps in turn, so that both see the same machine.
pub fn time(device: &Device, workload: &Workload, seconds: f64, peak: &Peak) -> Result<Row> {
    let data = workload.data()?;
    let trainer = |epochs| {
        let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
        trainer.batch(workload.batch).progress(false).epochs(epochs)
    };
    // One step, with everything that comes before it.
    let first = data.select(&(0..workload.batch).collect::<Vec<_>>())?;
    let before = device.allocated_bytes();
    let begin = Instant::now();
    let mut rotating = workload.model(device, &data, Some(AutoRotate::new()))?;
    trainer(1).fit(&mut rotating, &first, None)?;
    let first_step_s = begin.elapsed().as_secs_f64();
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    let taken = device.allocated_bytes().zip(before).map(|(after, before)| after.saturating_sub(before));
    let plan_mib = mib(rotating.device_bytes());
    drop(rotating);
    let (mut times, mut ratios, mut host_shares) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Both anew, now this, now that first: where in memory a model lies can cost a tenth.
        let mut kinds = [None, Some(AutoRotate::new())];
        kinds.rotate_left(round % 2);
        let mut medians = [0.0; 2];
        for rotate in kinds {
            let mut model = workload.model(device, &data, rotate)?;
            // The first epochs of a model load its pages and learn how much to submit at once.
            let warm = trainer(1).fit(&mut model, &data, None)?;
            let share = seconds / (2 * ROUNDS) as f64 / warm.epochs[0].seconds;
            let history = trainer((share as usize).clamp(2, 50)).fit(&mut model, &data, None)?;
            let epochs: Vec<f64> =
                history.epochs.iter().skip(1).map(|e| 1e3 * e.seconds / e.steps as f64).collect();
            host_shares.extend(history.epochs.iter().skip(1).map(|e| e.host_seconds / e.seconds));
            medians[usize::from(rotate.is_some())] = median(epochs.clone());
            times[usize::from(rotate.is_some())].extend(epochs);
        }
        ratios.push(medians[1] / medians[0]);
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
        plan_mib,
        device_mib: taken.map(mib),
        ..Row::new(device, workload.name.to_owned())
    })
}

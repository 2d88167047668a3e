//! Whole training steps: forward, backward, Adam's update.

use crate::median;
use crate::peak::Peak;
use crate::report::Row;
use crate::workloads::Workload;
use autorot::{Adam, AutoRotate, Device, Loss, Result, Trainer};
use std::time::Instant;

/// How often a classic and an auto-rotating model are built and timed side by side; the ratio is the median of theirs.
const ROUNDS: usize = 7;

/// The same where an epoch takes long.
const FEW_ROUNDS: usize = 3;

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
    let epoch = trainer(2).fit(&mut rotating, &data, None)?.epochs[1].seconds;
    drop(rotating);
    let rounds = if epoch < seconds / 2.0 { ROUNDS } else { FEW_ROUNDS };
    // The first epoch of a fit loads pages and learns how much to submit at once: it does not count.
    let epochs = 1 + ((seconds / (2 * rounds) as f64 / epoch) as usize).clamp(1, 50);
    let (mut times, mut ratios, mut host_shares) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    for round in 0..rounds {
        // Both anew, now this, now that first: where in memory a model lies can cost a tenth.
        let mut kinds = [None, Some(AutoRotate::new())];
        kinds.rotate_left(round % 2);
        let mut medians = [0.0; 2];
        for rotate in kinds {
            let mut model = workload.model(device, &data, rotate)?;
            let history = trainer(epochs).fit(&mut model, &data, None)?;
            let counted = &history.epochs[1..];
            let each: Vec<f64> = counted.iter().map(|e| 1e3 * e.seconds / e.steps as f64).collect();
            host_shares.extend(counted.iter().map(|e| e.host_seconds / e.seconds));
            medians[usize::from(rotate.is_some())] = median(each.clone());
            times[usize::from(rotate.is_some())].extend(each);
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

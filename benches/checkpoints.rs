//! `cargo bench --bench checkpoints`: how long a prediction of one row takes by a rotated model, and by a `Predictor`, which folds ρ
//! in; and what a checkpoint costs a training of the largest perceptron. On the CPU, or on the device named behind `--`.
//!
//! Trainings of the same three epochs with a checkpoint after each and with four in each take turns; those more are what is timed.

mod say;
#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::train::Checkpoints;
use autorot::{Adam, AutoRotate, Dataset, Device, Interval, Loss, Model, Predictor, Result, Trainer};
use say::say;
use std::time::Instant;
use workloads::{STEPS, median};

const EPOCHS: usize = 3;
const ROUNDS: usize = 7;
/// Steps from one checkpoint to the next, and how many more there are of them.
const SELDOM: u64 = STEPS as u64;
const OFTEN: u64 = SELDOM / 4;
const MORE: usize = 3 * EPOCHS;

/// Seconds of a training with a checkpoint after so many steps each, and the size of the last one.
fn train(model: &mut Model, data: &Dataset, batch: usize, every: u64) -> Result<(f64, u64)> {
    let folder = tempfile::tempdir().expect("a folder for checkpoints");
    let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).batch(batch).epochs(EPOCHS);
    let mut trainer =
        trainer.progress(false).snapshot_every(Interval::Steps(every)).checkpoint(folder.path());
    let begin = Instant::now();
    trainer.fit(model, data, None)?;
    let seconds = begin.elapsed().as_secs_f64();
    let newest = Checkpoints::list(folder.path())?.swap_remove(0);
    Ok((seconds, std::fs::metadata(newest).map_or(0, |file| file.len())))
}

/// Milliseconds of a prediction of one row.
fn single(mut predict: impl FnMut() -> Result<Vec<f32>>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        predict()?;
        times.push(1e3 * begin.elapsed().as_secs_f64());
    }
    Ok(median(times))
}

fn main() -> Result<()> {
    let device = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let device = Device::named(device.as_deref().unwrap_or("cpu"))?;
    say(format_args!("{}: {}", device.name(), device.why()))?;
    let mut last = None;
    for workload in
        workloads::all().into_iter().filter(|w| w.name.contains("notebook") || w.name.contains("2048x4"))
    {
        let data = workload.data()?;
        let mut model = workload.model(&device, &data, Some(AutoRotate::new()))?;
        let row = data.inputs()[..model.network().input().len()].to_vec();
        let predictor = Predictor::new(&mut model)?;
        let (rotated, folded) = (single(|| model.predict(&row))?, single(|| predictor.predict(&row))?);
        say(format_args!("{}: a row in {rotated:.3} ms, {folded:.3} ms with ρ folded in", workload.name))?;
        last = Some((workload, data, model));
    }
    let Some((workload, data, mut model)) = last else { return Ok(()) };

    train(&mut model, &data, workload.batch, SELDOM)?;
    let (mut costs, mut size) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let (seldom, _) = train(&mut model, &data, workload.batch, SELDOM)?;
        let (often, bytes) = train(&mut model, &data, workload.batch, OFTEN)?;
        say(format_args!("{}: {seldom:.2} s, with {MORE} more checkpoints {often:.2} s", workload.name))?;
        costs.push((often - seldom) / MORE as f64);
        size = bytes;
    }
    let (cost, size) = (median(costs), size as f64 / 1e6);
    say(format_args!(
        "a checkpoint of {size:.1} MB: {:.0} ms, {:.2} % of 30 s",
        1e3 * cost,
        100.0 * cost / 30.0
    ))?;
    Ok(())
}

//! Predictions of single rows: what a program waits for that answers one question after another.

use super::peak::Peak;
use super::report::Row;
use crate::workloads::{Workload, median};
use autorot::{AutoRotate, Device, Predictor, Result};
use std::time::Instant;

/// How often both predictors are timed, in turn.
const ROUNDS: usize = 9;

/// Times classic and auto-rotating predictors in turn.
pub fn time(
    device: &Device,
    workload: &Workload,
    rotate: AutoRotate,
    seconds: f64,
    peak: &Peak,
) -> Result<Row> {
    let data = workload.data()?;
    let row = data.select(&[0])?;
    let build = |rotate| Predictor::new(&mut workload.model(device, &data, rotate)?);
    let begin = Instant::now();
    let rotating = build(Some(rotate))?;
    rotating.predict(row.inputs())?;
    let first_step_s = begin.elapsed().as_secs_f64();
    let predictors = [build(None)?, rotating];
    let (mut times, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..ROUNDS {
        let mut medians = [0.0; 2];
        for turn in 0..2 {
            let kind = (round + turn) % 2;
            let (mut each, begin) = (Vec::new(), Instant::now());
            while begin.elapsed().as_secs_f64() < seconds / (2 * ROUNDS) as f64 {
                let begin = Instant::now();
                predictors[kind].predict(row.inputs())?;
                each.push(1e3 * begin.elapsed().as_secs_f64());
            }
            medians[kind] = median(each.clone());
            times[kind].extend(each);
        }
        ratios.push(medians[1] / medians[0]);
    }
    let [classic, ms] = times.map(median);
    let gflops = workload.forward_flops() / workload.batch as f64 / ms / 1e6;
    Ok(Row {
        ms,
        classic_ms: Some(classic),
        ratio: Some(median(ratios)),
        samples_per_second: Some(1e3 / ms),
        gflops,
        peak_share: gflops / peak.gflops,
        first_step_s: Some(first_step_s),
        ..Row::new(device, format!("{}, one row", workload.name))
    })
}

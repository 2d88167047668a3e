//! Whole training steps: forward, backward, Adam's update.

use crate::median;
use crate::peak::Peak;
use crate::report::Row;
use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, Loss, Model, Result, Sequential, Trainer,
};
use std::time::Instant;

/// A multilayer perceptron to train.
pub struct Workload {
    pub name: &'static str,
    inputs: usize,
    hidden: &'static [usize],
    classes: usize,
    activation: Activation,
}

const fn mlp(name: &'static str, inputs: usize, hidden: &'static [usize]) -> Workload {
    Workload { name, inputs, hidden, classes: 10, activation: Activation::Sigmoid }
}

pub const WORKLOADS: [Workload; 4] = [
    mlp("notebook 1024-50-50-40-40-30-10", 1024, &[50, 50, 40, 40, 30]),
    mlp("784-512x4-10", 784, &[512; 4]),
    mlp("784-1024x4-10", 784, &[1024; 4]),
    mlp("784-2048x4-10", 784, &[2048; 4]),
];

/// Rows of a step.
pub const BATCH: usize = 128;

/// Steps of an epoch: as many as go out in one submission.
const STEPS: usize = 32;

impl Workload {
    /// Multiplications and additions of a step: forward, and twice as much backward, less the first layer's input gradient.
    fn flops(&self) -> f64 {
        let widths: Vec<usize> =
            [self.inputs].into_iter().chain(self.hidden.iter().copied()).chain([self.classes]).collect();
        let products: usize = widths.windows(2).map(|w| w[0] * w[1]).sum();
        (2 * BATCH * (3 * products - widths[0] * widths[1])) as f64
    }

    fn data(&self) -> Result<Dataset> {
        let rows = BATCH * STEPS;
        let inputs = (0..rows * self.inputs).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let labels = (0..rows as u32).map(|i| i * 31 % self.classes as u32).collect();
        let names = (0..self.classes).map(|c| c.to_string()).collect();
        Dataset::classes([self.inputs], inputs, labels, names)
    }

    fn model(&self, device: &Device, data: &Dataset, rotate: Option<AutoRotate>) -> Result<Model> {
        let mut model = Sequential::for_data(data);
        for &units in self.hidden {
            model = model.add(Dense::new(units).activation(self.activation).auto_rotate(rotate));
        }
        model.add(Dense::new(self.classes)).build(device, 0)
    }
}

/// Times classic and auto-rotating steps in turn, so that both see the same machine.
pub fn time(device: &Device, workload: &Workload, seconds: f64, peak: &Peak) -> Result<Row> {
    let data = workload.data()?;
    let begin = Instant::now();
    let mut models =
        [workload.model(device, &data, None)?, workload.model(device, &data, Some(AutoRotate::new()))?];
    let mut trainer =
        Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).batch(BATCH).progress(false).epochs(1);
    // One step, with everything that comes before it.
    let first = data.select(&(0..BATCH).collect::<Vec<_>>())?;
    trainer.fit(&mut models[1], &first, None)?;
    let first_step_s = begin.elapsed().as_secs_f64();
    let epochs = {
        trainer.fit(&mut models[0], &data, None)?;
        let warm = trainer.fit(&mut models[0], &data, None)?;
        ((seconds / 2.0 / warm.epochs[0].seconds) as usize).clamp(3, 200)
    };
    let mut times = [Vec::new(), Vec::new()];
    // One fit each, so that plans are bound once; the turns are within it too short to matter.
    for _ in 0..2 {
        for (model, times) in models.iter_mut().zip(&mut times) {
            trainer = trainer.epochs(epochs.div_ceil(2) + 1);
            let history = trainer.fit(model, &data, None)?;
            // The first epoch of a fit learns how much to submit at once.
            times.extend(history.epochs.iter().skip(1).map(|e| 1e3 * e.seconds / e.steps as f64));
        }
    }
    let [classic, rotating] = times.map(median);
    let gflops = workload.flops() / rotating / 1e6;
    Ok(Row {
        device: device.name(),
        workload: workload.name.to_owned(),
        ms: rotating,
        classic_ms: Some(classic),
        ratio: Some(rotating / classic),
        samples_per_second: Some(1e3 * BATCH as f64 / rotating),
        gflops,
        peak_share: gflops / peak.gflops,
        first_step_s: Some(first_step_s),
        device_mib: Some(models[1].device_bytes() as f64 / (1 << 20) as f64),
    })
}

//! One training.

use super::Options;
use super::arms::Arm;
use super::nets::Net;
use super::options::Scaling;
use super::records::Outcome;
use super::sets::{Set, Thirds};
use crate::job;
use crate::neurons::Neurons;
use autorot::data::Scaler;
use autorot::{Dataset, Device, Error, Loss, Metric, Result, Targets, Trainer};
use std::time::Instant;

/// The scaled parts of a data set.
pub struct Parts {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
    loss: Loss,
    metric: Metric,
}

impl Parts {
    /// The parts of a seed with this share of the training rows, on which scales are fitted.
    pub fn of(set: &Set, scaling: Scaling, share: f64, seed: u64) -> Result<Self> {
        let Thirds { train, validation, test } = set.thirds(share, seed)?;
        let inputs = scaling.fit(&train)?;
        let regresses = matches!(train.targets(), Targets::Values { .. });
        let targets = if regresses { Some(Scaler::standard_targets(&train)?) } else { None };
        let scaled = |data: &Dataset| {
            let data = inputs.apply(data)?;
            targets.as_ref().map_or(Ok(data.clone()), |targets| targets.apply(&data))
        };
        let (loss, metric) = match regresses {
            true => (Loss::MeanSquaredError, Metric::R2),
            false => (Loss::SoftmaxCrossEntropy, Metric::Accuracy),
        };
        Ok(Self {
            train: scaled(&train)?,
            validation: scaled(&validation)?,
            test: scaled(&test)?,
            loss,
            metric,
        })
    }
}

/// Trains an arm at a rate from a seed. One that meets a number that is not finite has failed: its scores are 0.
pub fn train(
    options: &Options,
    device: &Device,
    parts: &Parts,
    net: Net,
    arm: &Arm,
    (rate, seed): (f64, u64),
) -> Result<Outcome> {
    let Parts { train, validation, test, loss, metric } = parts;
    let begin = Instant::now();
    let built = |neurons: &Neurons| net.build(neurons, options.hidden.units(), train);
    let mut model = built(&arm.neurons).build(device, seed)?;
    let twin = || built(&Neurons::critical(arm.neurons.activation)).network(seed);
    arm.neurons.begin(&mut model, train, twin)?;
    let optimizer = options.training.optimizer()?.with_learning_rate(rate);
    let rows = train.len().min(options.training.batch);
    let trainer = job::trainer(Trainer::new(optimizer, loss.clone()), rows);
    let trainer = trainer.metric(metric.clone()).progress(false);
    let mut trainer = trainer.epochs(options.epochs(train.len())).batch(options.training.batch).seed(seed);
    let ended = trainer.fit(&mut model, train, Some(validation)).map(drop);
    let epochs = trainer.history().epochs.iter();
    let curve: Vec<f64> = epochs.map(|epoch| score(epoch.val_metrics.first().copied())).collect();
    let (validation, test) = match ended {
        Ok(()) => {
            let tested = model.evaluate(test, loss.clone(), std::slice::from_ref(metric))?;
            (curve.last().copied().unwrap_or(0.0), score(tested.metrics.first().copied()))
        }
        Err(Error::NonFinite { .. }) => (0.0, 0.0),
        Err(error) => return Err(error),
    };
    Ok(Outcome { validation, test, curve, seconds: begin.elapsed().as_secs_f64() })
}

/// An accuracy, or R² if it is better than the mean's.
fn score(metric: Option<f64>) -> f64 {
    metric.filter(|score| score.is_finite()).map_or(0.0, |score| score.max(0.0))
}

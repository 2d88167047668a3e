//! One training.

use super::methods::Method;
use super::net;
use super::options::Options;
use crate::gradients::PROBE_ROWS;
use crate::run;
use autorot::{Dataset, Device, Error, Loss, Metric, Model, Result, Split};
use serde::{Deserialize, Serialize};

/// The share of the training rows that choose the rate.
const VALIDATION: f64 = 0.2;

/// The data, with a part of the training rows that no training sees.
pub struct Parts {
    train: Dataset,
    validation: Dataset,
    test: Dataset,
}

impl Parts {
    /// All trainings have the same parts.
    pub fn of(Split { train, test }: Split) -> Result<Self> {
        let Split { train, test: validation } = train.split(VALIDATION, 0)?;
        Ok(Self { train, validation, test })
    }
}

/// What came of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// `None` if it diverged: a loss or a gradient was not finite.
    pub scores: Option<Scores>,
    /// Milliseconds per step; `None` if it diverged in the first epoch.
    pub step_ms: Option<f64>,
    /// The norm of each layer's gradient at the start, from the first layer to the last; `None` for one that is not finite.
    pub gradients_before: Vec<Option<f64>>,
    /// The same at the end; empty if it diverged.
    pub gradients_after: Vec<Option<f64>>,
}

/// The scores at the end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    pub validation_accuracy: f64,
    pub test_accuracy: f64,
    pub test_loss: f64,
}

/// Trains a method's net of a depth at a rate from a seed.
pub fn train(
    options: &Options,
    device: &Device,
    parts: &Parts,
    (method, depth): (Method, usize),
    (rate, seed): (f64, u64),
) -> Result<Outcome> {
    let training = &options.training;
    let mut model = net::build(options, device, &parts.train, (method, depth), seed)?;
    if options.rates().first() == Some(&rate) {
        training.summarize(seed, &format!("{}, {depth} layers", method.title), &model);
    }
    let gradients_before = gradients(&mut model, &parts.train)?;
    let optimizer = training.optimizer()?.with_learning_rate(rate);
    let mut trainer = training.trainer(optimizer, seed).progress(false);
    let scores = match trainer.fit(&mut model, &parts.train, None).map(drop) {
        Ok(()) => scores(&mut model, parts)?,
        Err(Error::NonFinite { .. }) => None,
        Err(error) => return Err(error),
    };
    let gradients_after = match scores {
        Some(_) => gradients(&mut model, &parts.train)?,
        None => Vec::new(),
    };
    Ok(Outcome {
        scores,
        step_ms: finite(run::step_ms(trainer.history())),
        gradients_before,
        gradients_after,
    })
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// `None` if one is not finite.
fn scores(model: &mut Model, parts: &Parts) -> Result<Option<Scores>> {
    let mut score = |data: &Dataset| -> Result<Option<(f64, f64)>> {
        let scored = model.evaluate(data, Loss::SoftmaxCrossEntropy, &[Metric::Accuracy])?;
        Ok(finite(scored.loss).zip(scored.metrics.first().copied().and_then(finite)))
    };
    let both = score(&parts.validation)?.zip(score(&parts.test)?);
    Ok(both.map(|((_, validation_accuracy), (test_loss, test_accuracy))| Scores {
        validation_accuracy,
        test_accuracy,
        test_loss,
    }))
}

/// The norm of each layer's gradient on the first training rows, without normalisations and activations of their own.
fn gradients(model: &mut Model, data: &Dataset) -> Result<Vec<Option<f64>>> {
    let layers = model.inspect(data, Loss::SoftmaxCrossEntropy, PROBE_ROWS)?;
    let has_kernel = |path: &str| ["dense", "conv2d"].iter().any(|kind| path.ends_with(kind));
    Ok(layers.iter().filter(|l| has_kernel(&l.path)).map(|l| finite(l.gradient_norm)).collect())
}

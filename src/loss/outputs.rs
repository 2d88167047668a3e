//! What a model's outputs are, and what they say.

use super::Loss;
use serde::{Deserialize, Serialize};

/// What the numbers of a prediction are, as the loss has it that the model was trained with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outputs {
    /// Values, taken as they are.
    #[default]
    Values,
    /// Logits of classes of which one applies: their softmax is the probabilities.
    Logits,
    /// Probabilities of classes of which one applies, taken as they are: of a network that ends with a softmax of its own.
    Probabilities,
    /// Logits that each stand for a yes or a no: their sigmoid is the probability of a yes.
    BinaryLogits,
    /// Logarithms of rates: their exponentials are the counts to expect.
    LogRates,
}

impl Outputs {
    /// The outputs that a loss takes.
    pub fn of(loss: &Loss) -> Self {
        match loss {
            loss if loss.of_classes() => Self::Logits,
            loss if loss.of_answers() => Self::BinaryLogits,
            Loss::Poisson => Self::LogRates,
            _ => Self::Values,
        }
    }

    /// Whether a prediction is about classes of which one applies.
    pub fn of_one_class(self) -> bool {
        matches!(self, Self::Logits | Self::Probabilities)
    }

    /// Whether one output tells two classes: as the logit of the second.
    pub(crate) fn tells_two(self, outputs: usize, classes: usize) -> bool {
        self == Self::BinaryLogits && outputs == 1 && classes == 2
    }

    /// What the outputs of one prediction say about so many classes or values; a single logit gives both of two classes a probability.
    pub(crate) fn answer_of(self, outputs: &[f32], classes: usize, answers: &mut Vec<f64>) {
        if self.tells_two(outputs.len(), classes) {
            self.answer(&[-outputs[0]], answers);
        }
        self.answer(outputs, answers);
    }

    /// What the outputs of one prediction say: values, or probabilities.
    pub(crate) fn answer(self, outputs: &[f32], answers: &mut Vec<f64>) {
        let first = answers.len();
        let wide = outputs.iter().map(|&v| f64::from(v));
        match self {
            Self::Values | Self::Probabilities => answers.extend(wide),
            Self::LogRates => answers.extend(wide.map(f64::exp)),
            Self::BinaryLogits => answers.extend(wide.map(|v| 1.0 / (1.0 + (-v).exp()))),
            Self::Logits => {
                let top = wide.clone().fold(f64::MIN, f64::max);
                answers.extend(wide.map(|v| (v - top).exp()));
                let total: f64 = answers[first..].iter().sum();
                answers[first..].iter_mut().for_each(|v| *v /= total);
            }
        }
    }
}

//! Checks that a trainer's options, the data and the model fit together.

use super::step::Scored;
use super::{Recipe, Trainer};
use crate::data::Source;
use crate::data::classes::check_same;
use crate::model::{Network, Outputs};
use crate::{Activation, Error, Model, Result, Targets};

impl Trainer<'_> {
    /// Checks that the model can be trained on these data.
    pub(super) fn check_all(
        &self,
        model: &Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<()> {
        positive("epochs", self.epochs)?;
        self.check(model, train)?;
        self.check_order(model, train, self.recipe.shuffle)?;
        self.recipe.check_updates(model.network())?;
        if let Some(validation) = validation {
            if let (Some(expected), Some(found)) =
                (train.sample().targets().class_names(), validation.sample().targets().class_names())
            {
                check_same("validation data", found, expected, "those of the training data")?;
            }
            self.check(model, validation)?;
            self.check_order(model, validation, false)?;
        }
        self.interval.check()
    }

    /// Checks data, model, and the options that training and evaluation share.
    pub(super) fn check(&self, model: &Model, data: &dyn Source) -> Result<()> {
        self.recipe.check(model, data)
    }

    /// Checks that layers that keep their states between batches get the sequences in order.
    pub(super) fn check_order(&self, model: &Model, data: &dyn Source, shuffled: bool) -> Result<()> {
        let Some(path) = model.network().stateful() else { return Ok(()) };
        let whole = data.len().is_multiple_of(self.recipe.batch.min(data.len()));
        if whole && !shuffled {
            return Ok(());
        }
        let order = if shuffled { ", shuffled" } else { "" };
        Err(Error::invalid(
            path,
            format!("a stateful layer, {} rows in batches of {}{order}", data.len(), self.recipe.batch),
            "rows in order, in batches of equal size",
            "set shuffle(false) and a batch that divides the number of rows",
        ))
    }
}

impl Recipe {
    /// Checks that data, model, loss and metrics fit together.
    pub(crate) fn check(&self, model: &Model, source: &dyn Source) -> Result<()> {
        let (network, data) = (model.network(), source.sample());
        network.check_inputs(data)?;
        model.check_classes(data)?;
        if let Targets::Classes { names, .. } = data.targets()
            && let [name] = names.as_slice()
        {
            return Err(Error::invalid(
                "data set classes",
                format!("one class, {name:?}, which is always right"),
                "at least 2 classes",
                "add rows of another class; to distinguish one class from everything else, give the rest its own class",
            ));
        }
        self.check_rows(network, source.len(), data.targets(), data.weights_per_row())
    }

    /// Checks that the model, the loss and the metrics fit this many rows with such targets and, where rows have weights, so many of them.
    pub(crate) fn check_rows(
        &self,
        network: &Network,
        rows: usize,
        targets: &Targets,
        weights: Option<usize>,
    ) -> Result<()> {
        positive("batch", self.batch)?;
        if rows == 0 || u32::try_from(rows).is_err() {
            return Err(Error::invalid(
                "data set",
                format!("{rows} rows"),
                "1 to 4,294,967,295 rows",
                "train on parts of the data",
            ));
        }
        self.loss.check(targets, network.output().len())?;
        self.check_ending(network)?;
        let scored = self.task_of(network, targets.steps(), weights).scored;
        // A last dimension of 1 is one number per step, however the targets treat the steps.
        let single = network.output().shape.last() == Some(&1);
        let outputs = if single { 1 } else { scored.outputs };
        self.loss.check_prediction(outputs)?;
        self.metrics.iter().try_for_each(|m| m.check(outputs))?;
        self.check_smoothing()?;
        self.check_steps(network, targets, scored)?;
        let mut names = std::collections::HashSet::new();
        if let Some(twice) = self.metrics.iter().map(|m| m.name()).find(|name| !names.insert(name.clone())) {
            return Err(Error::invalid(
                "trainer metrics",
                format!("{twice} twice"),
                "every metric once",
                "leave one of them out",
            ));
        }
        Ok(())
    }

    /// Checks that the network does not end with the function that the loss takes itself, and that outputs that are probabilities have a
    /// threshold among them.
    fn check_ending(&self, network: &Network) -> Result<()> {
        let Some(ending) = network.ending() else { return Ok(()) };
        let outputs = Outputs::of(&self.loss);
        let (own, twice): (&str, &[&str]) = match outputs {
            Outputs::Logits => ("softmax", &["softmax"]),
            Outputs::BinaryLogits => ("sigmoid", &["softmax", "sigmoid", "hard_sigmoid"]),
            Outputs::LogRates => ("exponential", &["exponential"]),
            Outputs::Values | Outputs::Probabilities => ("", &[]),
        };
        if twice.contains(&ending.name()) {
            return Err(Error::invalid(
                &ending.path,
                format!("{} at the end of a network for the loss {}", ending.name(), self.loss.name()),
                format!("outputs of which the loss takes the {own} itself"),
                "leave it out, or make the activation linear: Model::predict_rows answers with what it would give; weights stay the same",
            ));
        }
        let threshold = self.metrics.iter().find_map(|m| Some((m, m.threshold()?)));
        if let Some((metric, threshold)) = threshold
            && ["softmax", "sigmoid", "hard_sigmoid"].contains(&ending.name())
            && !(threshold > 0.0 && threshold < 1.0)
        {
            return Err(Error::invalid(
                format!("metric {}", metric.name()),
                format!("the threshold {threshold} for outputs of a {}", ending.name()),
                "one between 0 and 1, as the outputs are",
                "use 0.5",
            ));
        }
        Ok(())
    }

    /// Warns of logits that cannot become large.
    fn doubt_ending(&self, network: &Network) {
        let bounded = network.ending().and_then(|ending| {
            // The range of these is only where inputs are expected.
            let open = [Activation::Linear, Activation::Exponential];
            let activation = ending.activation.filter(|activation| !open.contains(activation))?;
            Some((activation.range(None)?, ending))
        });
        if let (Outputs::Logits | Outputs::BinaryLogits, Some((range, ending))) =
            (Outputs::of(&self.loss), bounded)
        {
            log::warn!(
                "{}: logits of {} stay between {} and {}, so that probabilities come near neither 0 nor 1; the last layer of a \
                 classifier is linear",
                ending.path,
                ending.name(),
                range.min,
                range.max
            );
        }
    }

    /// Checks that there are class targets to smooth.
    fn check_smoothing(&self) -> Result<()> {
        let share = self.label_smoothing;
        let (found, remedy) = if !(0.0..1.0).contains(&share) {
            (share.to_string(), "use 0.1, or 0 for none")
        } else if share > 0.0 && !self.loss.of_classes() && !self.loss.of_answers() {
            (format!("{share} with the loss {}", self.loss.name()), "leave it out")
        } else {
            return Ok(());
        };
        Err(Error::invalid(
            "trainer option label_smoothing",
            found,
            "a share from 0 to below 1, and a loss of class targets",
            remedy,
        ))
    }

    /// Checks that every prediction has a target, if a row has several.
    fn check_steps(&self, network: &Network, targets: &Targets, scored: Scored) -> Result<()> {
        let Scored { steps, .. } = scored;
        let output = &network.output().shape;
        // Values of shape [T] are those of a single output per step.
        let single = matches!(targets, Targets::Values { .. }) && !self.loss.takes_steps();
        let of_steps =
            targets.steps() == steps || (single && targets.steps() == 1 && targets.width() == steps);
        let along: usize = output.iter().take(output.len().saturating_sub(1)).product();
        if steps > 1 && !(of_steps && along == steps) {
            return Err(Error::invalid(
                "data set targets",
                format!(
                    "{} targets of {} numbers per row",
                    targets.steps(),
                    targets.width() / targets.steps()
                ),
                format!("one for every step of the predictions, {output:?}"),
                "give every time step a target, or let the last recurrent layer return only its last output",
            ));
        }
        Ok(())
    }

    /// Checks what only training needs: the optimiser's options, and whether steps can share updates.
    pub(crate) fn check_updates(&self, network: &Network) -> Result<()> {
        self.optimizer.check()?;
        self.doubt_ending(network);
        positive("accumulate", self.accumulate)?;
        let arena = network.arena();
        if arena.count() == 0 && !arena.frozen_ranges().is_empty() {
            return Err(Error::invalid(
                "model to train",
                "parameters that are all frozen",
                "a layer that training changes",
                "free one with Model::set_trainable",
            ));
        }
        Ok(())
    }
}

fn positive(option: &str, value: usize) -> Result<()> {
    if value > 0 {
        return Ok(());
    }
    Err(Error::invalid(
        format!("trainer option {option}"),
        0,
        "at least 1",
        format!("set {option} to a positive number"),
    ))
}

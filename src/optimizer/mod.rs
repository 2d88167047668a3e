//! Optimisers, with Keras' defaults and formulas: one file per rule. Built-in and user-defined ones implement [`UpdateRule`].

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod lamb;
mod lion;
mod moments;
mod nadam;
pub(crate) mod record;
mod rmsprop;
mod sgd;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use lamb::Lamb;
pub use lion::Lion;
pub use nadam::Nadam;
pub(crate) use record::{UpdateViews, record_accumulation, record_guard, spans};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::describe::{Options, value};
use crate::kernel::UpdateRule;
use crate::{Error, Result, Schedule};
use record::Rule;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Gradient clipping. By norm: all gradients together are scaled down to it (Keras' `global_clipnorm`, PyTorch's
/// `clip_grad_norm_`). By value: every single one is clamped (Keras' `clipvalue`). With both, the norm comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clip {
    /// The largest norm, above 0.
    pub norm: Option<f32>,
    /// The largest absolute value, above 0.
    pub value: Option<f32>,
}

/// An optimiser: an update rule, the learning rate over time and by layer, gradient clipping, decoupled weight decay, and moving averages
/// of the parameters. [`Sgd`], [`RmsProp`], [`Adam`], [`AdamW`], [`Adagrad`], [`Adadelta`], [`Adamax`], [`Nadam`], [`Lion`] and [`Lamb`]
/// convert into one; [`Optimizer::new`] makes one from a rule of your own.
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Arc<dyn Rule>,
    learning_rate: Schedule,
    clip: Clip,
    weight_decay: f32,
    /// By what layers or parameters multiply the learning rate, by path.
    rate_factors: BTreeMap<String, f32>,
    ema_momentum: Option<f32>,
}

/// A built-in optimiser.
struct BuiltIn {
    name: &'static str,
    /// With its defaults, then with other options that together cover every path.
    examples: fn() -> Vec<Optimizer>,
    /// From all options of its rule.
    read: fn(Value) -> serde_json::Result<Optimizer>,
}

fn read<R: DeserializeOwned + Into<Optimizer>>(options: Value) -> serde_json::Result<Optimizer> {
    Ok(serde_json::from_value::<R>(options)?.into())
}

/// The built-in optimisers.
const BUILT_IN: [BuiltIn; 10] = [
    BuiltIn {
        name: "sgd",
        examples: || {
            let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
            vec![Sgd::default().into(), momentum.clone().into(), Sgd { nesterov: true, ..momentum }.into()]
        },
        read: read::<Sgd>,
    },
    BuiltIn {
        name: "rmsprop",
        examples: || vec![RmsProp::default().into(), RmsProp { momentum: 0.5, ..RmsProp::default() }.into()],
        read: read::<RmsProp>,
    },
    BuiltIn { name: "adam", examples: || vec![Adam::default().into()], read: read::<Adam> },
    BuiltIn { name: "adamw", examples: || vec![AdamW::default().into()], read: read::<Adam> },
    BuiltIn { name: "adagrad", examples: || vec![Adagrad::default().into()], read: read::<Adagrad> },
    BuiltIn { name: "adadelta", examples: || vec![Adadelta::default().into()], read: read::<Adadelta> },
    BuiltIn { name: "adamax", examples: || vec![Adamax::default().into()], read: read::<Adamax> },
    BuiltIn { name: "nadam", examples: || vec![Nadam::default().into()], read: read::<Nadam> },
    BuiltIn { name: "lion", examples: || vec![Lion::default().into()], read: read::<Lion> },
    BuiltIn { name: "lamb", examples: || vec![Lamb::default().into()], read: read::<Lamb> },
];

impl PartialEq for Optimizer {
    fn eq(&self, other: &Self) -> bool {
        self.description() == other.description()
    }
}

impl Optimizer {
    /// An optimiser with this rule and a learning rate of 0.01, without gradient clipping or weight decay.
    pub fn new(rule: impl UpdateRule) -> Self {
        let learning_rate = Schedule::Constant(0.01);
        Self {
            rule: Arc::new(record::Held(rule)),
            learning_rate,
            clip: Clip::default(),
            weight_decay: 0.0,
            rate_factors: BTreeMap::new(),
            ema_momentum: None,
        }
    }

    /// The optimiser of this name with its defaults: `sgd`, `rmsprop`, `adam`, `adamw`, `adagrad`, `adadelta`, `adamax`,
    /// `nadam`, `lion` or `lamb`.
    ///
    /// # Errors
    /// An unknown name.
    pub fn from_name(name: &str) -> Result<Self> {
        let wanted = name.to_ascii_lowercase();
        let found = BUILT_IN.iter().find(|built_in| built_in.name == wanted);
        found.and_then(|built_in| (built_in.examples)().into_iter().next()).ok_or_else(|| {
            let names = BUILT_IN.map(|built_in| built_in.name).join(", ");
            Error::invalid("optimizer", format!("{name:?}"), names, "use one of these")
        })
    }

    /// The optimiser of this name with these options, and its defaults for the others: `learning_rate` (a number, or a [`Schedule`] as
    /// serde writes it), `clip`, `weight_decay`, `rate_factors` (numbers by path), `ema_momentum`, and the fields of [`Sgd`], [`RmsProp`], [`Adam`] and so on.
    ///
    /// # Errors
    /// An unknown name or option; a value that the option does not take.
    pub fn from_options(name: &str, options: &Options) -> Result<Self> {
        let plain = Self::from_name(name)?;
        let wrong = |option: &str, e: serde_json::Error| {
            let (place, known) = (format!("optimizer option {option}"), plain.description());
            let known = known.values().next().map(ToString::to_string).unwrap_or_default();
            Error::invalid(place, e, format!("a value as in {known}"), "correct the option, or leave it out")
        };
        let name = plain.name();
        let mut all = plain.description().remove(name).unwrap_or_default();
        let mut made = plain.clone();
        for (option, value) in options {
            let rate = option == "learning_rate" && value.is_number();
            let value = if rate { serde_json::json!({ "constant": value }) } else { value.clone() };
            let known = all.as_object_mut().and_then(|all| all.get_mut(option));
            let Some(place) = known else {
                let known = all.as_object().into_iter().flat_map(|all| all.keys().map(String::as_str));
                let expected = known.collect::<Vec<_>>().join(", ");
                return Err(Error::invalid(
                    format!("optimizer {name}"),
                    format!("the option {option:?}"),
                    expected,
                    "use one of these",
                ));
            };
            *place = value;
            made = Self::read(name, &all).map_err(|e| wrong(option, e))?;
        }
        Ok(made)
    }

    /// The optimiser of this rule with all options.
    fn read(name: &str, all: &Value) -> serde_json::Result<Self> {
        let read =
            BUILT_IN.iter().find(|built_in| built_in.name == name).map_or(read::<Adam> as _, |b| b.read);
        let rule = read(all.clone())?;
        let (weight_decay, rate_factors) = (all["weight_decay"].clone(), all["rate_factors"].clone());
        Ok(Self {
            weight_decay: serde_json::from_value(weight_decay)?,
            rate_factors: serde_json::from_value(rate_factors)?,
            ema_momentum: serde_json::from_value(all["ema_momentum"].clone())?,
            ..rule
        })
    }

    /// The built-in optimisers, each with various options.
    pub(crate) fn built_in() -> impl Iterator<Item = Vec<Self>> {
        BUILT_IN.iter().map(|built_in| (built_in.examples)())
    }

    /// The optimiser with another learning rate.
    pub fn with_learning_rate(mut self, rate: impl Into<Schedule>) -> Self {
        self.learning_rate = rate.into();
        self
    }

    /// The optimiser with this gradient clipping.
    pub fn with_clip(mut self, clip: Clip) -> Self {
        self.clip = clip;
        self
    }

    /// The optimiser with this decoupled weight decay, at least 0: w −= lr·decay·w before every update, for weights and biases but
    /// not for a learnt L.
    pub fn with_weight_decay(mut self, decay: f32) -> Self {
        self.weight_decay = decay;
        self
    }

    /// The optimiser with another learning rate for the layer at this path, with the layers inside it, or for a single parameter: the
    /// schedule's times this factor, above 0 (PyTorch's parameter groups). Of several paths the longest decides. What is not to learn at
    /// all is frozen by [`Model::set_trainable`](crate::Model::set_trainable). A path that the model does not have is refused when a
    /// training begins.
    ///
    /// ```
    /// use autorot::{Adam, Optimizer};
    ///
    /// let optimizer = Optimizer::from(Adam::default()).with_rate_factor("0.dense", 0.1).with_rate_factor("0.dense.bias", 1.0);
    /// # optimizer.check().unwrap();
    /// ```
    pub fn with_rate_factor(mut self, path: impl Into<String>, factor: f32) -> Self {
        self.rate_factors.insert(path.into(), factor);
        self
    }

    /// The optimiser with moving averages of the trained parameters, kept beside them from the beginning of a training on: after every
    /// update average = momentum·average + (1 − momentum)·parameter, with a momentum in 0..1, usually 0.99 (Keras' `use_ema` and
    /// `ema_momentum`). [`Trainer::fit`](crate::Trainer::fit) trains and validates with the parameters as they are, and replaces them by
    /// the averages when it ends; a custom loop does so with [`Model::take_averages`](crate::Model::take_averages).
    pub fn with_ema(mut self, momentum: f32) -> Self {
        self.ema_momentum = Some(momentum);
        self
    }

    /// The momentum of the moving averages, if there are any.
    pub fn ema_momentum(&self) -> Option<f32> {
        self.ema_momentum
    }

    /// The learning rate over time.
    pub fn learning_rate(&self) -> &Schedule {
        &self.learning_rate
    }

    /// The rule's name: `adam`, also for AdamW.
    pub fn name(&self) -> &'static str {
        self.rule.name()
    }

    /// The rule's name and everything that its updates depend on.
    pub fn description(&self) -> Options {
        let mut options = self.rule.options();
        options.insert("learning_rate".to_owned(), value(&self.learning_rate));
        options.insert("clip".to_owned(), value(&self.clip));
        options.insert("weight_decay".to_owned(), value(&self.weight_decay));
        options.insert("rate_factors".to_owned(), value(&self.rate_factors));
        options.insert("ema_momentum".to_owned(), value(&self.ema_momentum));
        Options::from([(self.name().to_owned(), value(&options))])
    }

    /// Checks that all numbers are usable.
    ///
    /// # Errors
    /// A number that is not, by name.
    pub fn check(&self) -> Result<()> {
        self.learning_rate.check()?;
        let Self { clip, weight_decay, ema_momentum, .. } = *self;
        in_ranges(
            self,
            &[
                ("clip.norm", clip.norm.is_none_or(positive)),
                ("clip.value", clip.value.is_none_or(positive)),
                ("weight_decay", weight_decay.is_finite() && weight_decay >= 0.0),
                ("rate_factors", self.rate_factors.values().copied().all(positive)),
                ("ema_momentum", ema_momentum.is_none_or(|momentum| (0.0..1.0).contains(&momentum))),
            ],
        )?;
        self.rule.check()
    }

    /// The names of the buffers for what the rule keeps, each as long as the parameters. Every rule has its own.
    pub fn kept(&self) -> Vec<String> {
        self.rule.kept().iter().map(|kept| format!("{} {kept}", self.name())).collect()
    }

    /// Learning rate, step size and two further numbers of update number `update`, counted from 0, as the table of rates has them.
    pub fn rates(&self, update: u64) -> [f64; 4] {
        self.rates_from(self.learning_rate.rate(update), update)
    }

    /// The same with this learning rate.
    pub(crate) fn rates_from(&self, learning_rate: f64, update: u64) -> [f64; 4] {
        let [size, a, b] = self.rule.factors(update);
        [learning_rate, learning_rate * size, a, b]
    }
}

/// The number of an update counted from 1, for corrections that are 1 beyond i32.
fn nth(update: u64) -> i32 {
    i32::try_from(update.saturating_add(1)).unwrap_or(i32::MAX)
}

/// Refuses options outside their ranges.
fn in_ranges(options: &impl std::fmt::Debug, fine: &[(&str, bool)]) -> Result<()> {
    let wrong: Vec<&str> = fine.iter().filter(|(_, fine)| !fine).map(|(name, _)| *name).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::invalid(
        format!("optimizer option {}", wrong.join(", ")),
        format!("{options:?}"),
        "decays and momenta in 0..1, ε > 0, limits and factors of rates > 0, weight decay >= 0",
        "correct the option",
    ))
}

fn positive(number: f32) -> bool {
    number.is_finite() && number > 0.0
}

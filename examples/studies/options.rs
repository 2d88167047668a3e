//! The options on training and on auto-rotation.

use crate::say::say;
use crate::{given, job};
use autorot::{AutoRotate, Device, Error, LearnL, Loss, Metric, Model, Optimizer, Result, Rule, Trainer};
use serde::Serialize;
use std::path::PathBuf;

/// How to train, on what, and where the results go.
#[derive(clap::Args, Debug, Serialize)]
pub struct Training {
    /// Passes over the training data.
    #[arg(long, default_value_t = 10)]
    pub epochs: usize,
    /// Rows per step.
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// The optimiser, with Keras' defaults.
    #[arg(long, value_enum, value_name = "NAME", ignore_case = true, default_value_t = OptimizerName::Adam)]
    optimizer: OptimizerName,
    /// The learning rate, instead of the optimiser's default.
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The number of seeds to train each variant from.
    #[arg(long, default_value_t = 3)]
    pub seeds: u64,
    /// auto, gpu, software, cpu, cpu-f64 or part of an adapter's name, as listed by the example devices [default: AUTOROT_DEVICE,
    /// or else auto].
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The folder for the report and the figures.
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
    /// Print a summary of every network.
    #[arg(long)]
    #[serde(skip)]
    summary: bool,
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
enum OptimizerName {
    Sgd,
    RmsProp,
    Adam,
    AdamW,
}

/// Each of the values once, in their order.
pub fn once<T: PartialEq + Copy>(values: &[T]) -> Vec<T> {
    let mut all = Vec::new();
    for &value in values {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    all
}

/// Rejects an option of 0.
pub fn positive(option: &str, value: usize) -> Result<()> {
    match value {
        0 => Err(Error::invalid(option, 0, "at least 1", "give a positive number")),
        _ => Ok(()),
    }
}

impl Training {
    /// Checks the options before anything is read or trained.
    pub fn check(&self) -> Result<()> {
        std::fs::create_dir_all(self.out()).map_err(|e| Error::io(self.out(), e))?;
        self.optimizer()?.check()?;
        if self.seeds == 0 {
            return Err(Error::invalid("--seeds", 0, "at least 1", "train from at least one seed"));
        }
        positive("--epochs", self.epochs)?;
        positive("--batch", self.batch)
    }

    /// The folder for what this process writes.
    pub fn out(&self) -> PathBuf {
        job::folder(&self.out)
    }

    /// Opens the device, and prints which one and why.
    pub fn device(&self) -> Result<Device> {
        let device = job::device(self.device.as_deref())?;
        say!("device: {}: {}", device.name(), device.why());
        Ok(device)
    }

    /// The optimiser with its learning rate.
    pub fn optimizer(&self) -> Result<Optimizer> {
        let optimizer = Optimizer::from_name(&given::word(self.optimizer))?;
        Ok(match self.learning_rate {
            Some(rate) => optimizer.with_learning_rate(rate),
            None => optimizer,
        })
    }

    /// Prints the network's summary if requested, for the first seed only.
    pub fn summarize(&self, seed: u64, title: &str, model: &Model) {
        if seed == 0 && self.summary {
            say!("\n{title}\n{}", model.summary());
        }
    }

    /// A line that says what was written: the report, and figures of these names.
    pub fn written(&self, figures: &[&str]) -> String {
        let files: String = figures.iter().map(|name| format!(", {name}.png, {name}.svg")).collect();
        format!("written to {}: report.json{files}", self.out.display())
    }

    /// A trainer for classifiers.
    pub fn trainer<'a>(&self, optimizer: Optimizer, seed: u64) -> Trainer<'a> {
        self.trainer_for(&Loss::SoftmaxCrossEntropy, &optimizer, seed)
    }

    /// A trainer with this loss; for classifiers, it also measures the accuracy.
    pub fn trainer_for<'a>(&self, loss: &Loss, optimizer: &Optimizer, seed: u64) -> Trainer<'a> {
        let trainer = job::trainer(Trainer::new(optimizer.clone(), loss.clone()), self.batch);
        let trainer = trainer.epochs(self.epochs).batch(self.batch).seed(seed);
        if *loss == Loss::SoftmaxCrossEntropy { trainer.metric(Metric::Accuracy) } else { trainer }
    }
}

/// How layers rotate.
#[derive(clap::Args, Clone, Copy, Debug, Serialize)]
pub struct Rotation {
    /// Where the point x_Q lies: on the diagonal, as in the papers, or aligned with each unit's weights; or critical auto-rotation, for
    /// nets of any depth, with its own initial weights.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = RuleName::Diagonal)]
    rule: RuleName,
    /// Whether L is fixed, or learnt per layer or per unit; with --rule critical it is learnt per unit unless this is given.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = LearnName::Fixed)]
    #[arg(default_value_if("rule", "critical", "unit"))]
    learn_l: LearnName,
    /// L, or with --rule critical the gain G, of all rotated layers and gates instead of their activations' own.
    #[arg(long, value_name = "NUMBER")]
    l: Option<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum RuleName {
    Diagonal,
    Aligned,
    Critical,
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum LearnName {
    Fixed,
    Layer,
    Unit,
}

impl Rotation {
    /// Whether layers start with weights of their own, and without an x_Q.
    pub fn is_critical(self) -> bool {
        self.rule == RuleName::Critical
    }

    /// The auto-rotation of a layer.
    pub fn auto_rotate(self) -> AutoRotate {
        let rotate = match self.rule {
            RuleName::Diagonal => AutoRotate::new(),
            RuleName::Aligned => AutoRotate::new().rule(Rule::Aligned),
            RuleName::Critical => AutoRotate::critical(),
        };
        let learn = match self.learn_l {
            LearnName::Fixed => LearnL::Fixed,
            LearnName::Layer => LearnL::PerLayer,
            LearnName::Unit => LearnL::PerUnit,
        };
        let rotate = rotate.learn_l(learn);
        self.l.map_or(rotate, |l| rotate.l(l))
    }
}

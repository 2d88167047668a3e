//! The tasks: sequences and their targets.

use crate::data::announce;
use crate::given::{self, Given};
use autorot::data::{AddingProblem, Glyphs, Scaler, vowels};
use autorot::{Loss, Result, Split, Targets};
use serde::Serialize;
use std::path::PathBuf;

/// Which task.
#[derive(clap::Args, Debug, Serialize)]
pub struct Source {
    /// The task; vowels needs --dir.
    #[arg(long, value_enum, default_value_t = Name::Adding)]
    task: Name,
    /// The folder with ae.train and ae.test of the Japanese vowels.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Time steps per sequence of the adding problem [default: 200].
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Training rows, for the adding problem [default: 3000] and for glyphs [default: 4000].
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// Whether all of the vowels' features are scaled to 0..1 together, or each by itself [default: overall].
    #[arg(long, value_enum, value_name = "NAME")]
    scale: Option<Scale>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Scale {
    Overall,
    Feature,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Name {
    /// The sum of two marked numbers in a long sequence.
    Adding,
    /// Drawn letters and digits, read row by row.
    Glyphs,
    /// Speakers identified by a spoken vowel.
    Vowels,
}

/// A task with its data.
pub struct Task {
    pub name: String,
    pub split: Split,
    pub loss: Loss,
}

impl Source {
    /// Checks the options before anything is read.
    pub fn check(&self, given: &Given) -> Result<()> {
        let (task, vowels) = (format!("--task {}", given::word(self.task)), "--task vowels");
        match self.task {
            Name::Adding => given.refuse(&["dir", "scale"], &task, vowels),
            Name::Glyphs => {
                given.refuse(&["dir", "scale"], &task, vowels)?;
                given.refuse(&["steps"], &task, "--task adding")
            }
            Name::Vowels => {
                given.refuse(&["steps"], &task, "--task adding")?;
                given.refuse(&["rows"], &task, "--task adding or --task glyphs: the vowels have 270 rows")?;
                match self.dir {
                    Some(_) => Ok(()),
                    None => Err(given::no_folder(
                        "ae.train and ae.test",
                        "--task adding or --task glyphs, which are built in",
                    )),
                }
            }
        }
    }

    /// Reads or draws the data, and prints what they are.
    pub fn load(&self) -> Result<Task> {
        let (name, split) = match (self.task, &self.dir) {
            (Name::Vowels, Some(dir)) => ("Japanese vowels".to_owned(), self.scaled(&vowels::load(dir)?)?),
            (Name::Adding, _) => {
                let (steps, train) = (self.steps.unwrap_or(200), self.rows.unwrap_or(3_000));
                let problem = AddingProblem { steps, train, ..AddingProblem::default() };
                (format!("adding, {steps} steps"), problem.load()?)
            }
            _ => {
                let train = self.rows.unwrap_or(4_000);
                let glyphs = Glyphs { train, test: 1_000, ..Glyphs::default() };
                ("glyphs, row by row".to_owned(), glyphs.load()?)
            }
        };
        announce(&name, &split);
        let loss = match split.train.targets() {
            Targets::Values { .. } => Loss::MeanSquaredError,
            _ => Loss::SoftmaxCrossEntropy,
        };
        Ok(Task { name, split, loss })
    }

    /// Scaled to 0..1, fitted on the training part.
    fn scaled(&self, Split { train, test }: &Split) -> Result<Split> {
        let scaler = match self.scale {
            Some(Scale::Feature) => Scaler::min_max(train, 0.0, 1.0)?,
            _ => Scaler::min_max_overall(train, 0.0, 1.0)?,
        };
        Ok(Split { train: scaler.apply(train)?, test: scaler.apply(test)? })
    }
}

impl Task {
    /// Whether the task is classification rather than regression.
    pub fn classifies(&self) -> bool {
        self.loss == Loss::SoftmaxCrossEntropy
    }

    /// The number of the first training rows that have a step at this time.
    pub fn rows_with_step(&self, rows: usize, time: usize) -> usize {
        let data = &self.split.train;
        let features = data.row_len() / data.shape()[0];
        let steps = data.inputs().chunks_exact(data.row_len()).map(|row| &row[time * features..][..features]);
        let counts = |step: &&[f32]| data.mask_value().is_none_or(|mask| step.iter().any(|&v| v != mask));
        steps.take(rows).filter(counts).count()
    }
}

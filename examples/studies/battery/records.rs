//! What a training of this study depends on, and what came of it.

use super::outcome::Task;
use crate::records;
use serde::{Deserialize, Serialize};

/// What a training depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    #[serde(flatten)]
    pub task: Task,
    pub arm: String,
    pub rate: f64,
    pub seed: u64,
    /// The share of the training rows.
    pub share: f64,
    /// What else it depends on.
    pub options: String,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scores after the last epoch.
    pub validation: f64,
    pub test: f64,
    /// The validation score after every epoch.
    pub curve: Vec<f64>,
    pub seconds: f64,
}

pub type Record = records::Record<Key, Outcome>;
pub type Records = records::Records<Key, Outcome>;

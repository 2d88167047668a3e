//! The finished trainings, in a file to which each is appended at once.

use super::outcome::Task;
use autorot::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

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

/// One training: a line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    #[serde(flatten)]
    pub key: Key,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All trainings of a file, also those of other options.
#[derive(Debug)]
pub struct Records {
    path: PathBuf,
    file: File,
    found: HashMap<String, Record>,
}

impl Records {
    /// Opens the file, or begins it. A last line that an interruption has cut off is removed.
    pub fn open(path: PathBuf) -> Result<Self> {
        let failed = |e| Error::io(&path, e);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let text = std::fs::read(&path).map_err(failed)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        let mut found = HashMap::new();
        for (number, line) in text[..whole].split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let record: Record = serde_json::from_slice(line).map_err(|error| {
                let place = format!("{}, line {}", path.display(), number + 1);
                Error::invalid(
                    place,
                    error,
                    "a training of this study",
                    "remove the line, or use another --out",
                )
            })?;
            found.insert(name(&record.key)?, record);
        }
        Ok(Self { path, file, found })
    }

    /// The training with this key, if it was done.
    pub fn get(&self, key: &Key) -> Option<Record> {
        name(key).ok().and_then(|name| self.found.get(&name)).cloned()
    }

    /// Appends a training, which is on the disk when this returns.
    pub fn add(&mut self, record: Record) -> Result<Record> {
        let failed = |e| Error::io(&self.path, e);
        let mut line = serde_json::to_vec(&record).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.found.insert(name(&record.key)?, record.clone());
        Ok(record)
    }
}

/// The key as text: numbers are written so that they are read as the same.
fn name(key: &Key) -> Result<String> {
    serde_json::to_string(key)
        .map_err(|e| Error::invalid("a training's key", e, "one in JSON", "report this as a bug"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use crate::battery::nets::Net;
    use crate::battery::options::Scaling;

    fn record(seed: u64, rate: f64) -> Record {
        let task = Task { data: "iris".into(), net: Net::Dense, scaling: Scaling::Unit };
        let key =
            Key { task, arm: "tanh-glorot".into(), rate, seed, share: 1.0, options: "30 epochs".into() };
        Record { key, outcome: Outcome { validation: 0.1 + 0.2, test: 0.9, curve: vec![0.5], seconds: 1.5 } }
    }

    #[test]
    fn finished_trainings_are_found_again_and_torn_lines_are_done_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let (a, b) = (record(0, 0.001), record(1, 0.1 + 0.2));
        let mut records = Records::open(path.clone()).unwrap();
        assert!(records.get(&a.key).is_none());
        records.add(a.clone()).unwrap();
        records.add(b.clone()).unwrap();
        assert_eq!(records.get(&a.key), Some(a.clone()));
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.iter().filter(|&&byte| byte == b'\n').count(), 2);
        // Other options are another training.
        let other = Key { options: "8 epochs".into(), ..a.key.clone() };
        assert!(records.get(&other).is_none());
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in first..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut again = Records::open(path.clone()).unwrap();
            assert_eq!(again.get(&a.key), Some(a.clone()));
            assert_eq!(again.get(&b.key).is_some(), cut == whole.len());
            if cut < whole.len() {
                again.add(b.clone()).unwrap();
            }
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut after {cut}");
        }
        std::fs::write(&path, "{\"data\": 1}\n").unwrap();
        let error = Records::open(path).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}

//! The finished trainings of a study, in a file to which each is appended at once, so that the study goes on where it was interrupted.

use crate::job;
use autorot::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// One training, a line of the file: what it depends on, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record<K, O> {
    #[serde(flatten)]
    pub key: K,
    #[serde(flatten)]
    pub outcome: O,
}

/// All trainings of a file, also those of other options.
#[derive(Debug)]
pub struct Records<K, O> {
    path: PathBuf,
    file: File,
    /// By their keys as text, in which numbers are written so that they are read as the same.
    found: HashMap<String, Record<K, O>>,
}

impl<K: Clone + Serialize + DeserializeOwned, O: Clone + Serialize + DeserializeOwned> Records<K, O> {
    /// Opens the file, or begins it. A last line that an interruption has cut off is removed.
    pub fn open(path: PathBuf) -> Result<Self> {
        let failed = |e| Error::io(&path, e);
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let mut text = std::fs::read(&path).map_err(failed)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
            text.truncate(whole);
        }
        // So that all processes know which trainings are done.
        let text = job::first_has(text)?;
        let mut found = HashMap::new();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let record: Record<K, O> = serde_json::from_slice(line).map_err(|error| {
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
    pub fn get(&self, key: &K) -> Result<Option<Record<K, O>>> {
        Ok(self.found.get(&name(key)?).cloned())
    }

    /// Appends a training, which is on the disk when this returns.
    pub fn add(&mut self, key: K, outcome: O) -> Result<Record<K, O>> {
        let record = Record { key, outcome };
        let failed = |e| Error::io(&self.path, e);
        let mut line = serde_json::to_vec(&record).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(failed)?;
        self.found.insert(name(&record.key)?, record.clone());
        Ok(record)
    }
}

fn name(key: &impl Serialize) -> Result<String> {
    serde_json::to_string(key)
        .map_err(|e| Error::invalid("a training's key", e, "one in JSON", "report this as a bug"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Key {
        rate: f64,
        options: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Outcome {
        score: Option<f64>,
        curve: Vec<f64>,
    }

    fn key(rate: f64) -> Key {
        Key { rate, options: "30 epochs".into() }
    }

    #[test]
    fn finished_trainings_are_found_again_and_torn_lines_are_done_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let open = || Records::<Key, Outcome>::open(path.clone()).unwrap();
        let (a, b) = (key(0.001), key(0.1 + 0.2));
        let good = Outcome { score: Some(0.1 + 0.2), curve: vec![0.5, 1e-30] };
        let bad = Outcome { score: None, curve: Vec::new() };
        let mut records = open();
        assert_eq!(records.get(&a).unwrap(), None);
        let [a, b] = [(a, good), (b, bad)].map(|(key, outcome)| records.add(key, outcome).unwrap());
        assert_eq!(records.get(&a.key).unwrap(), Some(a.clone()));
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole.iter().filter(|&&byte| byte == b'\n').count(), 2);
        // Other options are another training.
        let other = Key { options: "8 epochs".into(), ..a.key.clone() };
        assert_eq!(records.get(&other).unwrap(), None);
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in first..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut again = open();
            assert_eq!(again.get(&a.key).unwrap(), Some(a.clone()));
            assert_eq!(again.get(&b.key).unwrap(), (cut == whole.len()).then(|| b.clone()));
            if cut < whole.len() {
                again.add(b.key.clone(), b.outcome.clone()).unwrap();
            }
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut after {cut}");
        }
        std::fs::write(&path, "{\"rate\": 1}\n").unwrap();
        let error = Records::<Key, Outcome>::open(path).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
    }
}

//! A small table of names that is kept between runs.

use super::write;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Sections of names and values in a JSON file. Existing values stay when names are added, even if several processes add at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    file: PathBuf,
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

impl Table {
    /// A table in this file, which need not exist.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// A table in the user's cache folder, if the system has one.
    pub fn cached(name: &str) -> Option<Self> {
        super::cached(name).map(Self::new)
    }

    /// The path of its file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn sections(&self) -> Result<Sections> {
        let text = match std::fs::read(&self.file) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Sections::new()),
            other => other.map_err(|e| Error::io(&self.file, e))?,
        };
        serde_json::from_slice(&text).map_err(|e| {
            Error::invalid(
                self.file.display().to_string(),
                e,
                "a JSON object of objects of strings",
                "delete the file: it is only a cache",
            )
        })
    }

    /// Locks out other processes until it is dropped.
    fn lock(&self) -> Result<std::fs::File> {
        let path = self.file.with_extension("lock");
        let file = super::open(&path)?;
        file.lock().map_err(|e| Error::io(&path, e))?;
        Ok(file)
    }

    /// The names and values of a section.
    ///
    /// # Errors
    /// The file cannot be read, or is not such a table.
    pub fn section(&self, section: &str) -> Result<BTreeMap<String, String>> {
        Ok(self.sections()?.remove(section).unwrap_or_default())
    }

    /// Adds names to a section and returns all of it. Existing values stay unless `replace`.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn add(
        &self,
        section: &str,
        names: BTreeMap<String, String>,
        replace: bool,
    ) -> Result<BTreeMap<String, String>> {
        let _alone = self.lock()?;
        let mut sections = self.sections()?;
        let kept = sections.entry(section.to_owned()).or_default();
        for (name, value) in names {
            if replace {
                kept.insert(name, value);
            } else {
                kept.entry(name).or_insert(value);
            }
        }
        let all = kept.clone();
        let text = serde_json::to_vec_pretty(&sections).map_err(|e| Error::io(&self.file, e.into()))?;
        write(&self.file, &text)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_other_sections_too() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::new(folder.path().join("deep/table.json"));
        let names =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        assert!(table.section("a").unwrap().is_empty());
        table.add("a", names(&[("x", "1")]), false).unwrap();
        table.add("b", names(&[("x", "2")]), false).unwrap();
        let all = table.add("a", names(&[("x", "3"), ("y", "4")]), false).unwrap();
        assert_eq!(all, names(&[("x", "1"), ("y", "4")]));
        assert_eq!(table.add("a", names(&[("x", "3")]), true).unwrap(), names(&[("x", "3"), ("y", "4")]));
        assert_eq!(table.section("b").unwrap(), names(&[("x", "2")]));
        std::fs::write(table.file(), "[]").unwrap();
        assert!(table.section("a").unwrap_err().to_string().contains("table.json"));
    }

    #[test]
    fn nothing_is_lost_where_several_add_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::new(folder.path().join("table.json"));
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let table = &table;
                scope.spawn(move || {
                    for i in 0..20 {
                        // One private name, and one that all of them want.
                        let own = (format!("{writer} {i}"), writer.to_string());
                        let names = BTreeMap::from([own, (format!("shared {i}"), writer.to_string())]);
                        let all = table.add("section", names, false).unwrap();
                        assert_eq!(all[&format!("{writer} {i}")], writer.to_string());
                    }
                });
            }
        });
        assert_eq!(table.section("section").unwrap().len(), 8 * 20 + 20);
    }
}

//! Which variant of a kernel is fastest on this adapter: timed once, then kept.

use crate::store::Table;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use web_time::Duration;

/// Whether kernel variants are chosen by timing them. The built-in choice is by sizes and kind of adapter.
///
/// Variants add in different orders, so their results differ in the last places. A choice that was made stays: it is
/// kept in a file, and where it cannot be kept the built-in one is taken. One device thus gives the same bits run after
/// run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// The built-in choice.
    Off,
    /// What the table holds; what it does not is timed and added.
    Keep(Table),
    /// Timed anew once for every device that is opened; the table's choices are replaced.
    Again(Table),
}

/// The name of the table in the user's folder of caches.
const FILE: &str = "tuning.json";

impl Tuning {
    /// What `AUTOROT_TUNE` asks for: `on` (also where it is empty or not set), `off` or `again`. Where the system has no folder
    /// of caches for the user, `on` and `again` are `off`.
    ///
    /// # Errors
    /// Another word.
    pub fn from_env() -> Result<Self> {
        let word = std::env::var("AUTOROT_TUNE").unwrap_or_default();
        // Without a folder for it a choice could not be kept.
        match (word.as_str(), Table::cached(FILE)) {
            ("off", _) | ("" | "on" | "again", None) => Ok(Self::Off),
            ("" | "on", Some(table)) => Ok(Self::Keep(table)),
            ("again", Some(table)) => Ok(Self::Again(table)),
            _ => Err(Error::invalid("AUTOROT_TUNE", format!("{word:?}"), "on, off or again", "correct it")),
        }
    }

    fn table(&self) -> Option<(&Table, bool)> {
        match self {
            Self::Off => None,
            Self::Keep(table) => Some((table, false)),
            Self::Again(table) => Some((table, true)),
        }
    }
}

/// Time that the timing may take for one model.
pub(super) const BUDGET: Duration = Duration::from_millis(800);

/// The choices for one adapter.
#[derive(Debug)]
pub(super) struct Choices {
    section: String,
    tuning: Tuning,
    /// Problem and variant; `None` until the table was read.
    known: Mutex<Option<BTreeMap<String, String>>>,
}

impl Choices {
    /// For the adapter that `section` names, with its driver.
    pub(super) fn new(section: String, tuning: Tuning) -> Self {
        Self { section, tuning, known: Mutex::new(None) }
    }

    pub(super) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Whether anything is to be timed.
    pub(super) fn on(&self) -> bool {
        self.tuning != Tuning::Off
    }

    /// The variant chosen for a problem.
    pub(super) fn get(&self, problem: &str) -> Option<String> {
        let (table, again) = self.tuning.table()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| match table.section(&self.section) {
            _ if again => BTreeMap::new(),
            Ok(section) => section,
            Err(error) => {
                log::warn!("tuning: {error}");
                BTreeMap::new()
            }
        });
        known.get(problem).cloned()
    }

    /// Keeps new choices. Afterwards [`Choices::get`] knows them, or, where they could not be written, does not.
    pub(super) fn keep(&self, new: BTreeMap<String, String>) {
        let Some((table, again)) = self.tuning.table() else { return };
        match table.add(&self.section, new.clone(), again) {
            Ok(all) => {
                // Another process may have chosen first: its choice stands.
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let mine = all.into_iter().filter(|(problem, _)| new.contains_key(problem));
                known.get_or_insert_default().extend(mine);
            }
            Err(error) => log::warn!("tuning: the built-in choice is taken, since none can be kept: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variant: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("problem".to_owned(), variant.to_owned())])
    }

    #[test]
    fn what_another_process_chose_meanwhile_stands() {
        let folder = tempfile::tempdir().unwrap();
        let table = Table::new(folder.path().join("tuning.json"));
        let process = |tuning: fn(Table) -> Tuning| Choices::new("adapter".into(), tuning(table.clone()));
        // Both find nothing and time; the other is first to write.
        let (mine, other) = (process(Tuning::Keep), process(Tuning::Keep));
        assert_eq!((mine.get("problem"), other.get("problem")), (None, None));
        other.keep(chosen("theirs"));
        mine.keep(chosen("mine"));
        assert_eq!(mine.get("problem").as_deref(), Some("theirs"));
        assert_eq!(other.get("problem").as_deref(), Some("theirs"));
        assert_eq!(process(Tuning::Keep).get("problem").as_deref(), Some("theirs"));
        // What is timed anew on purpose replaces it, for every process that reads it afterwards.
        let again = process(Tuning::Again);
        assert_eq!(again.get("problem"), None, "nothing that was kept counts");
        again.keep(chosen("anew"));
        assert_eq!(again.get("problem").as_deref(), Some("anew"));
        assert_eq!(process(Tuning::Keep).get("problem").as_deref(), Some("anew"));
        assert_eq!(mine.get("problem").as_deref(), Some("theirs"), "a process does not change its mind");
        // Another adapter's choices are its own.
        assert_eq!(Choices::new("another".into(), Tuning::Keep(table.clone())).get("problem"), None);
        let off = process(|_| Tuning::Off);
        off.keep(chosen("nothing"));
        assert_eq!((off.get("problem"), off.on()), (None, false));
    }
}

//! Which variant of a kernel is fastest on this adapter: timed once, then kept.

use crate::store::Table;
use crate::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use web_time::Duration;

/// Whether kernel variants are chosen by timing them. The built-in choice depends on sizes and the kind of adapter.
///
/// Variants add in different orders, so their results differ in the last digits. A choice once made stays: it is kept in a file, and if
/// it cannot be kept the built-in one is used. So one device gives the same bits run after run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// The built-in choice.
    Off,
    /// The choices in the table; what is missing is timed and added.
    Keep(Table),
    /// Timed again once for every device that is opened; the table's choices are replaced.
    Again(Table),
}

/// The name of the table in the user's cache folder.
const FILE: &str = "tuning.json";

impl Tuning {
    /// The tuning that `AUTOROT_TUNE` asks for: `on` (also if empty or not set), `off` or `again`. If the system has no cache folder for
    /// the user, `on` and `again` mean `off`.
    ///
    /// # Errors
    /// Another value.
    pub fn from_env() -> Result<Self> {
        let word = std::env::var("AUTOROT_TUNE").unwrap_or_default();
        // Without a folder choices could not be kept.
        match (word.as_str(), Table::cached(FILE)) {
            ("off", _) | ("" | "on" | "again", None) => Ok(Self::Off),
            ("" | "on", Some(table)) => Ok(Self::Keep(table)),
            ("again", Some(table)) => Ok(Self::Again(table)),
            _ => Err(Error::invalid("AUTOROT_TUNE", format!("{word:?}"), "on, off or again", "correct it")),
        }
    }

    /// The word for it.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Keep(_) => "on",
            Self::Again(_) => "again",
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

/// The time limit of timing for one model.
pub(super) const BUDGET: Duration = Duration::from_millis(800);

/// The choices for one adapter.
#[derive(Debug)]
pub(super) struct Choices {
    section: String,
    tuning: Tuning,
    /// Problem and variant; `None` until the table has been read.
    known: Mutex<Option<BTreeMap<String, String>>>,
    /// Those that were asked for.
    given: Mutex<BTreeMap<String, String>>,
}

impl Choices {
    /// For the adapter and driver that `section` names.
    pub(super) fn new(section: String, tuning: Tuning) -> Self {
        Self { section, tuning, known: Mutex::new(None), given: Mutex::default() }
    }

    pub(super) fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Whether anything is timed.
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
        let variant = known.get(problem)?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        Some(given.entry(problem.to_owned()).or_insert_with(|| variant.clone()).clone())
    }

    /// What [`Choices::get`] has returned so far.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn given(&self) -> BTreeMap<String, String> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps new choices. Afterwards [`Choices::get`] returns them, unless they could not be written.
    pub(super) fn keep(&self, new: BTreeMap<String, String>) {
        let Some((table, again)) = self.tuning.table() else { return };
        match table.add(&self.section, new.clone(), again) {
            Ok(all) => {
                // Another process may have chosen first: its choice stands.
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let mine = all.into_iter().filter(|(problem, _)| new.contains_key(problem));
                known.get_or_insert_default().extend(mine);
            }
            Err(error) => log::warn!("tuning: the built-in choice is used, since none can be kept: {error}"),
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
        // Both find nothing and time; the other one writes first.
        let (mine, other) = (process(Tuning::Keep), process(Tuning::Keep));
        assert_eq!((mine.get("problem"), other.get("problem")), (None, None));
        other.keep(chosen("theirs"));
        mine.keep(chosen("mine"));
        assert_eq!(mine.get("problem").as_deref(), Some("theirs"));
        assert_eq!(other.get("problem").as_deref(), Some("theirs"));
        assert_eq!(process(Tuning::Keep).get("problem").as_deref(), Some("theirs"));
        // Choices that are deliberately timed again replace it, for every process that reads it afterwards.
        let again = process(Tuning::Again);
        assert_eq!(again.get("problem"), None, "nothing that was kept counts");
        again.keep(chosen("anew"));
        assert_eq!(again.get("problem").as_deref(), Some("anew"));
        assert_eq!(process(Tuning::Keep).get("problem").as_deref(), Some("anew"));
        assert_eq!(mine.get("problem").as_deref(), Some("theirs"), "a process does not change its mind");
        assert_eq!((mine.given(), other.given()), (chosen("theirs"), chosen("theirs")));
        // Another adapter has its own choices.
        assert_eq!(Choices::new("another".into(), Tuning::Keep(table.clone())).get("problem"), None);
        let off = process(|_| Tuning::Off);
        off.keep(chosen("nothing"));
        assert_eq!((off.get("problem"), off.on()), (None, false));
    }
}

//! Categories and classes: which spellings are the same, and their order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{EXACT, Format, Table};
use crate::{Error, Result};

/// The categories of a column, in the order of their indices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Categories {
    known: Vec<Category>,
    case_sensitive: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    name: String,
    /// The name as a number, in the format of its table.
    number: Option<f64>,
}

/// What the spellings of one category have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Number(u64),
    Text(String),
}

impl Key {
    fn new(text: &str, number: Option<f64>, case_sensitive: bool) -> Self {
        match number {
            _ if case_sensitive => Self::Text(text.to_owned()),
            // 0 and −0 are the same number with two bit patterns.
            Some(v) => Self::Number(if v == 0.0 { 0 } else { v.to_bits() }),
            None => Self::Text(text.to_lowercase()),
        }
    }
}

/// A number exact in double precision.
fn number(format: &Format, text: &str) -> Option<f64> {
    format.number(text).filter(|v| v.abs() < EXACT)
}

/// Whether a number may be a code whose spelling matters: `007`, `1e3`.
fn like_a_code(number: &str) -> bool {
    let digits = number.trim_start_matches(['+', '-']).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9', ..]) || number.contains(['e', 'E'])
}

/// The spellings of a category: text, count, and first row.
type Spellings = Vec<(String, usize, usize)>;

impl Categories {
    /// The categories in these rows of a column, sorted: as numbers if all of them are numbers, else as text. Each is named by its most
    /// frequent spelling, the first in case of ties. `more` is one of them even if no row has it.
    pub fn fit(
        table: &Table,
        column: usize,
        rows: impl Iterator<Item = usize>,
        more: Option<&str>,
        case_sensitive: bool,
    ) -> Result<Self> {
        let mut counts: HashMap<&str, (usize, usize)> =
            more.into_iter().map(|text| (text, (0, usize::MAX))).collect();
        for row in rows {
            let (count, first) = counts.entry(table.text(row, column)?).or_insert((0, row));
            (*count, *first) = (*count + 1, row.min(*first));
        }
        let mut groups: BTreeMap<Key, Spellings> = BTreeMap::new();
        for (text, (count, first)) in counts {
            let key = Key::new(text, number(table.format(), text), case_sensitive);
            groups.entry(key).or_default().push((text.to_owned(), count, first));
        }
        let mut known = Vec::new();
        for (key, mut spellings) in groups {
            spellings.sort_by_key(|&(_, count, first)| (Reverse(count), first));
            let (name, _, first) = spellings[0].clone();
            let doubtful =
                matches!(key, Key::Text(_)) || spellings.iter().any(|(text, ..)| like_a_code(text));
            if spellings.len() > 1 && doubtful {
                let all: Vec<&str> = spellings.iter().map(|(text, ..)| text.as_str()).collect();
                log::warn!(
                    "{}: {all:?} are taken as one category, {name:?}; case_sensitive(true) keeps them apart",
                    table.place(first, column)
                );
            }
            known.push(Category { number: number(table.format(), &name), name });
        }
        known.sort_by(|a, b| a.name.cmp(&b.name));
        if known.iter().all(|category| category.number.is_some()) {
            known.sort_by(|a, b| a.number.unwrap_or(0.0).total_cmp(&b.number.unwrap_or(0.0)));
        }
        Ok(Self { known, case_sensitive })
    }

    /// Categories with given names and order.
    pub(super) fn given(names: &[String], format: &Format, case_sensitive: bool) -> Self {
        let category = |name: &String| Category { name: name.clone(), number: number(format, name.trim()) };
        Self { known: names.iter().map(category).collect(), case_sensitive }
    }

    pub fn names(&self) -> Vec<String> {
        self.known.iter().map(|category| category.name.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Refuses categories that look like measurements: more than 50, more than a tenth of the rows, and all numbers.
    pub fn check(&self, table: &Table, column: usize, rows: usize) -> Result<()> {
        let many = self.len() > 50 && self.len() * 10 > rows;
        if !many || self.known.iter().any(|category| category.number.is_none()) {
            return Ok(());
        }
        Err(Error::invalid(
            format!("{}, column {:?}", table.name(), table.columns()[column]),
            format!("{} different numbers in {rows} rows", self.len()),
            "categories that many rows share; these look like measurements",
            "use the column as one of numbers (targets or inputs), or allow it with many_categories(true)",
        ))
    }

    pub(super) fn lookup<'a>(&'a self, format: &'a Format) -> Lookup<'a> {
        let mut keys: HashMap<Key, Option<usize>> = HashMap::new();
        let mut seen = HashMap::new();
        for (index, Category { name, number }) in self.known.iter().enumerate() {
            seen.insert(name.clone(), Some(index));
            let key = Key::new(name.trim(), *number, self.case_sensitive);
            // Two given names that would be one category can only be distinguished by their exact spelling.
            keys.entry(key).and_modify(|shared| *shared = None).or_insert(Some(index));
        }
        Lookup { categories: self, format, keys, seen }
    }
}

/// Finds categories by their spelling.
pub(super) struct Lookup<'a> {
    categories: &'a Categories,
    format: &'a Format,
    keys: HashMap<Key, Option<usize>>,
    /// Every spelling so far.
    seen: HashMap<String, Option<usize>>,
}

impl Lookup<'_> {
    /// The index of the category with this name; `None` if there is none.
    pub fn find(&mut self, text: &str) -> Option<usize> {
        if let Some(&found) = self.seen.get(text) {
            return found;
        }
        let key = Key::new(text, number(self.format, text), self.categories.case_sensitive);
        let found = self.keys.get(&key).copied().flatten();
        self.seen.insert(text.to_owned(), found);
        found
    }
}

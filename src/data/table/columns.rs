//! What of a table goes into a data set, and how.

use std::collections::{BTreeMap, HashSet};

use crate::data::Scale;
use crate::{Error, Result};

/// Which columns of a table are inputs and which are targets, and how they are prepared: what a [`Preparation`](super::Preparation) is fitted for.
///
/// Columns are named by text, or by their index where the table has no header.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing before Preparation::fit or Csv::load"]
pub struct Columns {
    pub(super) inputs: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) targets: Vec<String>,
    pub(super) classes: Option<String>,
    pub(super) class_names: Option<Vec<String>>,
    impute: Impute,
    impute_for: BTreeMap<String, Impute>,
    pub(super) indicator: bool,
    scale: Scale,
    scale_for: BTreeMap<String, Scale>,
    pub(super) scale_targets: Scale,
    pub(super) unknown: Unknown,
    pub(super) case_sensitive: bool,
    pub(super) many_categories: bool,
}

/// What stands for a missing value of an input (scikit-learn's `SimpleImputer`).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Impute {
    /// Nothing: the row is left out.
    #[default]
    Drop,
    /// The mean of the training rows' values. For numbers alone.
    Mean,
    /// Their median, between the two in the middle where their number is even. For numbers alone.
    Median,
    /// The most frequent one of them; of several the smallest, or the first in the order of the categories.
    MostFrequent,
    /// This number, written with a decimal point, or this category: see [`Impute::constant`].
    Constant(String),
}

impl Impute {
    /// A number, or the name of a category, that stands for every missing value.
    pub fn constant(value: impl ToString) -> Self {
        Self::Constant(value.to_string())
    }
}

/// What becomes of a category of an input that the training rows did not have (scikit-learn's `handle_unknown`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Unknown {
    /// An error that names it.
    #[default]
    Error,
    /// Zeros for all categories of the column.
    Ignore,
}

impl Columns {
    /// No columns yet. Rows with missing values are left out, and nothing is scaled.
    pub fn new() -> Self {
        Self::default()
    }

    /// The columns of numbers that are inputs, in this order.
    pub fn inputs<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.inputs = strings(columns);
        self
    }

    /// The columns of categories that are inputs, in this order after those of numbers: each becomes as many inputs as it has categories
    /// in the training rows, of which that of the row's category is 1 and the others 0 (one-hot). Spellings are one category as those of
    /// [`classes`](Columns::classes) are, unless [`case_sensitive`](Columns::case_sensitive) is set: codes such as `007` and `7` want that.
    pub fn categories<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.categories = strings(columns);
        self
    }

    /// The columns of numbers to regress, in this order: targets of shape `[columns]`.
    pub fn targets<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.targets = strings(columns);
        self
    }

    /// The column of categories to classify. The classes are those of the training rows, sorted: as numbers if all of them are
    /// numbers, else as text. Blanks at the ends, the way in which a number is written (`0`, `0.0`) and case make no difference; a class has
    /// the name that is spelled most often. Spellings that may well be different codes, `007` and `7` or `1e3` and `1000`, are told
    /// through `log` where they are merged; [`case_sensitive`](Columns::case_sensitive) keeps all spellings apart.
    pub fn classes(mut self, column: impl ToString) -> Self {
        self.classes = Some(column.to_string());
        self
    }

    /// Fixes the classes and their order; any other class is an error.
    pub fn class_names<S: ToString>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(strings(names));
        self
    }

    /// What stands for missing values of inputs: [`Impute::Drop`] unless set. Categories have no mean and no median: with those,
    /// rows that lack a category are left out unless [`impute_for`](Columns::impute_for) says otherwise. Rows whose target is
    /// missing are left out in any case.
    pub fn impute(mut self, impute: Impute) -> Self {
        self.impute = impute;
        self
    }

    /// What stands for missing values of these inputs, whatever stands for others.
    pub fn impute_for<S: ToString>(mut self, columns: impl IntoIterator<Item = S>, impute: Impute) -> Self {
        self.impute_for.extend(strings(columns).into_iter().map(|column| (column, impute.clone())));
        self
    }

    /// Whether each input with missing values in the training rows is followed by an extra one: 1 where the value is missing, else 0
    /// (scikit-learn's `add_indicator`). That of a column of categories follows all of them.
    pub fn indicator(mut self, indicator: bool) -> Self {
        self.indicator = indicator;
        self
    }

    /// How the inputs that are numbers are scaled, once missing ones are filled in: not at all unless set. Categories and
    /// indicators stay 0 and 1.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// How these inputs are scaled, however others are.
    pub fn scale_for<S: ToString>(mut self, columns: impl IntoIterator<Item = S>, scale: Scale) -> Self {
        self.scale_for.extend(strings(columns).into_iter().map(|column| (column, scale)));
        self
    }

    /// How the columns to regress are scaled, each by itself: not at all unless set.
    /// [`Preparation::invert`](super::Preparation::invert) takes it back.
    pub fn scale_targets(mut self, scale: Scale) -> Self {
        self.scale_targets = scale;
        self
    }

    /// What becomes of categories of inputs that the training rows did not have: [`Unknown::Error`] unless set.
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// Whether categories and classes are told apart by their exact spelling, `Yes` and `yes` as well as `7`, `007` and `7.0`. Unless set,
    /// case makes no difference, nor does the way in which a number is written; merged spellings are told through `log`, apart from
    /// plain ones of a number (`0`, `0.0`).
    pub fn case_sensitive(mut self, case_sensitive: bool) -> Self {
        self.case_sensitive = case_sensitive;
        self
    }

    /// Allows categories and classes that look like measurements: more than 50, more than a tenth as many as rows, and all numbers.
    pub fn many_categories(mut self, many_categories: bool) -> Self {
        self.many_categories = many_categories;
        self
    }

    pub(super) fn imputed(&self, column: &str) -> &Impute {
        let general = match self.impute {
            Impute::Mean | Impute::Median if self.categories.iter().any(|name| name == column) => {
                &Impute::Drop
            }
            _ => &self.impute,
        };
        self.impute_for.get(column).unwrap_or(general)
    }

    pub(super) fn scaled(&self, column: &str) -> Result<Scale> {
        self.scale_for.get(column).copied().unwrap_or(self.scale).checked()
    }

    /// What can be wrong before the table is looked at.
    pub(in crate::data) fn check(&self, place: &str) -> Result<()> {
        let fail =
            |found: String, expected: &str, remedy: &str| Err(Error::invalid(place, found, expected, remedy));
        let inputs = || self.inputs.iter().chain(&self.categories);
        if inputs().next().is_none() {
            return fail("no input column".into(), "at least one", "name them with inputs or categories");
        }
        match (&self.classes, self.targets.is_empty()) {
            (None, true) => {
                fail("no target column".into(), "at least one", "name them with targets or classes")?;
            }
            (Some(_), false) => {
                fail("both targets and classes".into(), "one kind of target", "leave one out")?
            }
            (None, false) if self.class_names.is_some() => {
                let found = "class names without a column of classes".into();
                fail(found, "both", "name the column with classes")?;
            }
            _ => {}
        }
        if let Some(twice) = twice(inputs().chain(&self.targets).chain(&self.classes)) {
            return fail(format!("column {twice:?} twice"), "every column once", "leave one out");
        }
        if let Some(twice) = twice(self.class_names.iter().flatten()) {
            return fail(format!("class {twice:?} twice"), "every class once", "leave one out");
        }
        if self.class_names.as_ref().is_some_and(Vec::is_empty) {
            return fail(
                "no class names".into(),
                "at least one",
                "name every class, or none to take the file's",
            );
        }
        if let Some(name) = self.impute_for.keys().find(|name| !inputs().any(|input| input == *name)) {
            return fail(
                format!("impute_for column {name:?}"),
                "a column of the inputs",
                "name it there, too",
            );
        }
        if let Some(name) = self.scale_for.keys().find(|name| !self.inputs.contains(name)) {
            let expected = "a column of numbers among the inputs";
            return fail(format!("scale_for column {name:?}"), expected, "name it in inputs, too");
        }
        if self.indicator && inputs().all(|name| *self.imputed(name) == Impute::Drop) {
            let found = "an indicator of missing values whose rows are all left out".into();
            return fail(found, "an input whose missing values are filled in", "set impute, too");
        }
        if let Some(name) =
            self.categories.iter().find(|name| matches!(self.imputed(name), Impute::Mean | Impute::Median))
        {
            return fail(
                format!("a mean or median for the categories of column {name:?}"),
                "what categories have",
                "set impute_for this column to Impute::MostFrequent, Impute::Drop or a constant",
            );
        }
        if !self.targets.is_empty() || self.scale_targets == Scale::None {
            return Ok(());
        }
        fail("scaled targets that are classes".into(), "values to regress", "leave scale_targets out")
    }
}

fn strings<S: ToString>(names: impl IntoIterator<Item = S>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

fn twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

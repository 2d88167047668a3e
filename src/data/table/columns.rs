//! Which parts of a table go into a data set, and how.

use std::collections::{BTreeMap, HashSet};

use crate::data::Scale;
use crate::{Error, Result};

/// Which columns of a table are inputs and which are targets, and how they are prepared; a [`Preparation`](super::Preparation) is fitted
/// for this.
///
/// Columns are named by text, or by index if the table has no header.
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

/// What replaces a missing input value (scikit-learn's `SimpleImputer`).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Impute {
    /// Nothing: the row is dropped.
    #[default]
    Drop,
    /// The mean of the training rows' values. For numbers only.
    Mean,
    /// Their median, midway between the middle two for an even number of values. For numbers only.
    Median,
    /// The most frequent of them; in case of ties the smallest, or the first in the order of the categories.
    MostFrequent,
    /// This number, written with a decimal point, or this category: see [`Impute::constant`].
    Constant(String),
}

impl Impute {
    /// A number, or the name of a category, for every missing value.
    pub fn constant(value: impl ToString) -> Self {
        Self::Constant(value.to_string())
    }
}

/// How to handle an input category that the training rows did not have (scikit-learn's `handle_unknown`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Unknown {
    /// An error that names it.
    #[default]
    Error,
    /// Zeros for all categories of the column.
    Ignore,
}

impl Columns {
    /// No columns yet. Rows with missing values are dropped, and nothing is scaled.
    pub fn new() -> Self {
        Self::default()
    }

    /// The numeric columns that are inputs, in this order.
    pub fn inputs<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.inputs = strings(columns);
        self
    }

    /// The categorical columns that are inputs, in this order after the numeric ones. Each becomes one input per category in the training
    /// rows: 1 for the row's category and 0 for the others (one-hot). Spellings are merged as for [`classes`](Columns::classes), unless
    /// [`case_sensitive`](Columns::case_sensitive) is set, as codes such as `007` and `7` require.
    pub fn categories<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.categories = strings(columns);
        self
    }

    /// The numeric columns to regress, in this order: targets of shape `[columns]`.
    pub fn targets<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.targets = strings(columns);
        self
    }

    /// The categorical column to classify. The classes are those of the training rows, sorted: as numbers if all of them are numbers,
    /// else as text. Surrounding blanks, number format (`0`, `0.0`) and case make no difference; a class is named by its most frequent
    /// spelling. If merged spellings may be different codes, such as `007` and `7` or `1e3` and `1000`, this is reported through `log`;
    /// [`case_sensitive`](Columns::case_sensitive) keeps all spellings separate.
    pub fn classes(mut self, column: impl ToString) -> Self {
        self.classes = Some(column.to_string());
        self
    }

    /// Fixes the classes and their order; any other class is an error.
    pub fn class_names<S: ToString>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(strings(names));
        self
    }

    /// What replaces missing values of inputs: by default [`Impute::Drop`]. Categories have no mean and no median: with those, rows that
    /// lack a category are dropped unless [`impute_for`](Columns::impute_for) says otherwise. Rows with a missing target are always
    /// dropped.
    pub fn impute(mut self, impute: Impute) -> Self {
        self.impute = impute;
        self
    }

    /// What replaces missing values of these inputs, overriding [`impute`](Columns::impute).
    pub fn impute_for<S: ToString>(mut self, columns: impl IntoIterator<Item = S>, impute: Impute) -> Self {
        self.impute_for.extend(strings(columns).into_iter().map(|column| (column, impute.clone())));
        self
    }

    /// Whether each input with missing values in the training rows is followed by an extra one: 1 if the value is missing, else 0
    /// (scikit-learn's `add_indicator`). That of a categorical column follows all of its categories.
    pub fn indicator(mut self, indicator: bool) -> Self {
        self.indicator = indicator;
        self
    }

    /// How numeric inputs are scaled, once missing ones are filled in: by default not at all. Categories and indicators stay 0 and 1.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// How these inputs are scaled, overriding [`scale`](Columns::scale).
    pub fn scale_for<S: ToString>(mut self, columns: impl IntoIterator<Item = S>, scale: Scale) -> Self {
        self.scale_for.extend(strings(columns).into_iter().map(|column| (column, scale)));
        self
    }

    /// How the columns to regress are scaled, each separately: by default not at all. [`Preparation::invert`](super::Preparation::invert)
    /// inverts it.
    pub fn scale_targets(mut self, scale: Scale) -> Self {
        self.scale_targets = scale;
        self
    }

    /// How to handle input categories that the training rows did not have: by default [`Unknown::Error`].
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// Whether categories and classes are distinguished by their exact spelling, `Yes` and `yes` as well as `7`, `007` and `7.0`. By
    /// default case and number format make no difference; merged spellings are reported through `log`, except plain ones of a number
    /// (`0`, `0.0`).
    pub fn case_sensitive(mut self, case_sensitive: bool) -> Self {
        self.case_sensitive = case_sensitive;
        self
    }

    /// Allows categories and classes that look like measurements: more than 50, more than a tenth of the rows, and all numbers.
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

    /// Checks what can be wrong regardless of the table.
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
                "name it there too",
            );
        }
        if let Some(name) = self.scale_for.keys().find(|name| !self.inputs.contains(name)) {
            let expected = "a column of numbers among the inputs";
            return fail(format!("scale_for column {name:?}"), expected, "name it in inputs too");
        }
        if self.indicator && inputs().all(|name| *self.imputed(name) == Impute::Drop) {
            let found = "an indicator of missing values whose rows are all left out".into();
            return fail(found, "an input whose missing values are filled in", "set impute too");
        }
        if let Some(name) =
            self.categories.iter().find(|name| matches!(self.imputed(name), Impute::Mean | Impute::Median))
        {
            return fail(
                format!("a mean or median for the categories of column {name:?}"),
                "a value that categories have",
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

//! What the columns of a table hold.

use autorot::Result;
use autorot::data::Table;
use std::collections::BTreeMap;

/// What a column is good for.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Number {
        low: f64,
        high: f64,
        whole: bool,
        /// A number that may stand for missing values, and in how many rows.
        odd: Option<(f64, usize)>,
    },
    /// The categories with their counts, the most frequent first.
    Category(Vec<(String, usize)>),
    /// Not used, for this reason.
    Ignored(String),
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub missing: usize,
    pub distinct: usize,
    /// Texts that stand for missing numbers.
    pub markers: Vec<String>,
}

/// What usually stands for a missing value.
const MARKERS: [&str; 12] =
    ["NA", "N/A", "n/a", "na", "NaN", "nan", "null", "NULL", "None", "?", "-", "NONE"];

/// The most categories of a column.
const MOST: usize = 50;

/// A number as it is written with a decimal point or a decimal comma.
fn number(text: &str, comma: bool) -> Option<f64> {
    let found = match comma {
        false => text.parse().ok(),
        true if text.contains('.') => None,
        true => text.replace(',', ".").parse().ok(),
    };
    found.filter(|v: &f64| v.is_finite())
}

/// Whether numbers of the table have a decimal comma: a column that is made of numbers with one, and of none without.
pub fn has_commas(table: &Table) -> Result<bool> {
    for name in table.columns() {
        let Ok(fields) = table.fields(name) else { continue };
        let mut fields =
            fields.into_iter().filter(|text| !text.is_empty() && !MARKERS.contains(text)).peekable();
        let mut commas = false;
        if fields.peek().is_some()
            && fields.all(|text| {
                commas |= text.contains(',');
                number(text, true).is_some()
            })
            && commas
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks at every column.
pub fn columns(table: &Table, comma: bool, given: &[String]) -> Result<Vec<Column>> {
    table.columns().iter().map(|name| column(table, name, comma, given)).collect()
}

fn column(table: &Table, name: &str, comma: bool, given: &[String]) -> Result<Column> {
    let twice = table.columns().iter().filter(|other| *other == name).count() > 1;
    let ignored = |why: &str| Column {
        name: name.to_owned(),
        kind: Kind::Ignored(why.to_owned()),
        missing: 0,
        distinct: 0,
        markers: Vec::new(),
    };
    if name.is_empty() {
        return Ok(ignored("it has no name"));
    }
    if twice {
        return Ok(ignored("several columns have this name"));
    }
    let fields = table.fields(name)?;
    let is_empty = |text: &&str| text.is_empty() || given.iter().any(|marker| marker == text);
    let present: Vec<&str> = fields.iter().copied().filter(|text| !is_empty(text)).collect();
    let marked: Vec<&str> = present.iter().copied().filter(|text| MARKERS.contains(text)).collect();
    let others: Vec<&str> = present.iter().copied().filter(|text| !MARKERS.contains(text)).collect();
    let numbers: Option<Vec<f64>> = others.iter().map(|text| number(text, comma)).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let is_number = numbers.as_ref().is_some_and(|numbers| !numbers.is_empty());
    for text in if is_number { &others } else { &present } {
        *counts.entry(text).or_default() += 1;
    }
    let missing = fields.len() - if is_number { others.len() } else { present.len() };
    let distinct = counts.len();
    let kind = match numbers.filter(|numbers| !numbers.is_empty()) {
        Some(numbers) => of_numbers(&numbers, distinct),
        None => of_texts(&others, counts, present.len()),
    };
    let mut markers: Vec<String> =
        if is_number { marked.into_iter().map(str::to_owned).collect() } else { Vec::new() };
    markers.sort_unstable();
    markers.dedup();
    Ok(Column { name: name.to_owned(), kind, missing, distinct, markers })
}

fn of_numbers(numbers: &[f64], distinct: usize) -> Kind {
    let (low, high) =
        numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let whole = numbers.iter().all(|v| v.fract() == 0.0);
    let counts_rows = numbers.len() > 2 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
    match distinct {
        1 => Kind::Ignored(format!("it is always {low}")),
        _ if counts_rows => Kind::Ignored("it numbers the rows".to_owned()),
        _ => Kind::Number { low, high, whole, odd: far(numbers) },
    }
}

/// A number at one end that several rows have, farther from all others than they are from each other: it may stand for missing values.
fn far(numbers: &[f64]) -> Option<(f64, usize)> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let of = |end: f64| {
        let others = || sorted.iter().filter(move |v| **v != end);
        let (low, high) = (others().next()?, others().next_back()?);
        let (count, gap) = (sorted.len() - others().count(), (end - low).abs().min((end - high).abs()));
        (count > 1 && others().count() > 2 && high > low && gap > high - low).then_some((end, count))
    };
    of(sorted[0]).or_else(|| of(sorted[sorted.len() - 1]))
}

fn of_texts(others: &[&str], counts: BTreeMap<&str, usize>, present: usize) -> Kind {
    if present == 0 {
        return Kind::Ignored("it is empty".to_owned());
    }
    if !others.is_empty() && others.iter().all(|text| is_date(text)) {
        return Kind::Ignored(
            "dates or times: make numbers of them, such as the month or the days since a start".to_owned(),
        );
    }
    let distinct = counts.len();
    if distinct == 1 {
        return Kind::Ignored("it is always the same text".to_owned());
    }
    if distinct > MOST || distinct * 2 > present {
        return Kind::Ignored(format!("text with {distinct} different values in {present} rows"));
    }
    let mut counts: Vec<(String, usize)> =
        counts.into_iter().map(|(text, count)| (text.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Kind::Category(counts)
}

/// Whether a text looks like a date or a time of day.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> =
        text.split(['-', '/', '.', ':', ' ', 'T', 'Z', '+']).filter(|part| !part.is_empty()).collect();
    let digits = |part: &&str| part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
    (2..=8).contains(&parts.len()) && parts.iter().all(digits) && (parts.len() >= 3 || text.contains(':'))
}

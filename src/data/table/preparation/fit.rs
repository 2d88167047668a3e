//! Fitting a preparation on training rows.

use super::{Answers, Categories, Columns, Error, Input, Kind, Linear, Preparation, Result, Table, complete};
use crate::data::Scale;
use crate::data::table::Impute;

impl Preparation {
    /// Fits everything that the columns need on the training rows only. Rows dropped for a missing value do not count.
    ///
    /// # Errors
    /// Columns that contradict each other: no input, no target or both kinds of targets, a column chosen twice, options for columns that
    /// are not chosen; a column that the table lacks or has twice; a field that is not a finite number; classes that look like
    /// measurements; a column to fill in without any value; no row left.
    pub fn fit(train: &Table, columns: &Columns) -> Result<Self> {
        columns.check(train.name())?;
        let (numbers, categories) = (&columns.inputs, &columns.categories);
        let names: Vec<String> = numbers
            .iter()
            .chain(categories)
            .chain(&columns.targets)
            .chain(&columns.classes)
            .cloned()
            .collect();
        let places = train.find(&names)?;
        let (inputs, targets) = places.split_at(numbers.len() + categories.len());
        let needed = names.iter().zip(inputs).filter(|(name, _)| *columns.imputed(name) == Impute::Drop);
        let needed: Vec<usize> = needed.map(|(_, &place)| place).chain(targets.iter().copied()).collect();
        let fit = Fit { train, columns, rows: complete(train, &needed)? };
        let kind = |(index, (name, &place)): (usize, (&String, &usize))| {
            let kind =
                if index < numbers.len() { fit.number(name, place) } else { fit.categories(name, place) };
            Ok(Input { column: name.clone(), kind: kind? })
        };
        let inputs = names.iter().zip(inputs).enumerate().map(kind).collect::<Result<_>>()?;
        let answers = match &columns.classes {
            Some(column) => Answers::Classes { column: column.clone(), classes: fit.classes(targets[0])? },
            None => Answers::Values(fit.values(targets)?),
        };
        Ok(Self { inputs, answers })
    }
}

struct Fit<'a> {
    train: &'a Table,
    columns: &'a Columns,
    /// The rows that are not dropped.
    rows: Vec<usize>,
}

impl Fit<'_> {
    fn number(&self, name: &str, place: usize) -> Result<Kind> {
        let (impute, scale) = (self.columns.imputed(name), self.columns.scaled(name)?);
        let present = self.present(place)?;
        let indicator = self.indicator(&present);
        let numbers = || present.iter().map(|&row| self.train.number(row, place)).collect::<Result<Vec<_>>>();
        let fill = match impute {
            Impute::Drop => None,
            Impute::Constant(text) => {
                Some(text.trim().parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(|| {
                    Error::invalid(
                        format!("{}, column {name:?}", self.train.name()),
                        format!("the constant {text:?} for missing values"),
                        "a finite number with a decimal point",
                        "pass a number, or use the column as one of categories",
                    )
                })?)
            }
            _ if present.is_empty() => return Err(self.nothing(name)),
            Impute::Mean => {
                let numbers = numbers()?;
                // Relative to the first one: no rounding of a sum that is large compared with the spread.
                let sum: f64 = numbers.iter().map(|v| v - numbers[0]).sum();
                Some(numbers[0] + sum / numbers.len() as f64)
            }
            Impute::Median => Some(median(numbers()?)),
            Impute::MostFrequent => Some(most_frequent(numbers()?)),
        };
        if fill.is_some_and(|fill: f64| !fill.is_finite()) {
            return Err(self.overflow(name));
        }
        if scale == Scale::None {
            return Ok(Kind::Number { fill, indicator, scale: None });
        }
        let mut numbers = numbers()?;
        numbers.extend(fill.iter().cycle().take(self.rows.len() - present.len()));
        Ok(Kind::Number { fill, indicator, scale: self.linear(name, scale, &numbers)? })
    }

    fn categories(&self, name: &str, place: usize) -> Result<Kind> {
        let impute = self.columns.imputed(name);
        let more = if let Impute::Constant(text) = impute { Some(text.trim()) } else { None };
        let present = self.present(place)?;
        let case_sensitive = self.columns.case_sensitive;
        let categories = Categories::fit(self.train, place, present.iter().copied(), more, case_sensitive)?;
        if categories.len() == 0 {
            return Err(self.nothing(name));
        }
        if !self.columns.many_categories {
            categories.check(self.train, place, present.len())?;
        }
        let fill = match impute {
            Impute::MostFrequent => {
                let mut lookup = categories.lookup(self.train.format());
                let mut counts = vec![0; categories.len()];
                for &row in &present {
                    if let Some(category) = lookup.find(self.train.text(row, place)?) {
                        counts[category] += 1;
                    }
                }
                let most = counts.iter().max().copied();
                let place = counts.iter().position(|&count| Some(count) == most);
                place.and_then(|place| categories.names().into_iter().nth(place))
            }
            Impute::Constant(text) => Some(text.trim().to_owned()),
            _ => None,
        };
        let (indicator, unknown) = (self.indicator(&present), self.columns.unknown);
        Ok(Kind::Categories { fill, indicator, unknown, categories })
    }

    fn classes(&self, place: usize) -> Result<Categories> {
        let case_sensitive = self.columns.case_sensitive;
        if let Some(names) = &self.columns.class_names {
            return Ok(Categories::given(names, self.train.format(), case_sensitive));
        }
        let classes = Categories::fit(self.train, place, self.rows.iter().copied(), None, case_sensitive)?;
        if !self.columns.many_categories {
            classes.check(self.train, place, self.rows.len())?;
        }
        Ok(classes)
    }

    fn values(&self, places: &[usize]) -> Result<Vec<(String, Option<Linear>)>> {
        let scale = self.columns.scale_targets.checked()?;
        let fitted = |(name, &place): (&String, &usize)| {
            if scale == Scale::None {
                return Ok((name.clone(), None));
            }
            let numbers = self.rows.iter().map(|&row| self.train.number(row, place));
            Ok((name.clone(), self.linear(name, scale, &numbers.collect::<Result<Vec<_>>>()?)?))
        };
        self.columns.targets.iter().zip(places).map(fitted).collect()
    }

    /// The rows that have a value in this column.
    fn present(&self, place: usize) -> Result<Vec<usize>> {
        let mut present = Vec::with_capacity(self.rows.len());
        for &row in &self.rows {
            if !self.train.is_missing(row, place)? {
                present.push(row);
            }
        }
        Ok(present)
    }

    /// Whether a column with these values gets an indicator of the missing ones.
    fn indicator(&self, present: &[usize]) -> bool {
        self.columns.indicator && present.len() < self.rows.len()
    }

    /// The scale of these numbers; `None` if they are not scaled.
    fn linear(&self, name: &str, scale: Scale, numbers: &[f64]) -> Result<Option<Linear>> {
        match scale.fit(1, |visit| visit(numbers)).pop() {
            Some(linear) if !linear.is_finite() => Err(self.overflow(name)),
            fitted => Ok(fitted),
        }
    }

    fn overflow(&self, name: &str) -> Error {
        Error::invalid(
            format!("{}, column {name:?}", self.train.name()),
            "numbers whose sum or spread is beyond double precision",
            "numbers below 1e300",
            "correct them, declare them missing or leave the column out",
        )
    }

    fn nothing(&self, name: &str) -> Error {
        Error::invalid(
            format!("{}, column {name:?}", self.train.name()),
            "no value in any training row",
            "at least one to fit",
            "leave the column out, or set impute_for it to a constant",
        )
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let half = numbers.len() / 2;
    if numbers.len().is_multiple_of(2) {
        f64::midpoint(numbers[half - 1], numbers[half])
    } else {
        numbers[half]
    }
}

/// The smallest of the most frequent numbers.
fn most_frequent(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let runs = numbers.chunk_by(|a, b| a == b);
    // Among equally long runs `max_by_key` takes the last, so they are visited from the largest number down.
    runs.rev().max_by_key(|run| run.len()).map_or(0.0, |run| run[0])
}

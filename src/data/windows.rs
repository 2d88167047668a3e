//! Windows over time series: rows of several time steps, with what follows them as targets.

use super::{Dataset, Split, Table, Targets};
use crate::{Error, Result};
use std::collections::HashMap;

/// Cuts time series into windows for forecasting: rows of inputs `[sequence_length, columns]`, and the values `horizon` steps later as
/// targets (after Keras' `timeseries_dataset_from_array`, whose words it uses).
///
/// A series is a [`Table`] in the order of time, one row per time step, or a [`Dataset`] with the steps as rows. Several series in one table
/// are told apart by a column; no window reaches from one into another, nor across the boundary of a [split](Windows::split). A window that
/// would hold a missing value, or whose target is missing, is left out, and their number is reported through `log`.
///
/// Windows have the units of the table. [`Scaler::standard`](super::Scaler::standard) gives every column its own scale, the same at every
/// step, [`Scaler::standard_targets`](super::Scaler::standard_targets) the targets theirs; with both as its
/// [`Conversion`](super::Conversion) a model takes windows and answers in units of the table.
///
/// ```
/// use autorot::data::{Table, Windows};
///
/// let table = Table::new(["wind", "power"], (0..6).map(|t| [t as f32, 10.0 * t as f32]))?;
/// let windows = Windows::new(3).inputs(["wind", "power"]).targets(["power"]).horizon(2);
/// let data = windows.table(&table)?;
/// assert_eq!((data.len(), data.shape()), (2, &[3, 2][..]));
/// // Steps 0 to 2; the target is the power of step 4.
/// assert_eq!(data.row(0), Some(&[0.0, 0.0, 1.0, 10.0, 2.0, 20.0][..]));
/// // The newest steps, to forecast what no row has yet.
/// assert_eq!(windows.latest(&table)?, [3.0, 30.0, 4.0, 40.0, 5.0, 50.0]);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before table, split, latest or series"]
pub struct Windows {
    sequence_length: usize,
    sequence_stride: usize,
    sampling_rate: usize,
    horizon: usize,
    every_step: bool,
    inputs: Vec<String>,
    targets: Vec<String>,
    groups: Option<String>,
}

impl Windows {
    /// Windows of this many time steps at every row, with the values of the next row as targets.
    pub fn new(sequence_length: usize) -> Self {
        Self {
            sequence_length,
            sequence_stride: 1,
            sampling_rate: 1,
            horizon: 1,
            every_step: false,
            inputs: Vec::new(),
            targets: Vec::new(),
            groups: None,
        }
    }

    /// The numeric columns of a table that a window shows, in this order.
    pub fn inputs<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.inputs = columns.into_iter().map(|column| column.to_string()).collect();
        self
    }

    /// The numeric columns of a table to forecast, in this order. They may be inputs, too: then windows show their past.
    pub fn targets<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.targets = columns.into_iter().map(|column| column.to_string()).collect();
        self
    }

    /// The column that tells several series of a table apart, such as a place; the rows of a series need not be neighbours.
    pub fn groups(mut self, column: impl ToString) -> Self {
        self.groups = Some(column.to_string());
        self
    }

    /// How many rows after a window's last one its target lies: 1 unless set. With 0 it is the last one's own, for what is measured with the
    /// inputs.
    pub fn horizon(mut self, horizon: usize) -> Self {
        self.horizon = horizon;
        self
    }

    /// Whether the targets are those of all rows up to the horizon, `[horizon, columns]`, instead of the horizon's alone, `[columns]`. A
    /// network for them ends in `Dense::new(horizon * columns)` and a [`Reshape`](crate::Reshape), or gives sequences.
    pub fn every_step(mut self, every_step: bool) -> Self {
        self.every_step = every_step;
        self
    }

    /// The rows from one window's first to the next one's (Keras' `sequence_stride`): 1 unless set.
    pub fn sequence_stride(mut self, sequence_stride: usize) -> Self {
        self.sequence_stride = sequence_stride;
        self
    }

    /// The rows from a window's time step to the next one (Keras' `sampling_rate`): 1 unless set. The horizon counts rows all the same.
    pub fn sampling_rate(mut self, sampling_rate: usize) -> Self {
        self.sampling_rate = sampling_rate;
        self
    }

    /// The windows of a table.
    ///
    /// # Errors
    /// No inputs or no targets, a column that the table lacks or has twice, a field that is neither missing nor a finite number; lengths,
    /// strides or rates of 0; no series long enough for a window.
    pub fn table(&self, table: &Table) -> Result<Dataset> {
        self.cut(table, &self.series_of(table)?)
    }

    /// The windows of the first rows of every series for training, and those of its last rows for testing. No window has rows of both parts,
    /// so nothing of what is tested was seen in training, in inputs or targets.
    ///
    /// # Errors
    /// As [`Windows::table`], for either part; a share outside of 0..1.
    pub fn split(&self, table: &Table, test_share: f64) -> Result<Split> {
        super::split::check_share(test_share)?;
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for mut rows in self.series_of(table)? {
            let tested = (rows.len() as f64 * test_share).round() as usize;
            test.push(rows.split_off(rows.len() - tested));
            train.push(rows);
        }
        Ok(Split { train: self.cut(table, &train)?, test: self.cut(table, &test)? })
    }

    /// The inputs of the newest window of every series, in the order in which series begin in the table: to forecast what no row has yet.
    /// Targets are not needed.
    ///
    /// # Errors
    /// As [`Windows::table`], without regard to targets; a missing value in a newest window.
    pub fn latest(&self, table: &Table) -> Result<Vec<f64>> {
        self.check()?;
        let columns = self.found(table, &self.inputs, "inputs")?;
        let mut values = Vec::new();
        for rows in self.series_of(table)? {
            let Some(first) = rows.len().checked_sub(self.reach()) else {
                return Err(self.short(format!("a series of {} rows", rows.len())));
            };
            for row in self.steps(first).map(|step| rows[step]) {
                for &column in &columns {
                    values.push(table.number(row, column)?);
                }
            }
        }
        Ok(values)
    }

    /// The windows of one series in memory, whose rows are time steps in order: inputs of the shape `[sequence_length, …]`, and the targets of
    /// the rows `horizon` later, values or classes. Columns named before are those of tables, and are refused here.
    ///
    /// # Errors
    /// Named columns; rows with weights or padding; a class for every step up to the horizon; lengths, strides or rates of 0; a series too
    /// short for a window.
    pub fn series(&self, series: &Dataset) -> Result<Dataset> {
        self.check()?;
        let fail =
            |found: &str, expected: &str| Err(Error::invalid("windows", found, expected, "leave them out"));
        if !(self.inputs.is_empty() && self.targets.is_empty() && self.groups.is_none()) {
            return fail("named columns for a series in memory", "all of its numbers");
        }
        if series.weights().is_some() || series.padding.is_some() {
            return fail("a series with weights or padding", "plain rows, one per time step");
        }
        let firsts: Vec<usize> = self.firsts(series.len()).collect();
        if firsts.is_empty() {
            return Err(self.short(format!("a series of {} rows", series.len())));
        }
        let shape = [&[self.sequence_length], series.shape()].concat();
        let seen: Vec<usize> = firsts.iter().flat_map(|&first| self.steps(first)).collect();
        let ahead: Vec<usize> = firsts.iter().flat_map(|&first| self.ahead(first)).collect();
        let (seen, targets) = (series.picked(&seen), series.picked(&ahead));
        let mut inputs = Vec::with_capacity(seen.inputs().len());
        seen.exact_inputs.each_row(seen.inputs(), seen.row_len(), |row| inputs.extend_from_slice(row));
        let single = inputs.iter().map(|&v| v as f32).collect();
        match targets.targets() {
            Targets::Classes { steps: 1, .. } if self.every_step => {
                fail("a class for every step up to the horizon", "the class of one row, without every_step")
            }
            Targets::Classes { steps: 1, labels, names } => {
                Dataset::classes(shape, single, labels.clone(), names.clone())?.with_inputs_f64(&inputs)
            }
            Targets::Classes { .. } => fail("several classes per time step", "one class per row"),
            Targets::Values { shape: each, values } => {
                let mut exact = Vec::with_capacity(values.len());
                targets.exact_targets.each_row(values, each.iter().product(), |row| {
                    exact.extend_from_slice(row);
                });
                let each = if self.every_step { [&[self.horizon], &**each].concat() } else { each.clone() };
                let data = Dataset::values(shape, single, each, values.clone())?;
                data.with_inputs_f64(&inputs)?.with_targets_f64(&exact)
            }
        }
    }

    /// The windows of these series of a table.
    fn cut(&self, table: &Table, series: &[Vec<usize>]) -> Result<Dataset> {
        self.check()?;
        let numbers = |names: &[String], what| -> Result<Vec<Vec<Option<f64>>>> {
            let columns = self.found(table, names, what)?.into_iter();
            let number = |row, column| match table.is_missing(row, column)? {
                true => Ok(None),
                false => table.number(row, column).map(Some),
            };
            columns.map(|column| (0..table.len()).map(|row| number(row, column)).collect()).collect()
        };
        let (seen, wanted) = (numbers(&self.inputs, "inputs")?, numbers(&self.targets, "targets")?);
        let of = |row: usize, columns: &[Vec<Option<f64>>]| -> Option<Vec<f64>> {
            columns.iter().map(|column| column[row]).collect()
        };
        let (mut inputs, mut targets, mut left_out) = (Vec::new(), Vec::new(), 0);
        for rows in series {
            for first in self.firsts(rows.len()) {
                let steps: Option<Vec<_>> = self.steps(first).map(|step| of(rows[step], &seen)).collect();
                let ahead: Option<Vec<_>> = self.ahead(first).map(|step| of(rows[step], &wanted)).collect();
                match steps.zip(ahead) {
                    Some((steps, ahead)) => {
                        inputs.extend(steps.into_iter().flatten());
                        targets.extend(ahead.into_iter().flatten());
                    }
                    None => left_out += 1,
                }
            }
        }
        if inputs.is_empty() {
            let longest = series.iter().map(Vec::len).max().unwrap_or(0);
            return Err(self.short(match left_out {
                0 => format!("no series of more than {longest} rows"),
                _ => format!("a missing value in every one of {left_out} windows"),
            }));
        }
        if left_out > 0 {
            log::warn!("{}: {left_out} windows are left out, for missing values", table.name());
        }
        let shape = [self.sequence_length, self.inputs.len()];
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
        let each =
            if self.every_step { vec![self.horizon, self.targets.len()] } else { vec![self.targets.len()] };
        let data = Dataset::values(shape, single(&inputs), each, single(&targets))?;
        data.with_inputs_f64(&inputs)?.with_targets_f64(&targets)
    }

    /// The rows of every series of a table.
    fn series_of(&self, table: &Table) -> Result<Vec<Vec<usize>>> {
        let Some(column) = &self.groups else { return Ok(vec![(0..table.len()).collect()]) };
        let column = table.find(std::slice::from_ref(column))?[0];
        let (mut places, mut series): (HashMap<&str, usize>, Vec<Vec<usize>>) = Default::default();
        for row in 0..table.len() {
            let place = *places.entry(table.text(row, column)?).or_insert(series.len());
            match series.get_mut(place) {
                Some(rows) => rows.push(row),
                None => series.push(vec![row]),
            }
        }
        Ok(series)
    }

    fn found(&self, table: &Table, names: &[String], what: &str) -> Result<Vec<usize>> {
        if names.is_empty() {
            let remedy = format!("name columns with Windows::{what}");
            return Err(Error::invalid("windows", format!("no {what}"), "at least one column", remedy));
        }
        table.find(names)
    }

    fn check(&self) -> Result<()> {
        let sizes = [
            ("sequence_length", self.sequence_length, 1),
            ("sequence_stride", self.sequence_stride, 1),
            ("sampling_rate", self.sampling_rate, 1),
            ("horizon", self.horizon, usize::from(self.every_step)),
        ];
        match sizes.into_iter().find(|(_, size, least)| size < least) {
            None => Ok(()),
            Some((name, size, least)) => Err(Error::invalid(
                "windows",
                format!("a {name} of {size}"),
                format!("at least {least}"),
                "set another",
            )),
        }
    }

    /// The rows from a window's first one to its last, both counted.
    fn reach(&self) -> usize {
        (self.sequence_length - 1).saturating_mul(self.sampling_rate).saturating_add(1)
    }

    /// Where the windows of a series of this many rows begin.
    fn firsts(&self, rows: usize) -> impl Iterator<Item = usize> {
        let count = (rows + 1).saturating_sub(self.reach().saturating_add(self.horizon));
        (0..count).step_by(self.sequence_stride)
    }

    /// The rows that a window shows.
    fn steps(&self, first: usize) -> impl Iterator<Item = usize> {
        (0..self.sequence_length).map(move |step| first + step * self.sampling_rate)
    }

    /// The rows of its targets.
    fn ahead(&self, first: usize) -> impl Iterator<Item = usize> {
        let last = first + self.reach() - 1;
        let nearest = if self.every_step { 1 } else { self.horizon };
        last + nearest..=last + self.horizon
    }

    fn short(&self, found: String) -> Error {
        Error::invalid(
            "windows",
            found,
            format!(
                "{} rows without missing values one after another, and a target {} rows later",
                self.reach(),
                self.horizon
            ),
            "use shorter windows, a nearer horizon or more rows, or fill missing values in",
        )
    }
}

//! Histories as CSV files.

use super::{Epoch, History};
use crate::{Error, Result, store};
use std::path::Path;
use std::str::FromStr;

/// The columns after the losses and metrics.
const LAST: [&str; 6] =
    ["learning_rate", "seconds", "host_seconds", "samples_per_second", "steps", "restored"];

impl History {
    /// Saves the history as CSV, with a header and one line per epoch: `epoch`, `train_loss`, a `train_…` per metric, `val_loss`, a `val_…`
    /// per metric, `learning_rate`, `seconds`, `host_seconds`, `samples_per_second`, `steps`, and `restored`: 1 for the epoch whose weights
    /// early stopping has restored, otherwise 0. Non-finite numbers are written as `NaN`, `inf` and `-inf`; missing values are empty.
    /// [`History::load_csv`] returns the same history, but without [`History::compile_seconds`] and [`History::dispatches`], which have no column.
    ///
    /// # Errors
    /// An epoch whose number of metrics is not that of [`History::metrics`]; a restored epoch that the history lacks; I/O errors.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check()?;
        let failed = |e: csv::Error| Error::io(path, std::io::Error::other(e));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.header()).map_err(failed)?;
        for epoch in &self.epochs {
            let mut row = vec![epoch.epoch.to_string(), epoch.train_loss.to_string()];
            row.extend(epoch.train_metrics.iter().map(f64::to_string));
            row.push(epoch.val_loss.map_or(String::new(), |l| l.to_string()));
            let missing = self.metrics.len() - epoch.val_metrics.len();
            row.extend(epoch.val_metrics.iter().map(f64::to_string));
            row.extend(std::iter::repeat_n(String::new(), missing));
            row.extend(
                [epoch.learning_rate, epoch.seconds, epoch.host_seconds, epoch.samples_per_second]
                    .map(|v| v.to_string()),
            );
            let restored = self.restored_epoch == Some(epoch.epoch);
            row.extend([epoch.steps.to_string(), u8::from(restored).to_string()]);
            writer.write_record(&row).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|e| Error::io(path, std::io::Error::other(e.to_string())))?;
        store::write(path, &bytes)
    }

    /// Loads a history that [`History::save_csv`] wrote.
    ///
    /// # Errors
    /// I/O errors; another header, or a line that does not fit it.
    pub fn load_csv(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let remedy = "read a file that History::save_csv wrote";
        let wrong = |e: csv::Error| Error::invalid(path.display(), e, "comma-separated values", remedy);
        let bytes = store::read(path)?;
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let header: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        let metrics = header.iter().skip(2).map_while(|name| name.strip_prefix("train_")).map(str::to_owned);
        let mut history = Self { metrics: metrics.collect(), ..Self::default() };
        if header != history.header() {
            let expected = format!("the columns {}", history.header().join(", "));
            return Err(Error::invalid(
                path.display(),
                format!("the columns {}", header.join(", ")),
                expected,
                remedy,
            ));
        }
        let count = history.metrics.len();
        for record in reader.records() {
            let record = record.map_err(wrong)?;
            let row = Row { path, header: &header, record: &record };
            let last = 3 + 2 * count;
            let epoch = Epoch {
                epoch: row.cell(0)?,
                train_loss: row.cell(1)?,
                train_metrics: (2..2 + count).map(|i| row.cell(i)).collect::<Result<_>>()?,
                val_loss: row.maybe(2 + count)?,
                val_metrics: (3 + count..last)
                    .filter_map(|i| row.maybe(i).transpose())
                    .collect::<Result<_>>()?,
                learning_rate: row.cell(last)?,
                seconds: row.cell(last + 1)?,
                host_seconds: row.cell(last + 2)?,
                samples_per_second: row.cell(last + 3)?,
                steps: row.cell(last + 4)?,
            };
            if row.cell::<u8>(last + 5)? == 1 {
                history.restored_epoch = Some(epoch.epoch);
            }
            history.epochs.push(epoch);
        }
        history.check()?;
        Ok(history)
    }

    /// Checks that the history is consistent, which its public fields do not ensure.
    fn check(&self) -> Result<()> {
        let names = self.metrics.len();
        let fits = |e: &&Epoch| e.train_metrics.len() == names && [0, names].contains(&e.val_metrics.len());
        let remedy = "read a history that was saved whole";
        if let Some(Epoch { epoch, train_metrics, val_metrics, .. }) = self.epochs.iter().find(|e| !fits(e)) {
            return Err(Error::invalid(
                format!("epoch {epoch} of the history"),
                format!("{} metrics, {} of validation", train_metrics.len(), val_metrics.len()),
                format!("{names}, named {:?}", self.metrics),
                remedy,
            ));
        }
        match self.restored_epoch.filter(|number| self.epochs.iter().all(|e| e.epoch != *number)) {
            None => Ok(()),
            Some(number) => Err(Error::invalid(
                "the restored epoch of the history",
                number,
                "the number of one of its epochs",
                remedy,
            )),
        }
    }

    fn header(&self) -> Vec<String> {
        let named = |prefix: &str| self.metrics.iter().map(|m| format!("{prefix}_{m}")).collect::<Vec<_>>();
        let mut header = vec!["epoch".to_owned(), "train_loss".into()];
        header.extend(named("train"));
        header.push("val_loss".into());
        header.extend(named("val"));
        header.extend(LAST.map(String::from));
        header
    }
}

/// A line of a file.
struct Row<'a> {
    path: &'a Path,
    header: &'a [String],
    /// As many cells as the header.
    record: &'a csv::StringRecord,
}

impl Row<'_> {
    fn cell<T: FromStr>(&self, column: usize) -> Result<T> {
        let text = &self.record[column];
        text.parse().map_err(|_| {
            let line = self.record.position().map_or(0, csv::Position::line);
            Error::invalid(
                format!("{}, line {line}, column {}", self.path.display(), self.header[column]),
                format!("{text:?}"),
                "a number",
                "read a file that History::save_csv wrote",
            )
        })
    }

    /// `None` if the cell is empty.
    fn maybe(&self, column: usize) -> Result<Option<f64>> {
        if self.record[column].is_empty() { Ok(None) } else { self.cell(column).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        let epoch = |number: usize, odd: f64| Epoch {
            epoch: number,
            train_loss: 1.0 / 3.0,
            train_metrics: vec![odd, 0.1],
            val_loss: (number > 1).then_some(odd),
            val_metrics: if number > 1 { vec![0.75, -odd] } else { Vec::new() },
            learning_rate: 0.1 + 0.2,
            seconds: 0.0,
            host_seconds: 5e-324,
            steps: 7,
            samples_per_second: f64::INFINITY,
        };
        let epochs =
            vec![epoch(1, 2.0), epoch(2, f64::INFINITY), epoch(3, f64::NEG_INFINITY), epoch(4, f64::NAN)];
        History {
            metrics: vec!["mean, of all".into(), "b".into()],
            epochs,
            restored_epoch: Some(3),
            ..History::default()
        }
    }

    /// As text, since NaN ≠ NaN.
    fn text(history: &History) -> String {
        format!("{history:?}")
    }

    #[test]
    fn what_is_written_is_read_with_numbers_that_are_infinite_none_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for history in [history(), History::default(), History { restored_epoch: None, ..history() }] {
            history.save_json(path("h.json")).unwrap();
            assert_eq!(text(&History::load_json(path("h.json")).unwrap()), text(&history));
            history.save_csv(path("h.csv")).unwrap();
            assert_eq!(text(&History::load_csv(path("h.csv")).unwrap()), text(&history));
        }
        history().save_json(path("h.json")).unwrap();
        let json = std::fs::read_to_string(path("h.json")).unwrap();
        for part in ["\"samples_per_second\": \"Infinity\"", "\"-Infinity\"", "\"NaN\"", "\"val_loss\": null"]
        {
            assert!(json.contains(part), "{json}");
        }
        // Histories of earlier versions.
        let old = json.replace("\"NaN\"", "null");
        let read: History = serde_json::from_str(&old).unwrap();
        assert!(read.epochs[3].train_metrics[0].is_nan());
    }

    #[test]
    fn files_that_hold_no_history_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history");
        history().save_csv(&path).unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        let cases = [
            (good.replace("train_b", "loss_b"), "the columns"),
            (good.replace("\n3,", "\nx,"), "line 4, column epoch"),
            (good.replace(",7,", ",7,7,"), "14 fields"),
            (good.replace(",0.75,", ",,"), "1 of validation"),
            (good.replacen(",0.1,", ",,", 1), "column train_b"),
        ];
        for (text, part) in cases {
            std::fs::write(&path, &text).unwrap();
            let error = History::load_csv(&path).unwrap_err().to_string();
            assert!(error.contains(part), "{part}: {error}");
        }
        std::fs::write(&path, good.replace("epoch", "{")).unwrap();
        let error = History::load_json(&path).unwrap_err().to_string();
        assert!(error.contains("history") && error.contains("save_json"), "{error}");
        let error = History::load_json(folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");
        let lost = History { restored_epoch: Some(9), ..history() };
        assert!(lost.save_csv(&path).unwrap_err().to_string().contains("restored"));
    }
}

//! How a network's predictions are split into batches, and what a batch runs.

use super::Network;
use crate::kernel::Element;
use crate::plan::{Plan, Purpose, Recorder, View};
use crate::{Error, Result};

/// The input buffer of predictions.
pub(super) const INPUT: &str = "input";

/// The maximum number of rows predicted at once, and of numbers in a layer's outputs for them: 128 MiB.
const PREDICT_ROWS: usize = 1024;
const PREDICT_NUMBERS: usize = 32 << 20;

impl Network {
    /// The number of rows to predict at once: a power of two for which each of the layers' results fits into one binding.
    fn predict_rows(&self) -> usize {
        let rows = (PREDICT_NUMBERS / self.widest()).clamp(1, PREDICT_ROWS);
        1 << rows.ilog2()
    }

    /// How many of `rows` rows to predict at once: all of them if layers keep states.
    pub(super) fn rows_at_once(&self, rows: usize) -> Result<usize> {
        let most = self.predict_rows();
        if !self.keeps_states() {
            return Ok(most);
        }
        if rows <= most {
            return Ok(rows);
        }
        Err(Error::invalid(
            "inputs to predict",
            format!("{rows} rows for a network whose layers keep states"),
            format!("at most {most} rows"),
            "predict fewer sequences at a time, always the same number of them",
        ))
    }

    /// The batch size that predicts `rows` rows: exactly `rows` if layers keep states, else one of few sizes, so that few plans
    /// are made. The contents of surplus rows do not matter.
    pub(super) fn rows_bound(&self, rows: usize) -> usize {
        if self.keeps_states() { rows } else { rows.next_power_of_two() }
    }

    /// The batch sizes in which `rows` rows are predicted.
    pub(crate) fn prediction_batches(&self, rows: usize) -> Result<Vec<usize>> {
        let most = self.rows_at_once(rows)?;
        let parts = [most.min(rows), if rows > most { rows % most } else { 0 }];
        Ok(parts.into_iter().filter(|&part| part > 0).map(|part| self.rows_bound(part)).collect())
    }

    /// The length of the input buffer.
    pub(super) fn prediction_len(&self) -> usize {
        self.predict_rows() * self.input().len()
    }

    /// The plan that predicts a batch of this size, and the view of its outputs.
    pub(crate) fn prediction_plan(&self, batch: usize) -> Result<(Plan, View)> {
        let mut rec = Recorder::new(Purpose::Infer, batch, self.arena());
        let whole = rec.shared(INPUT, Element::Float, self.prediction_len());
        let input = rec.part(whole, 0, batch * self.input().len());
        let traces = self.forward(&mut rec, input);
        let view = traces.last().map_or(input, |t| t.output);
        rec.keep(view);
        Ok((rec.finish(format!("predict {batch}"))?, view))
    }
}

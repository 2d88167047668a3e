//! How a network's predictions are split into batches, and what a batch runs.

use super::Network;
use crate::kernel::Element;
use crate::plan::{Plan, Purpose, Recorder, View};
use crate::{Error, Result};

/// The buffer that predictions read their inputs from.
pub(super) const INPUT: &str = "input";

/// The most rows predicted at once, and the most numbers that a layer's outputs for them may have: 128 MiB.
const PREDICT_ROWS: usize = 1024;
const PREDICT_NUMBERS: usize = 32 << 20;

impl Network {
    /// How many rows to predict at once: a power of two for which all that layers compute of them fits into a binding each.
    fn predict_rows(&self) -> usize {
        let rows = (PREDICT_NUMBERS / self.widest()).clamp(1, PREDICT_ROWS);
        1 << rows.ilog2()
    }

    /// How many of `rows` rows to predict at once: all of them where layers keep states.
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

    /// How many rows are predicted at once where so many are asked for: exactly as many where layers keep states, else one
    /// of few sizes, so that few plans are ever made; what surplus rows hold does not matter.
    pub(super) fn rows_bound(&self, rows: usize) -> usize {
        if self.keeps_states() { rows } else { rows.next_power_of_two() }
    }

    /// The sizes of the batches in which so many rows are predicted.
    pub(crate) fn prediction_batches(&self, rows: usize) -> Result<Vec<usize>> {
        let most = self.rows_at_once(rows)?;
        let parts = [most.min(rows), if rows > most { rows % most } else { 0 }];
        Ok(parts.into_iter().filter(|&part| part > 0).map(|part| self.rows_bound(part)).collect())
    }

    /// The numbers of the buffer of inputs.
    pub(super) fn prediction_len(&self) -> usize {
        self.predict_rows() * self.input().len()
    }

    /// What predicts a batch of so many rows, and where the outputs are.
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

//! A data set on the device: whole, gathered by index there; or, where it is too large, a window of the rows that
//! the next steps need.

use crate::device::{Executor, Values};
use crate::kernel::{Element, Gather, OneHot};
use crate::plan::{Recorder, View};
use crate::{Dataset, Model, Result, Targets};

/// Bytes of one buffer: WebGPU's limit on a binding.
const CHUNK_BYTES: usize = 128 << 20;

/// Rows of numbers in as many buffers as they need.
#[derive(Debug)]
struct Table {
    key: String,
    width: usize,
    chunk_rows: usize,
}

impl Table {
    fn new(key: String, width: usize) -> Self {
        Self { key, width, chunk_rows: (CHUNK_BYTES / 4 / width).max(1) }
    }

    /// First row and number of rows of every chunk.
    fn chunks(&self, rows: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let step = self.chunk_rows;
        (0..rows).step_by(step).map(move |first| (first, step.min(rows - first)))
    }

    fn chunk_key(&self, first: usize) -> String {
        format!("{} from {first}", self.key)
    }

    fn allocate(&self, executor: &mut dyn Executor, rows: usize) -> Result<()> {
        for (first, count) in self.chunks(rows) {
            executor.allocate(&self.chunk_key(first), Element::Float, count * self.width)?;
        }
        Ok(())
    }

    fn write(&self, executor: &mut dyn Executor, values: &[f32]) -> Result<()> {
        for (first, count) in self.chunks(values.len() / self.width) {
            let part = &values[first * self.width..(first + count) * self.width];
            executor.write(&self.chunk_key(first), 0, Values::F32(part))?;
        }
        Ok(())
    }

    fn record(&self, rec: &mut Recorder<'_>, rows: usize, order: View) -> View {
        let (batch, width) = (rec.batch(), self.width);
        let out = rec.scratch(batch * width);
        let clock = rec.clock();
        for (first_row, count) in self.chunks(rows) {
            let data = rec.shared(&self.chunk_key(first_row), Element::Float, count * width);
            let gather = Gather { batch, width, first_row, rows: count, total_rows: rows };
            rec.op(gather, [data, order, clock, out]);
        }
        out
    }
}

/// A data set that a plan draws its batches from.
#[derive(Debug)]
pub(crate) struct Feed {
    name: String,
    /// Rows on the device: all of them, or those of a window.
    rows: usize,
    resident: bool,
    inputs: Table,
    targets: Option<Table>,
    classes: usize,
    /// Labels of a row.
    steps: usize,
}

impl Feed {
    /// Puts the data set onto the device, or room for `window` rows where it takes more than `resident_bytes`.
    pub(crate) fn new(
        model: &mut Model,
        name: &str,
        data: &Dataset,
        resident_bytes: u64,
        window: usize,
    ) -> Result<Self> {
        // A name of its own: trainings may be nested in callbacks.
        model.feeds += 1;
        let name = format!("{name} {}", model.feeds);
        let executor = &mut *model.executor;
        let bytes = (data.inputs().len() + data.targets().len()) as u64 * 4;
        let resident = bytes <= resident_bytes;
        let rows = if resident { data.len() } else { window.min(data.len()) };
        let targets = match data.targets() {
            Targets::Classes { .. } => None,
            Targets::Values { .. } => Some(Table::new(format!("{name} targets"), data.targets().width())),
        };
        let steps = data.targets().steps();
        let inputs = Table::new(format!("{name} inputs"), data.row_len());
        let feed =
            Self { name, rows, resident, inputs, targets, classes: data.targets().width() / steps, steps };
        if let Err(error) = feed.fill(executor, data) {
            feed.free(executor);
            return Err(error);
        }
        Ok(feed)
    }

    fn fill(&self, executor: &mut dyn Executor, data: &Dataset) -> Result<()> {
        self.inputs.allocate(executor, self.rows)?;
        match &self.targets {
            Some(table) => table.allocate(executor, self.rows)?,
            None => executor.allocate(&self.key("labels"), Element::Index, self.rows * self.steps)?,
        }
        executor.allocate(&self.key("order"), Element::Index, self.rows)?;
        if !self.resident {
            let identity: Vec<u32> = (0..self.rows as u32).collect();
            return executor.write(&self.key("order"), 0, Values::U32(&identity));
        }
        self.write(executor, data)
    }

    fn write(&self, executor: &mut dyn Executor, data: &Dataset) -> Result<()> {
        self.inputs.write(executor, data.inputs())?;
        match (data.targets(), &self.targets) {
            (Targets::Values { values, .. }, Some(table)) => table.write(executor, values),
            (Targets::Classes { labels, .. }, _) => {
                executor.write(&self.key("labels"), 0, Values::U32(labels))
            }
            _ => Ok(()),
        }
    }

    /// How many time steps of a row have targets of their own.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    fn key(&self, part: &str) -> String {
        format!("{} {part}", self.name)
    }

    /// Records the gathering of a batch: inputs and targets.
    pub(crate) fn record(&self, rec: &mut Recorder<'_>) -> (View, View) {
        rec.scope(self.name.clone(), |rec| {
            let order = rec.shared(&self.key("order"), Element::Index, self.rows);
            let inputs = self.inputs.record(rec, self.rows, order);
            let targets = match &self.targets {
                Some(table) => table.record(rec, self.rows, order),
                None => {
                    let (batch, classes, steps) = (rec.batch(), self.classes, self.steps);
                    let out = rec.scratch(batch * steps * classes);
                    let labels = rec.shared(&self.key("labels"), Element::Index, self.rows * steps);
                    let clock = rec.clock();
                    let kernel = OneHot { batch, classes, steps, total_rows: self.rows };
                    rec.op(kernel, [labels, order, clock, out]);
                    out
                }
            };
            (inputs, targets)
        })
    }

    /// Gives the device's memory back.
    pub(crate) fn free(&self, executor: &mut dyn Executor) {
        for table in std::iter::once(&self.inputs).chain(&self.targets) {
            table.chunks(self.rows).for_each(|(first, _)| executor.free(&table.chunk_key(first)));
        }
        executor.free(&self.key("labels"));
        executor.free(&self.key("order"));
    }

    /// Announces the order of an epoch's rows.
    pub(crate) fn begin(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        if self.resident {
            executor.write(&self.key("order"), 0, Values::U32(order))?;
        }
        Ok(())
    }

    /// Makes the rows `order[first..][..count]` available; returns where the clock's cursor is to begin.
    pub(crate) fn stage(
        &self,
        executor: &mut dyn Executor,
        data: &Dataset,
        order: &[u32],
        first: usize,
        count: usize,
    ) -> Result<usize> {
        if self.resident {
            return Ok(first);
        }
        let rows: Vec<usize> = order[first..first + count].iter().map(|&r| r as usize).collect();
        self.write(executor, &data.select(&rows)?)?;
        Ok(0)
    }
}

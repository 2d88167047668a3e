//! A data set on the device: whole, gathered by index there; or, where it is too large, a window of the rows that
//! the next steps need.

use crate::device::{Device, Executor, Values};
use crate::kernel::{Element, Gather, GatherPorts, OneHot, OneHotPorts};
use crate::model::STEPS;
use crate::plan::{ALIGNMENT, Recorder, View};
use crate::{Dataset, Error, Fault, Model, Result, Targets};

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
        let rows = (CHUNK_BYTES / 4 / width).max(1);
        // Where chunks are parts of one buffer, they begin where a binding may.
        let chunk_rows = if rows < ALIGNMENT { rows } else { rows / ALIGNMENT * ALIGNMENT };
        Self { key, width, chunk_rows }
    }

    /// First row and number of rows of every chunk.
    fn chunks(&self, rows: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let step = self.chunk_rows;
        (0..rows).step_by(step).map(move |first| (first, step.min(rows - first)))
    }

    fn chunk_key(&self, first: usize) -> String {
        format!("{} from {first}", self.key)
    }

    fn write(&self, executor: &mut dyn Executor, values: &[f32]) -> Result<()> {
        for (first, count) in self.chunks(values.len() / self.width) {
            let part = &values[first * self.width..(first + count) * self.width];
            executor.write(&self.chunk_key(first), 0, Values::F32(part))?;
        }
        Ok(())
    }

    fn record(&self, rec: &mut Recorder<'_>, rows: usize, order: View) -> View {
        let (batch, width, order_len) = (rec.batch(), self.width, order.len);
        let out = rec.scratch(batch * width);
        let clock = rec.clock();
        for (first_row, count) in self.chunks(rows) {
            let data = rec.shared(&self.chunk_key(first_row), Element::Float, count * width);
            let gather = Gather { batch, width, first_row, rows: count, order: order_len };
            rec.op(gather, GatherPorts { data, order, clock, out });
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
    /// How many epochs' orders the device holds.
    orders: usize,
    resident: bool,
    inputs: Table,
    targets: Option<Table>,
    classes: usize,
    /// Labels of a row.
    steps: usize,
}

/// A stretch of a data set in a buffer of its own.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// The buffer's name.
    pub(crate) key: String,
    pub(crate) element: Element,
    /// The first number within all rows, and how many there are.
    pub(crate) first: usize,
    pub(crate) len: usize,
}

impl Feed {
    /// Puts the data set onto the device, or room for `window` rows where it takes more than `resident_bytes`; without a limit
    /// always the data set.
    pub(crate) fn new(
        model: &mut Model,
        name: &str,
        data: &Dataset,
        resident_bytes: Option<u64>,
        window: usize,
    ) -> Result<Self> {
        let bytes = (data.inputs().len() + data.targets().len()) as u64 * 4;
        let resident = resident_bytes.is_none_or(|most| bytes <= most);
        let rows = if resident { data.len() } else { window.min(data.len()) };
        let feed =
            Self { resident, ..Self::of_rows(model.own_name(name), rows, 1, data.row_len(), data.targets()) };
        // A window holds the rows of several steps.
        feed.check_bindings(model.device(), name, |rows| match (resident, rows / STEPS) {
            _ if resident_bytes.is_none() => format!("inspect at most {rows} rows"),
            (true, _) if window <= rows => {
                format!("set Trainer::resident_bytes below {bytes}, so that the rows are sent in parts")
            }
            (_, 0) => "use smaller rows".to_owned(),
            (true, batch) => format!(
                "set Trainer::resident_bytes below {bytes}, so that the rows are sent in parts, and a batch of at most {batch}"
            ),
            (false, batch) => format!("use a batch of at most {batch}"),
        })?;
        let executor = &mut *model.executor;
        if let Err(error) = feed.fill(executor, data) {
            feed.free(executor);
            return Err(error);
        }
        Ok(feed)
    }

    /// Refuses data of which kernels would have to bind more at once than the device allows; `remedy` says what to do about so
    /// many rows that it does allow.
    pub(crate) fn check_bindings(
        &self,
        device: &Device,
        name: &str,
        remedy: impl FnOnce(usize) -> String,
    ) -> Result<()> {
        let Some(most) = device.largest_binding() else { return Ok(()) };
        let [inputs, targets] = self.stretches();
        let longest = |stretches: Vec<Stretch>| stretches.iter().map(|s| s.len).max().unwrap_or(0) as u64 * 4;
        let of_targets = self.targets.as_ref().map_or(self.steps, |table| table.width);
        // Numbers of a row, and bytes at once.
        let parts = [
            (self.inputs.width, longest(inputs)),
            (of_targets, longest(targets)),
            (1, self.order_len() as u64 * 4),
        ];
        let beyond = parts.into_iter().filter(|&(_, bytes)| bytes > most);
        let Some((width, largest)) = beyond.max() else { return Ok(()) };
        let remedy = match (most / (4 * width as u64)) as usize {
            0 => "use smaller rows".to_owned(),
            rows => remedy(rows),
        };
        Err(Error::device(
            Fault::Unsupported,
            device.name(),
            format!(
                "{name} data: found {largest} bytes for {} rows, expected at most {most} in one binding",
                self.rows
            ),
            format!("{remedy}, or use the CPU (AUTOROT_DEVICE=cpu)"),
        ))
    }

    /// For so many rows of this width with targets of this kind, and room for the orders of so many epochs: what
    /// [`Feed::stretches`] names and the order are still to be allocated, all by [`Feed::fill`] or the order by itself.
    pub(crate) fn of_rows(name: String, rows: usize, orders: usize, width: usize, targets: &Targets) -> Self {
        let steps = targets.steps();
        Self {
            rows,
            orders,
            resident: true,
            inputs: Table::new(format!("{name} inputs"), width),
            targets: match targets {
                Targets::Classes { .. } => None,
                Targets::Values { .. } => Some(Table::new(format!("{name} targets"), targets.width())),
            },
            classes: targets.width() / steps,
            steps,
            name,
        }
    }

    /// The stretches of the inputs, and those of the targets.
    pub(crate) fn stretches(&self) -> [Vec<Stretch>; 2] {
        let of_table = |table: &Table| {
            let stretch = |(first, count): (usize, usize)| Stretch {
                key: table.chunk_key(first),
                element: Element::Float,
                first: first * table.width,
                len: count * table.width,
            };
            table.chunks(self.rows).map(stretch).collect()
        };
        let labels = || {
            let len = self.rows * self.steps;
            vec![Stretch { key: self.key("labels"), element: Element::Index, first: 0, len }]
        };
        [of_table(&self.inputs), self.targets.as_ref().map_or_else(labels, of_table)]
    }

    /// The names of its buffers.
    pub(crate) fn keys(&self) -> Vec<String> {
        let stretches = self.stretches().into_iter().flatten().map(|stretch| stretch.key);
        stretches.chain([self.key("order")]).collect()
    }

    /// Rows on the device.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The length of the order of rows on the device.
    pub(crate) fn order_len(&self) -> usize {
        self.rows * self.orders
    }

    pub(crate) fn allocate_order(&self, executor: &mut dyn Executor) -> Result<()> {
        executor.allocate(&self.key("order"), Element::Index, self.order_len())
    }

    /// Makes room for the data and their order, and puts the data there where the device holds all of them.
    pub(crate) fn fill(&self, executor: &mut dyn Executor, data: &Dataset) -> Result<()> {
        for stretch in self.stretches().iter().flatten() {
            executor.allocate(&stretch.key, stretch.element, stretch.len)?;
        }
        self.allocate_order(executor)?;
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
            let order = rec.shared(&self.key("order"), Element::Index, self.order_len());
            let inputs = self.inputs.record(rec, self.rows, order);
            let targets = match &self.targets {
                Some(table) => table.record(rec, self.rows, order),
                None => {
                    let (batch, classes, steps) = (rec.batch(), self.classes, self.steps);
                    let out = rec.scratch(batch * steps * classes);
                    let labels = rec.shared(&self.key("labels"), Element::Index, self.rows * steps);
                    let clock = rec.clock();
                    let kernel = OneHot { batch, classes, steps, total_rows: self.rows, order: order.len };
                    rec.op(kernel, OneHotPorts { labels, order, clock, out });
                    out
                }
            };
            (inputs, targets)
        })
    }

    /// Gives the device's memory back.
    pub(crate) fn free(&self, executor: &mut dyn Executor) {
        self.keys().iter().for_each(|key| executor.free(key));
    }

    /// Announces the order of an epoch's rows.
    pub(crate) fn begin(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        if self.resident { self.write_order(executor, 0, order) } else { Ok(()) }
    }

    /// Writes a part of the orders that the device holds, from this place on.
    pub(crate) fn write_order(&self, executor: &mut dyn Executor, first: usize, rows: &[u32]) -> Result<()> {
        executor.write(&self.key("order"), first, Values::U32(rows))
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

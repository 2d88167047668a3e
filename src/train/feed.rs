//! A data set on the device: the whole set, from which batches are gathered by index, or, if it is too large, a window with the rows of
//! the next steps.

use crate::data::Source;
use crate::device::{Device, Executor, Values};
use crate::kernel::{Classes, Element, Gather, GatherPorts};
use crate::model::STEPS;
use crate::plan::{ALIGNMENT, Recorder, View};
use crate::{Dataset, Error, Fault, Model, Result, Targets};

/// The maximum size of a buffer in bytes: WebGPU's default limit for a binding.
const CHUNK_BYTES: usize = 128 << 20;

/// The size of a window in bytes, unless a single step needs more.
const WINDOW_BYTES: usize = 64 << 20;

/// Rows of numbers, in several buffers if one is too small.
#[derive(Debug)]
struct Table {
    key: String,
    width: usize,
    chunk_rows: usize,
}

impl Table {
    fn new(key: String, width: usize) -> Self {
        let rows = (CHUNK_BYTES / 4 / width).max(1);
        // If chunks are parts of one buffer, each must begin at a multiple of the binding alignment.
        let chunk_rows = if rows < ALIGNMENT { rows } else { rows / ALIGNMENT * ALIGNMENT };
        Self { key, width, chunk_rows }
    }

    /// The first row and the number of rows of each chunk.
    fn chunks(&self, rows: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let step = self.chunk_rows;
        (0..rows).step_by(step).map(move |first| (first, step.min(rows - first)))
    }

    fn chunk_key(&self, first: usize) -> String {
        format!("{} from {first}", self.key)
    }

    /// Writes rows from row `at` on.
    fn write(&self, executor: &mut dyn Executor, at: usize, values: &[f32]) -> Result<()> {
        let (mut row, mut rest) = (at, values);
        while !rest.is_empty() {
            let inside = row % self.chunk_rows;
            let (part, after) = rest.split_at(rest.len().min((self.chunk_rows - inside) * self.width));
            executor.write(&self.chunk_key(row - inside), inside * self.width, Values::F32(part))?;
            (row, rest) = (row + part.len() / self.width, after);
        }
        Ok(())
    }

    /// Records the gathering of a batch from `rows` rows, and of its classes: their indices and, to be written, their distributions.
    fn record(
        &self,
        rec: &mut Recorder<'_>,
        rows: usize,
        order: View,
        classes: Option<(Classes, [View; 2])>,
    ) -> View {
        let (batch, width, order_len) = (rec.batch(), self.width, order.len);
        let out = rec.scratch(batch * width);
        let clock = rec.clock();
        for (first_row, count) in self.chunks(rows) {
            let data = rec.shared(&self.chunk_key(first_row), Element::Float, count * width);
            // The first chunk's kernel gathers the classes of all rows.
            let (classes, views) = classes.filter(|_| first_row == 0).unzip();
            let [labels, targets] = views.map_or([None; 2], |views| views.map(Some));
            let gather = Gather { batch, width, first_row, rows: count, order: order_len, classes };
            rec.op(gather, GatherPorts { data, labels, order, clock, out, targets });
        }
        out
    }
}

/// A data set from which a plan gathers its batches.
#[derive(Debug)]
pub(crate) struct Feed {
    name: String,
    /// The number of rows on the device: all rows, or those of a window.
    rows: usize,
    /// How many epochs' row orders the device holds.
    orders: usize,
    resident: bool,
    /// The largest number of steps whose rows are on the device at once.
    steps_at_once: usize,
    inputs: Table,
    targets: Option<Table>,
    weights: Option<Table>,
    classes: usize,
    /// Time steps with targets of their own per row.
    steps: usize,
}

/// A batch on the device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) inputs: View,
    pub(crate) targets: View,
    /// What its rows count, or their steps.
    pub(crate) weights: Option<View>,
}

/// A chunk of a data set, with its own buffer.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The buffer's name.
    pub(crate) key: String,
    pub(crate) element: Element,
    /// The index of the first number, and how many there are.
    pub(crate) first: usize,
    pub(crate) len: usize,
}

impl Feed {
    /// Copies the data set to the device, or allocates room for the rows of a few steps if it is not in memory or larger than
    /// `resident_bytes` (`None`: no limit). A step takes `batch` rows, and at most `steps` steps are submitted together.
    pub(crate) fn new(
        model: &mut Model,
        name: &str,
        data: &dyn Source,
        resident_bytes: Option<u64>,
        (batch, steps): (usize, usize),
    ) -> Result<Self> {
        let sample = data.sample();
        let bytes_per_row = bytes_per_row(sample);
        let bytes = data.len() as u64 * bytes_per_row as u64;
        let resident = is_resident(data, resident_bytes);
        let steps = if resident { STEPS } else { steps.min(steps_in_window(sample, batch)) };
        let rows = if resident { data.len() } else { batch.saturating_mul(steps).min(data.len()) };
        let name_of_feed = model.own_name(name);
        let feed = Self::of_rows(name_of_feed, rows, 1, sample.row_len(), sample.targets());
        let feed = Self { resident, steps_at_once: steps, ..feed }.weighted(sample.weights_per_row());
        let feed = feed.for_outputs(model.network.output().len());
        feed.check_bindings(model.device(), name, |rows| match (resident, rows / steps) {
            _ if resident_bytes.is_none() => format!("inspect at most {rows} rows"),
            (true, _) if batch.saturating_mul(steps) <= rows => {
                format!("set Trainer::resident_bytes below {bytes}, so that the rows are sent in parts")
            }
            (_, 0) => "use smaller rows".to_owned(),
            (true, batch) => format!(
                "set Trainer::resident_bytes below {bytes}, so that the rows are sent in parts, and a batch of at most {batch}"
            ),
            (false, batch) => format!("use a batch of at most {batch}"),
        })?;
        let executor = &mut *model.executor;
        if let Err(error) = feed.fill(executor, data.in_memory()) {
            feed.free(executor);
            return Err(error);
        }
        Ok(feed)
    }

    /// Checks that every buffer fits the device's largest binding. `remedy` gets the number of rows that would fit, and says what to do.
    pub(crate) fn check_bindings(
        &self,
        device: &Device,
        name: &str,
        remedy: impl FnOnce(usize) -> String,
    ) -> Result<()> {
        let Some(most) = device.largest_binding() else { return Ok(()) };
        let [inputs, targets, weights] = self.chunks();
        let longest = |chunks: Vec<Chunk>| chunks.iter().map(|s| s.len).max().unwrap_or(0) as u64 * 4;
        let of_targets = self.targets.as_ref().map_or(self.steps, |table| table.width);
        let of_weights = self.weights.as_ref().map_or(1, |table| table.width);
        // Numbers per row, and bytes of the longest binding.
        let parts = [
            (self.inputs.width, longest(inputs)),
            (of_targets, longest(targets)),
            (of_weights, longest(weights)),
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

    /// A feed for `rows` rows of this width, with targets of this kind and the row orders of `orders` epochs. Allocates nothing:
    /// [`Feed::fill`] allocates everything, [`Feed::allocate_order`] only the orders.
    pub(crate) fn of_rows(name: String, rows: usize, orders: usize, width: usize, targets: &Targets) -> Self {
        let steps = targets.steps();
        Self {
            rows,
            orders,
            resident: true,
            steps_at_once: STEPS,
            inputs: Table::new(format!("{name} inputs"), width),
            targets: match targets {
                Targets::Classes { .. } => None,
                Targets::Values { .. } => Some(Table::new(format!("{name} targets"), targets.width())),
            },
            weights: None,
            classes: targets.width() / steps,
            steps,
            name,
        }
    }

    /// The same feed, with so many weights per row.
    pub(crate) fn weighted(self, per_row: Option<usize>) -> Self {
        let table = |width| Table::new(format!("{} weights", self.name), width);
        Self { weights: per_row.map(table), ..self }
    }

    /// The same feed for a model with so many outputs a row: one for every label tells two classes, by a yes for the second.
    pub(crate) fn for_outputs(self, outputs: usize) -> Self {
        let told = self.targets.is_none() && self.classes == 2 && outputs == self.steps;
        Self { classes: if told { 1 } else { self.classes }, ..self }
    }

    /// The chunks of the inputs, of the targets and of the weights.
    pub(crate) fn chunks(&self) -> [Vec<Chunk>; 3] {
        let of_table = |table: &Table| {
            let chunk = |(first, count): (usize, usize)| Chunk {
                key: table.chunk_key(first),
                element: Element::Float,
                first: first * table.width,
                len: count * table.width,
            };
            table.chunks(self.rows).map(chunk).collect()
        };
        let labels = || {
            let len = self.rows * self.steps;
            vec![Chunk { key: self.key("labels"), element: Element::Index, first: 0, len }]
        };
        let weights = self.weights.as_ref().map_or_else(Vec::new, of_table);
        [of_table(&self.inputs), self.targets.as_ref().map_or_else(labels, of_table), weights]
    }

    /// The names of all buffers.
    pub(crate) fn keys(&self) -> Vec<String> {
        let chunks = self.chunks().into_iter().flatten().map(|chunk| chunk.key);
        chunks.chain([self.key("order")]).collect()
    }

    /// The number of rows on the device.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The length of all row orders on the device together.
    pub(crate) fn order_len(&self) -> usize {
        self.rows * self.orders
    }

    pub(crate) fn allocate_order(&self, executor: &mut dyn Executor) -> Result<()> {
        executor.allocate(&self.key("order"), Element::Index, self.order_len())
    }

    /// Allocates data and order, and writes the data if the device holds all rows.
    pub(crate) fn fill(&self, executor: &mut dyn Executor, data: Option<&Dataset>) -> Result<()> {
        for chunk in self.chunks().iter().flatten() {
            executor.allocate(&chunk.key, chunk.element, chunk.len)?;
        }
        self.allocate_order(executor)?;
        match data.filter(|_| self.resident) {
            Some(data) => self.write(executor, 0, data),
            None => {
                let identity: Vec<u32> = (0..self.rows as u32).collect();
                executor.write(&self.key("order"), 0, Values::U32(&identity))
            }
        }
    }

    /// Writes rows from row `at` on.
    fn write(&self, executor: &mut dyn Executor, at: usize, data: &Dataset) -> Result<()> {
        self.inputs.write(executor, at, data.inputs())?;
        if let (Some(table), Some(weights)) = (&self.weights, data.weights()) {
            table.write(executor, at, weights)?;
        }
        match (data.targets(), &self.targets) {
            (Targets::Values { values, .. }, Some(table)) => table.write(executor, at, values),
            (Targets::Classes { labels, .. }, _) => {
                executor.write(&self.key("labels"), at * self.steps, Values::U32(labels))
            }
            _ => Ok(()),
        }
    }

    /// Whether the device holds all rows, rather than those of a few steps.
    pub(crate) fn is_resident(&self) -> bool {
        self.resident
    }

    /// The largest number of steps that may be submitted together.
    pub(crate) fn steps_at_once(&self) -> usize {
        self.steps_at_once
    }

    /// How many time steps per row have targets of their own.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    fn key(&self, part: &str) -> String {
        format!("{} {part}", self.name)
    }

    /// How many weights a row has, where rows have weights.
    pub(crate) fn weights_per_row(&self) -> Option<usize> {
        self.weights.as_ref().map(|table| table.width)
    }

    /// Records the gathering of a batch.
    pub(crate) fn record(&self, rec: &mut Recorder<'_>) -> Batch {
        rec.scope(self.name.clone(), |rec| {
            let order = rec.shared(&self.key("order"), Element::Index, self.order_len());
            let Self { rows, classes, steps, .. } = *self;
            let (inputs, targets) = match &self.targets {
                Some(targets) => {
                    (self.inputs.record(rec, rows, order, None), targets.record(rec, rows, order, None))
                }
                None => {
                    let labels = rec.shared(&self.key("labels"), Element::Index, rows * steps);
                    let targets = rec.scratch(rec.batch() * steps * classes);
                    let of = Classes { classes, steps, rows };
                    (self.inputs.record(rec, rows, order, Some((of, [labels, targets]))), targets)
                }
            };
            let weights = self.weights.as_ref().map(|weights| weights.record(rec, rows, order, None));
            Batch { inputs, targets, weights }
        })
    }

    /// Frees the device's memory.
    pub(crate) fn free(&self, executor: &mut dyn Executor) {
        self.keys().iter().for_each(|key| executor.free(key));
    }

    /// Sets an epoch's row order, where the device holds all rows.
    pub(crate) fn begin(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        self.write_order(executor, 0, order)
    }

    /// Writes a part of the row orders, from index `first` on.
    pub(crate) fn write_order(&self, executor: &mut dyn Executor, first: usize, rows: &[u32]) -> Result<()> {
        executor.write(&self.key("order"), first, Values::U32(rows))
    }

    /// Makes the rows of the next steps available, where the device does not hold all.
    pub(crate) fn stage(&self, executor: &mut dyn Executor, steps: &[Dataset]) -> Result<()> {
        let mut at = 0;
        for rows in steps {
            self.write(executor, at, rows)?;
            at += rows.len();
        }
        Ok(())
    }
}

/// The numbers of a row take so many bytes.
fn bytes_per_row(sample: &Dataset) -> usize {
    4 * (sample.row_len() + sample.targets().len() / sample.len() + sample.weights_per_row().unwrap_or(0))
}

/// How many steps' rows a window holds: at most those of one submission, and at least one's.
pub(crate) fn steps_in_window(sample: &Dataset, batch: usize) -> usize {
    (WINDOW_BYTES / bytes_per_row(sample) / batch.max(1)).clamp(1, STEPS)
}

/// Whether a device holds all rows of a source, of at most so many bytes (`None`: no limit).
pub(crate) fn is_resident(source: &dyn Source, resident_bytes: Option<u64>) -> bool {
    let bytes = source.len() as u64 * bytes_per_row(source.sample()) as u64;
    source.in_memory().is_some() && resident_bytes.is_none_or(|most| bytes <= most)
}

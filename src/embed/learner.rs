//! Training steps in the caller's submissions.

mod budget;
mod orders;
mod prepare;
mod progress;
#[cfg(not(target_family = "wasm"))]
mod try_out;

pub use progress::Progress;

use super::account::Account;
use super::gpu;
use super::lease::Lease;
use super::readings::Readings;
use super::rows::Source;
use super::slots::{Slots, encode_updates, take_over};
use crate::device::{GpuExecutor, Program};
use crate::model::{Ending, Timetable, Written, steps};
use crate::train::{Feed, Recipe, Task, rates_of};
use crate::{Error, Model, Result, Trainer};
use budget::Budget;
use orders::Orders;
use prepare::check;
use progress::Told;
use std::collections::HashMap;
use std::sync::Arc;
use web_time::Duration;

/// Encodes training steps into the caller's command encoders and compute passes.
///
/// It uses a [`Trainer`]'s optimiser, loss, metrics, batch, row order and accumulation, and gives the same bits as [`Trainer::fit`] on the
/// same rows and device. There is no last epoch; validation, early stopping and callbacks are left to the caller.
///
/// Encoders may be submitted in any order, later or never. Whatever its place when it was encoded, a step counts as the next one when it
/// runs, and uses that one's learning rate, rows and random numbers. So a dropped frame costs only its steps, which
/// [`Progress::lost`] counts. At most [`Learner::most`] steps may wait to be submitted, and nothing else may train the model in the
/// meantime. Its weights may be set, and its state restored: then the learner continues from that state with a new epoch.
///
/// ```no_run
/// use autorot::{embed::{Learner, Rows, Target}, *};
/// # fn frame(device: wgpu::Device, queue: wgpu::Queue, points: wgpu::Buffer, colours: wgpu::Buffer) -> Result<()> {
/// let mut model = Sequential::new([2])
///     .input_range(-1.0, 1.0)
///     .add(Dense::new(32).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
///     .add(Dense::new(3))
///     .build(&Device::from_wgpu(device.clone(), queue.clone()), 1)?;
/// let rows = Rows {
///     rows: 4096,
///     inputs: points.as_entire_buffer_binding(),
///     targets: Target::Values(colours.as_entire_buffer_binding()),
/// };
/// let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(512);
/// let mut learner = Learner::new(&trainer, &mut model, rows)?;
/// // Every frame:
/// let mut encoder = device.create_command_encoder(&Default::default());
/// learner.encode_within(&mut model, &mut encoder, std::time::Duration::from_millis(8))?;
/// queue.submit([encoder.finish()]);
/// if let Some(progress) = learner.poll(&mut model)? {
///     println!("step {}: loss {}", progress.step, progress.loss);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Learner {
    recipe: Recipe,
    lease: Lease,
    slots: Slots,
    feed: Feed,
    orders: Orders,
    /// The timetable of the steps since the learner took over the model.
    table: Arc<Timetable>,
    /// By a step's rows and ending: its kind and program.
    programs: HashMap<(usize, Ending), (u32, Program)>,
    account: Account,
    readings: Readings<Note>,
    budget: Budget,
    /// The first step that met a non-finite number, and where.
    failed: Option<(u64, &'static str)>,
    told: Told,
}

/// The note of a readback.
#[derive(Debug)]
struct Note {
    table: Arc<Timetable>,
    /// The number of steps encoded so far.
    encoded: u64,
    /// The number of steps in the same encoder, just before.
    own: u64,
}

impl Learner {
    /// Prepares everything: pipelines are compiled here, and later only staging buffers are allocated. A data set is copied to the device;
    /// buffers are bound directly.
    ///
    /// # Errors
    /// A model that is not on a GPU; options, rows and model that do not fit together, or a data set with other classes than the model; a
    /// stateful layer, whose sequences need the order of [`Trainer::fit`]; the metric R², which needs the targets on the host; buffers that
    /// cannot be bound; the device's errors.
    pub fn new<'s>(trainer: &Trainer<'_>, model: &mut Model, source: impl Into<Source<'s>>) -> Result<Self> {
        trainer.recipe().check_uncut("Learner::new")?;
        let (mut lease, source, recipe) = (Lease::of(model)?, source.into(), trainer.recipe().clone());
        let (rows, targets) = match &source {
            Source::Dataset(data) => (data.len(), data.targets().clone()),
            Source::Buffers(rows) => (rows.rows, rows.targets.kind().shape(model.network().output())?),
        };
        check(&recipe, model, &source, rows, &targets)?;
        let name = model.own_name("learner");
        let steps = steps(rows, recipe.batch.min(rows), recipe.accumulate);
        let bytes = gpu(model)?.device().limits().max_storage_buffer_binding_size;
        let (places, most) = Orders::fitting(&recipe, rows, steps.len(), bytes)?;
        let width = model.network().input().len();
        let weights = match &source {
            Source::Dataset(data) => data.weights_per_row(),
            Source::Buffers(_) => None,
        };
        let feed = Feed::of_rows(format!("{name} rows"), rows, places, width, &targets).weighted(weights);
        let feed = feed.for_outputs(model.network().output().len());
        let slots = Slots::new(format!("{name} "), most);
        lease.name(slots.desk().keys().into_iter().chain(feed.keys()));
        let table = slots.timetable(&lease, model, &recipe.optimizer, (steps, recipe.accumulate));
        let mut learner = Self {
            feed,
            slots,
            readings: Readings::new(gpu(model)?)?,
            recipe,
            lease,
            orders: Orders::new(rows, places),
            table: Arc::new(table),
            programs: HashMap::new(),
            account: Account::default(),
            budget: Budget::new(None),
            failed: None,
            told: Told::default(),
        };
        learner.lease.name([learner.task(model).tallies()]);
        learner.prepare(model, &source)?;
        Ok(learner)
    }

    fn task(&self, model: &Model) -> Task<'_> {
        Task { desk: self.slots.desk(), ..self.recipe.task(model.network(), &self.feed) }
    }

    /// Encodes `steps` training steps and the readback of their tallies for [`Learner::poll`]. With 0 steps, encodes nothing.
    ///
    /// # Errors
    /// More than [`Learner::most`] steps; a model other than that of [`Learner::new`]; the error of [`Learner::poll`] once a step
    /// has failed; the device's errors.
    pub fn encode(
        &mut self,
        model: &mut Model,
        encoder: &mut wgpu::CommandEncoder,
        steps: usize,
    ) -> Result<()> {
        let programs = self.advance(model, steps)?;
        if programs.is_empty() {
            return Ok(());
        }
        let (written, executor) = (model.written, self.lease.gpu(model)?);
        let mut pass = self.readings.pass(encoder);
        encode(executor, written, programs, &mut pass)?;
        drop(pass);
        self.copy(model, encoder, steps as u64)
    }

    /// Encodes as many steps as should take about `budget` on the device, 1 to 64; returns how many.
    ///
    /// The time per step is measured with timestamps if the device has `Features::TIMESTAMP_QUERY`. Otherwise trial steps are timed when
    /// the learner is created, and later measurements can only lower the estimate: a host that polls once per frame sees every submission
    /// finish late. The first call encodes one step, and the number at most doubles from one measurement to the next.
    ///
    /// # Errors
    /// As [`Learner::encode`].
    pub fn encode_within(
        &mut self,
        model: &mut Model,
        encoder: &mut wgpu::CommandEncoder,
        budget: Duration,
    ) -> Result<usize> {
        self.collect(model)?;
        let steps = self.budget.steps(budget).min(self.most());
        self.encode(model, encoder, steps)?;
        Ok(steps)
    }

    /// Encodes `steps` training steps into the caller's open compute pass. The next [`Learner::read_back`] copies their tallies and detects
    /// dropped encoders, whose steps otherwise count as waiting.
    ///
    /// # Errors
    /// As [`Learner::encode`].
    pub fn encode_pass(
        &mut self,
        model: &mut Model,
        pass: &mut wgpu::ComputePass<'_>,
        steps: usize,
    ) -> Result<()> {
        let programs = self.advance(model, steps)?;
        let (written, executor) = (model.written, self.lease.gpu(model)?);
        encode(executor, written, programs, pass)
    }

    /// Encodes the readback of the tallies of steps in the caller's passes for [`Learner::poll`]: at most of the last [`Learner::most`]
    /// steps.
    ///
    /// # Errors
    /// A model other than that of [`Learner::new`]; the device's errors.
    pub fn read_back(&mut self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        self.copy(model, encoder, 0)
    }

    /// The tallies of the steps that have run, on the device: [`Learner::most`] rows of [`Learner::tally_len`] numbers, the first of which
    /// is the sum of the batch's losses. This is a ring buffer with one row per step; the next step writes row [`Learner::next_tally`] if
    /// all encoded steps run.
    ///
    /// # Errors
    /// A model other than that of [`Learner::new`].
    pub fn tallies(&self, model: &mut Model) -> Result<wgpu::Buffer> {
        let key = self.task(model).tallies();
        self.lease.gpu(model)?.lend(&key)
    }

    /// How many numbers a row of [`Learner::tallies`] has.
    pub fn tally_len(&self, model: &Model) -> usize {
        self.task(model).columns()
    }

    /// The maximum number of steps that may be encoded but not yet submitted: [`UNSUBMITTED`](crate::embed::UNSUBMITTED), or fewer if the
    /// row orders of their epochs do not fit into one binding or take more than 64 MiB. If there are more, the first ones change nothing
    /// when they run, and count in [`Progress::lost`].
    pub fn most(&self) -> usize {
        self.slots.count
    }

    /// The row of [`Learner::tallies`] that the next step writes.
    pub fn next_tally(&self) -> usize {
        self.slots.slot(self.account.next())
    }

    /// Frees what it holds on the device; encoders that are not submitted yet can still be. If it is dropped instead, the model's next
    /// call frees it.
    ///
    /// # Errors
    /// A model other than that of [`Learner::new`].
    pub fn close(mut self, model: &mut Model) -> Result<()> {
        // The last chance to learn what has become of the encoders.
        let collected = self.collect(model);
        collected.and(self.lease.close(model))
    }

    /// Schedules the next steps and counts them as encoded; returns their programs. After an error nothing has changed.
    fn advance(&mut self, model: &mut Model, count: usize) -> Result<Vec<Program>> {
        self.collect(model)?;
        if let Some(error) = self.failure() {
            return Err(error);
        }
        if count > self.most() {
            return Err(Error::invalid(
                "steps to encode",
                count,
                format!("at most {}", self.most()),
                "submit them in several encoders",
            ));
        }
        self.take_over(model)?;
        let programs = self.schedule(model, count)?;
        self.account.encode(count);
        model.set_counters(&self.table, self.account.next());
        Ok(programs)
    }

    /// Checks that the model is where the learner left it, or starts a new timetable from a restored state.
    fn take_over(&mut self, model: &mut Model) -> Result<()> {
        if take_over(model, &self.table, self.account.encoded() == 0)? {
            return Ok(());
        }
        let table = self.table.from(model.counters(&self.table.optimizer));
        self.begin(model, table)
    }

    /// Starts this timetable.
    fn begin(&mut self, model: &mut Model, table: Timetable) -> Result<()> {
        let table = Arc::new(table);
        self.lease.gpu(model)?;
        self.slots.begin(model, &table)?;
        (self.table, self.account, self.told) = (table, Account::default(), Told::default());
        self.orders.clear();
        Ok(())
    }

    /// Writes what the device needs for the next steps: rates, and the row orders of epochs that begin. Returns the steps' programs. The
    /// next epoch's order is drawn ahead, by twice as many rows as these steps take.
    fn schedule(&mut self, model: &mut Model, count: usize) -> Result<Vec<Program>> {
        let executor = self.lease.gpu(model)?;
        let Self { recipe, feed, slots, orders, table, account, programs: bound, .. } = self;
        let (steps, mut programs) = (&table.steps, Vec::with_capacity(count));
        let (mut done, mut rows) = (account.next(), 0);
        let end = done + count as u64;
        let epoch = |done: u64| {
            let number = done / steps.len() as u64;
            (number, table.base.epochs + number)
        };
        while done < end {
            orders.provide(recipe, feed, executor, epoch(done))?;
            let first = (done % steps.len() as u64) as usize;
            let steps = &steps[first..steps.len().min(first + (end - done) as usize)];
            let rates = rates_of(&recipe.optimizer, steps, &mut table.at(done).updates, |rate| rate);
            let kinds = steps.iter().map(|step| bound[&(step.rows, step.ending)]);
            slots.fill(executor, table, done, &rates, kinds.clone().map(|(kind, _)| kind))?;
            programs.extend(kinds.map(|(_, program)| program));
            rows += steps.iter().map(|step| step.rows).sum::<usize>();
            done += steps.len() as u64;
        }
        // The next epoch to begin, possibly with the next step.
        orders.draw(recipe, feed, executor, epoch(end + steps.len() as u64 - 1), 2 * rows)?;
        Ok(programs)
    }
}

/// Encodes steps into a pass.
fn encode(
    gpu: &GpuExecutor,
    written: Option<Written>,
    programs: Vec<Program>,
    pass: &mut wgpu::ComputePass<'_>,
) -> Result<()> {
    encode_updates(gpu, written, pass, |pass| {
        programs.into_iter().try_for_each(|program| gpu.encode(program, .., pass))
    })
}

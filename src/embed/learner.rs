//! Training steps in the caller's submissions.

mod prepare;
mod progress;

pub use progress::Progress;

use super::readings::Readings;
use super::rows::Source;
use super::slots::{Slots, UNSUBMITTED};
use super::{Owner, discard, gpu};
use crate::device::Program;
use crate::model::Network;
use crate::train::{Ending, Feed, Recipe, Step, Task, rates_of, steps};
use crate::{Error, Model, Result, Trainer};
use prepare::check;
use progress::Told;
use std::collections::{HashMap, VecDeque};
use web_time::Duration;

/// Encodes training steps into the caller's command encoders and compute passes.
///
/// It has a [`Trainer`]'s optimiser, loss, metrics, batch, order of rows and accumulation, and gives the same bits as
/// [`Trainer::fit`] over the same rows on the same device. Epochs follow each other without end; validation, early
/// stopping and callbacks are the caller's affair.
///
/// Encoders must be submitted in the order in which steps were encoded into them, at most [`UNSUBMITTED`] steps may wait
/// for it, and nothing else may train the model meanwhile.
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
    owner: Owner,
    slots: Slots,
    feed: Feed,
    /// The rows of the data, and how many orders of them the device holds: as many as steps that wait for their submission
    /// may need.
    rows: usize,
    orders: usize,
    /// How many steps may wait for their submission.
    most: usize,
    /// The steps of an epoch.
    steps: Vec<Step>,
    programs: HashMap<(usize, Ending), Program>,
    /// The next step's place in its epoch, and the place of the epoch's order.
    next: usize,
    order: usize,
    /// Encoded steps whose tallies nobody has begun to read.
    unread: VecDeque<Encoded>,
    readings: Readings<Vec<Encoded>>,
    pace: Pace,
    /// The first step that met a number that is not finite, and where.
    failed: Option<(u64, &'static str)>,
    told: Told,
}

/// A step that was encoded.
#[derive(Clone, Copy, Debug)]
struct Encoded {
    /// Its number since the model was built, from 1.
    number: u64,
    slot: usize,
    rows: usize,
    /// The epochs that were completed before.
    epochs: u64,
}

/// How many steps fit into a frame.
#[derive(Debug)]
struct Pace {
    /// Seconds that a step takes, as far as is known.
    each: Option<f64>,
    /// The most steps of a frame: twice as many as were measured last.
    most: usize,
    /// The least seconds after which an untimed submission was seen to be finished.
    least: f64,
}

impl Pace {
    /// The most steps of a frame that is fitted to a budget.
    const MOST: usize = UNSUBMITTED / 4;

    fn steps(&self, budget: Duration) -> usize {
        let fitting = self.each.map_or(1.0, |each| budget.as_secs_f64() / each.max(1e-9));
        (fitting as usize).clamp(1, self.most.min(Self::MOST))
    }
}

impl Learner {
    /// Prepares everything: pipelines are compiled here, and later nothing is, and nothing is allocated but what reading back
    /// needs. A data set is copied to the device; buffers are bound as they are.
    ///
    /// # Errors
    /// A model that is not on a GPU; options, rows and model that do not fit together, or a data set whose classes are not the
    /// model's; a stateful layer, whose sequences need
    /// the order of [`Trainer::fit`]; the metric R², which needs the targets; buffers that cannot be bound; the device's errors.
    pub fn new<'s>(trainer: &Trainer<'_>, model: &mut Model, source: impl Into<Source<'s>>) -> Result<Self> {
        let (owner, source, recipe) = (Owner::of(model)?, source.into(), trainer.recipe().clone());
        let (rows, targets) = match &source {
            Source::Dataset(data) => (data.len(), data.targets().clone()),
            Source::Buffers(rows) => (rows.rows, rows.targets.kind().shape(model.network().output())?),
        };
        check(&recipe, model, &source, rows, &targets)?;
        let name = model.own_name("learner");
        let steps = steps(rows, recipe.batch.min(rows), recipe.accumulate);
        let (orders, most) = orders(&recipe, rows, steps.len(), model)?;
        let width = model.network().input().len();
        let mut learner = Self {
            feed: Feed::of_rows(format!("{name} rows"), rows, orders, width, &targets),
            slots: Slots::new(format!("{name} ")),
            readings: Readings::new(gpu(model)?)?,
            recipe,
            owner,
            steps,
            rows,
            orders,
            most,
            programs: HashMap::new(),
            next: 0,
            order: 0,
            unread: VecDeque::new(),
            pace: Pace { each: None, most: 1, least: f64::INFINITY },
            failed: None,
            told: Told::default(),
        };
        match learner.prepare(model, &source) {
            Ok(()) => Ok(learner),
            Err(error) => {
                learner.close(model)?;
                Err(error)
            }
        }
    }

    fn task(&self, model: &Model) -> Task<'_> {
        task(&self.recipe, model.network(), &self.feed, &self.slots)
    }

    /// Encodes `steps` training steps and the copying of their tallies; see [`Learner::poll`]. Zero steps encode nothing.
    ///
    /// # Errors
    /// More than [`Learner::most`] steps; another model than that of [`Learner::new`]; the error of [`Learner::poll`] once steps
    /// have failed; the device's errors.
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
        let executor = self.owner.gpu(model)?;
        {
            let mut pass = self.readings.pass(encoder);
            for program in programs {
                executor.encode(program, .., &mut pass)?;
            }
        }
        // Steps of other passes may wait to be read, too: those were not timed.
        self.copy(model, encoder, self.unread.len() == steps)
    }

    /// Encodes as many steps as should take about `budget` on the device, 1 to 64; returns how many.
    ///
    /// How long a step takes is measured with timestamps where the device has `Features::TIMESTAMP_QUERY`; elsewhere by when
    /// submissions are seen to be finished, which is coarser than a frame: there the budget is met less well. It begins with one
    /// step, and the number at most doubles from measurement to measurement.
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
        let steps = self.pace.steps(budget).min(self.most);
        self.encode(model, encoder, steps)?;
        Ok(steps)
    }

    /// Encodes `steps` training steps into the caller's open compute pass. Their tallies are copied by the next
    /// [`Learner::read_back`].
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
        let executor = self.owner.gpu(model)?;
        programs.into_iter().try_for_each(|program| executor.encode(program, .., pass))
    }

    /// Encodes the copying of the tallies of steps that were encoded into passes of the caller; see [`Learner::poll`]. At most
    /// the last [`UNSUBMITTED`] steps are told of.
    ///
    /// # Errors
    /// Another model than that of [`Learner::new`]; the device's errors.
    pub fn read_back(&mut self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        if self.unread.is_empty() {
            return Ok(());
        }
        self.copy(model, encoder, false)
    }

    /// The tallies on the device, as they are after the steps that have run: [`UNSUBMITTED`] rows of [`Learner::tally_len`]
    /// numbers, of which the first is the sum of a batch's losses. Rows are written round and round, one a step: the next
    /// step's is [`Learner::next_tally`].
    ///
    /// # Errors
    /// Another model than that of [`Learner::new`].
    pub fn tallies(&self, model: &mut Model) -> Result<wgpu::Buffer> {
        let key = self.task(model).tallies();
        self.owner.gpu(model)?.lend(&key)
    }

    /// The numbers of a row of [`Learner::tallies`].
    pub fn tally_len(&self, model: &Model) -> usize {
        self.task(model).columns()
    }

    /// How many steps may be encoded and not yet submitted: [`UNSUBMITTED`], or fewer where so many orders of rows do not fit
    /// into a binding. That more wait is not noticed.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The row of [`Learner::tallies`] that the next step writes.
    pub fn next_tally(&self) -> usize {
        self.slots.next()
    }

    /// Gives back what the device held for it, when nothing that it encoded is left to submit. Dropping it instead
    /// leaves that to the model.
    ///
    /// # Errors
    /// Another model than that of [`Learner::new`].
    pub fn close(self, model: &mut Model) -> Result<()> {
        let task = self.task(model);
        let keys = [task.desk.clock(), task.desk.rates(), task.tallies()];
        let executor = self.owner.gpu(model)?;
        discard(executor, self.programs.into_values(), &keys);
        self.feed.free(executor);
        Ok(())
    }

    /// Gives the next steps their numbers; returns their programs. Where that fails nothing has changed.
    fn advance(&mut self, model: &mut Model, count: usize) -> Result<Vec<Program>> {
        self.collect(model)?;
        if let Some(error) = self.failure() {
            return Err(error);
        }
        if count > self.most {
            return Err(Error::invalid(
                "steps to encode",
                count,
                format!("at most {}", self.most),
                "submit them in several encoders",
            ));
        }
        let slot = self.slots.next();
        let begun = self.begin(model, count);
        if begun.is_err() {
            self.slots.set_next(slot);
        }
        let (programs, encoded, updates) = begun?;
        if let Some(last) = encoded.last() {
            model.steps = last.number;
            model.updates.insert(self.recipe.optimizer.kind().to_owned(), updates);
            model.updated = true;
        }
        let next = self.next + count;
        let epochs = next / self.steps.len();
        model.epochs += epochs as u64;
        self.order = (self.order + epochs) % self.orders;
        self.next = next % self.steps.len();
        self.unread.extend(encoded);
        // Rows of tallies are written anew after so many steps.
        let surplus = self.unread.len().saturating_sub(UNSUBMITTED);
        self.unread.drain(..surplus);
        Ok(programs)
    }

    /// Writes what the device needs to know of the next steps: rates, and the orders of epochs that begin. Returns their
    /// programs, what is noted of them, and the updates after them.
    fn begin(&mut self, model: &mut Model, count: usize) -> Result<(Vec<Program>, Vec<Encoded>, u64)> {
        let mut updates = model.updates.get(self.recipe.optimizer.kind()).copied().unwrap_or(0);
        let (mut programs, mut encoded) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut number, mut epochs) = (model.steps, model.epochs);
        let (mut next, mut place) = (self.next, self.order);
        let executor = self.owner.gpu(model)?;
        while programs.len() < count {
            if next == 0 && self.recipe.shuffle {
                self.feed.begin(executor, place, &self.recipe.order(self.rows, epochs))?;
            }
            let end = self.steps.len().min(next + count - programs.len());
            let steps = &self.steps[next..end];
            let table = rates_of(&self.recipe.optimizer, steps, &mut updates);
            let first = self.slots.fill(executor, &table)?;
            for (i, step) in steps.iter().enumerate() {
                number += 1;
                encoded.push(Encoded { number, slot: (first + i) % UNSUBMITTED, rows: step.rows, epochs });
                programs.push(self.programs[&(step.rows, step.ending)]);
            }
            next = end % self.steps.len();
            if next == 0 {
                epochs += 1;
                place = (place + 1) % self.orders;
            }
        }
        Ok((programs, encoded, updates))
    }
}

/// How many orders of epochs the device holds, and how many steps may then wait: those find their orders.
fn orders(recipe: &Recipe, rows: usize, steps: usize, model: &mut Model) -> Result<(usize, usize)> {
    if !recipe.shuffle {
        // All are one.
        return Ok((1, UNSUBMITTED));
    }
    let wanted = (UNSUBMITTED - 1).div_ceil(steps) + 1;
    let fitting = gpu(model)?.device().limits().max_storage_buffer_binding_size / (rows as u64 * 4);
    let orders = wanted.min(fitting as usize);
    if orders < 2 {
        return Err(Error::invalid(
            "rows to shuffle",
            format!("{rows} rows"),
            "two orders of rows that fit into a binding of the device",
            "set shuffle(false), or learn from fewer rows at a time",
        ));
    }
    Ok((orders, UNSUBMITTED.min((orders - 1) * steps)))
}

/// What a step computes.
fn task<'t>(recipe: &'t Recipe, network: &Network, feed: &Feed, slots: &'t Slots) -> Task<'t> {
    Task { desk: slots.desk(), ..recipe.task(network, feed.steps()) }
}

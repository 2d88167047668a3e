//! Training steps with the caller's own loss, in the caller's submissions.

use super::account::Account;
use super::forward::borrow_or_allocate;
use super::gpu;
use super::lease::Lease;
use super::readings::{Arrival, Reading, Readings, Stretch};
use super::slots::{Slots, UNSUBMITTED, encode_updates, is_author, take_back, take_over};
use crate::device::{Executor, GpuExecutor, Program};
use crate::kernel::{Element, clock, rates};
use crate::model::{Network, Timetable};
use crate::plan::{Plan, Purpose, Recorder};
use crate::train::{Desk, OPTIMIZER};
use crate::{Error, Model, Optimizer, Result};
use std::sync::Arc;

/// Encodes training steps with the caller's own loss: a forward pass, a backward pass from ∂ℓ/∂y, which the caller's shader computes
/// between the two, and an optimiser's update.
///
/// ```no_run
/// use autorot::{embed::Backward, *};
/// # fn step(mut model: Model, device: wgpu::Device, queue: wgpu::Queue, my_loss: impl Fn(&mut wgpu::ComputePass, &Backward))
/// #     -> Result<()> {
/// let mut backward = Backward::new(&mut model, 1024, None, Adam::default())?;
/// let mut encoder = device.create_command_encoder(&Default::default());
/// {
///     let mut pass = encoder.begin_compute_pass(&Default::default());
///     backward.encode_forward(&mut model, &mut pass)?;
///     my_loss(&mut pass, &backward); // reads backward.output(), writes backward.d_output()
///     backward.encode_backward(&mut model, &mut pass)?; // backward.d_input() is there
///     backward.encode_update(&mut model, &mut pass)?;
/// }
/// backward.read_back(&mut model, &mut encoder)?;
/// queue.submit([encoder.finish()]);
/// backward.poll(&mut model)?;
/// # Ok(())
/// # }
/// ```
///
/// Between a forward pass and its update nothing else of the same model may run or be created, because they share memory; nor may anything
/// else train the model. An update takes the gradients of the last backward pass: a forward pass, a backward pass and an update make a
/// training step as in [`Trainer`](crate::Trainer). Layers such as dropout are in training mode.
#[derive(Debug)]
pub struct Backward {
    lease: Lease,
    program: Program,
    /// The indices of the first ops of the backward pass and of the update.
    parts: [usize; 2],
    optimizer: Optimizer,
    slots: Slots,
    /// The timetable of the steps since this took over the model.
    table: Arc<Timetable>,
    account: Account,
    input: wgpu::Buffer,
    output: wgpu::Buffer,
    d_output: wgpu::Buffer,
    d_input: wgpu::Buffer,
    readings: Readings<Note>,
    /// The first step whose gradient was not finite.
    failed: Option<u64>,
    /// How many steps were known to have run at the last report.
    told: u64,
    /// How often the scratch memory had moved when the forward pass was encoded.
    scratch: Option<u64>,
}

/// The note of a readback: the timetable, and the number of steps encoded so far.
#[derive(Debug)]
struct Note {
    table: Arc<Timetable>,
    encoded: u64,
}

/// The names of the buffers.
#[derive(Debug)]
pub(super) struct Keys {
    input: String,
    output: String,
    d_output: String,
    d_input: String,
    tallies: String,
}

impl Keys {
    pub(super) fn named(name: &str) -> Self {
        let key = |part: &str| format!("{name} {part}");
        Self {
            input: key("input"),
            output: key("output"),
            d_output: key("gradient of the output"),
            d_input: key("gradient of the input"),
            tallies: key("tallies"),
        }
    }

    fn all(&self, desk: Desk<'_>) -> Vec<String> {
        let Self { input, output, d_output, d_input, tallies } = self;
        let own = [input, output, d_output, d_input, tallies].map(Clone::clone);
        own.into_iter().chain(desk.keys()).collect()
    }
}

impl Backward {
    /// Prepares steps of `rows` rows, stored one after another as f32 in `input`; `None` creates a buffer.
    ///
    /// # Errors
    /// A model that is not on a GPU; no rows, or too many; an optimiser option out of range; a buffer that cannot be bound; the device's
    /// errors.
    pub fn new(
        model: &mut Model,
        rows: usize,
        input: Option<wgpu::BufferBinding<'_>>,
        optimizer: impl Into<Optimizer>,
    ) -> Result<Self> {
        let (mut lease, optimizer) = (Lease::of(model)?, optimizer.into());
        optimizer.check()?;
        model.network().check_batch(rows)?;
        let name = model.own_name("backward");
        let slots = Slots::new(format!("{name} "), UNSUBMITTED);
        let keys = Keys::named(&name);
        lease.name(keys.all(slots.desk()));
        let (program, parts) = record(model, rows, input, &optimizer, &slots, &keys)?;
        lease.add(program);
        let table = Arc::new(slots.timetable(&lease, model, &optimizer, (Vec::new(), 1)));
        let executor = gpu(model)?;
        let backward = Self {
            input: executor.lend(&keys.input)?,
            output: executor.lend(&keys.output)?,
            d_output: executor.lend(&keys.d_output)?,
            d_input: executor.lend(&keys.d_input)?,
            readings: Readings::new(executor)?,
            lease,
            program,
            parts,
            optimizer,
            slots,
            table: table.clone(),
            account: Account::default(),
            failed: None,
            told: 0,
            scratch: None,
        };
        backward.slots.begin(model, &table)?;
        Ok(backward)
    }

    /// Starts this timetable.
    fn begin(&mut self, model: &mut Model, table: Arc<Timetable>) -> Result<()> {
        self.lease.gpu(model)?;
        self.slots.begin(model, &table)?;
        (self.table, self.account, self.told) = (table, Account::default(), 0);
        Ok(())
    }

    /// Encodes the forward pass.
    ///
    /// # Errors
    /// A model other than that of [`Backward::new`].
    pub fn encode_forward(&mut self, model: &mut Model, pass: &mut wgpu::ComputePass<'_>) -> Result<()> {
        let gpu = self.lease.gpu(model)?;
        self.scratch = Some(gpu.scratch_moves());
        gpu.encode(self.program, ..self.parts[0], pass)
    }

    /// The model's GPU, if it still holds the results of the forward pass.
    fn between<'m>(&self, model: &'m mut Model) -> Result<&'m mut GpuExecutor> {
        let gpu = self.lease.gpu(model)?;
        let found = match self.scratch {
            Some(moves) if moves == gpu.scratch_moves() => return Ok(gpu),
            Some(_) => {
                "memory that has moved since the forward pass, because something of the model was created, closed or dropped"
            }
            None => "no forward pass",
        };
        Err(Error::invalid(
            "backward pass",
            found,
            "a forward pass, a backward pass and an update in turn, with nothing in between",
            "create, close or drop other objects before the forward pass or after the update",
        ))
    }

    /// Encodes the backward pass, from [`Backward::d_output`] to [`Backward::d_input`] and the gradients of all parameters
    /// ([`Model::gradients_buffer`]).
    ///
    /// # Errors
    /// A model other than that of [`Backward::new`]; no forward pass before it, or something else of the model was created,
    /// closed or dropped since.
    pub fn encode_backward(&self, model: &mut Model, pass: &mut wgpu::ComputePass<'_>) -> Result<()> {
        self.between(model)?.encode(self.program, self.parts[0]..self.parts[1], pass)
    }

    /// Encodes the optimiser's update of all parameters, and the end of the step: batch normalisation's running averages, and new random
    /// numbers for dropout. At most [`UNSUBMITTED`] updates may wait to be submitted; if there are more, the first ones change nothing when
    /// they run. An update that is never submitted counts as waiting until a later one has been read back ([`Backward::read_back`]).
    ///
    /// # Errors
    /// A model other than that of [`Backward::new`]; the error of [`Backward::poll`] once a step has failed;
    /// those of [`Backward::encode_backward`]; the device's errors.
    pub fn encode_update(&mut self, model: &mut Model, pass: &mut wgpu::ComputePass<'_>) -> Result<()> {
        self.collect(model)?;
        self.failure()?;
        self.between(model)?;
        if !take_over(model, &self.table, self.account.encoded() == 0)? {
            let table = self.table.from(model.counters(&self.table.optimizer));
            self.begin(model, Arc::new(table))?;
        }
        let done = self.account.next();
        let rates = self.optimizer.rates(self.table.at(done).updates);
        let (written, executor) = (model.written, self.lease.gpu(model)?);
        self.slots.fill(executor, &self.table, done, &rates::row(rates, 1.0, true), std::iter::once(0))?;
        encode_updates(executor, written, pass, |pass| executor.encode(self.program, self.parts[1].., pass))?;
        self.account.encode(1);
        model.set_counters(&self.table, self.account.next());
        Ok(())
    }

    /// Encodes the readback for [`Backward::poll`].
    ///
    /// # Errors
    /// A model other than that of [`Backward::new`]; the device's errors.
    pub fn read_back(&mut self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        self.collect(model)?;
        let executor = self.lease.gpu(model)?;
        let buffer = executor.lend(&self.slots.desk().clock())?;
        let words = Stretch { buffer, offset: 0, len: clock::LEN as u64 * 4 };
        let note = Note { table: self.table.clone(), encoded: self.account.encoded() };
        self.readings.begin(executor, encoder, &[words], false, note)
    }

    /// The last step known to have run, counted from 1 since the model was built; `None` if nothing new has arrived. Does not wait.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a gradient was not finite: updates from then on change nothing; to continue, create a new `Backward`. The
    /// device's errors.
    pub fn poll(&mut self, model: &mut Model) -> Result<Option<u64>> {
        self.collect(model)?;
        self.failure()?;
        let ran = self.account.ran();
        let news = ran > std::mem::replace(&mut self.told, ran);
        Ok(news.then(|| self.table.at(ran).steps))
    }

    /// Processes the readbacks that have arrived.
    fn collect(&mut self, model: &mut Model) -> Result<()> {
        self.lease.gpu(model)?.notice()?;
        while let Some(arrival) = self.readings.next(self.lease.gpu(model)?)? {
            // A lost readback says nothing about the updates, which may be in other encoders.
            let Arrival::Read(Reading { note, words, .. }) = arrival else { continue };
            if !Arc::ptr_eq(&note.table, &self.table) {
                continue;
            }
            let ran = self.table.done(words[clock::STEP], self.account.ran());
            self.account.read(note.encoded, ran);
            let halted = words[clock::HALTED];
            if halted != 0 && self.failed.is_none() {
                let good = self.table.done(halted - 1, ran);
                self.failed = Some(self.table.at(good).steps + 1);
                take_back(model, &self.table, good)?;
            }
        }
        if self.failed.is_none() && is_author(model, &self.table) {
            model.set_counters(&self.table, self.account.next());
        }
        Ok(())
    }

    /// The inputs, `[rows, …the model's input shape]`, f32: the caller's buffer, or a new one with the usages `STORAGE`,
    /// `COPY_SRC` and `COPY_DST`, as all the other buffers.
    pub fn input(&self) -> &wgpu::Buffer {
        &self.input
    }

    /// The outputs y, `[rows, …the model's output shape]`, f32.
    pub fn output(&self) -> &wgpu::Buffer {
        &self.output
    }

    /// ∂ℓ/∂y, of the outputs' shape; the caller writes it before the backward pass.
    pub fn d_output(&self) -> &wgpu::Buffer {
        &self.d_output
    }

    /// ∂ℓ/∂x, of the inputs' shape, after the backward pass.
    pub fn d_input(&self) -> &wgpu::Buffer {
        &self.d_input
    }

    /// Frees what it holds on the device; encoders that are not submitted yet can still be. If it is dropped instead, the model's next
    /// call frees it.
    ///
    /// # Errors
    /// A model other than that of [`Backward::new`].
    pub fn close(mut self, model: &mut Model) -> Result<()> {
        let collected = self.collect(model);
        collected.and(self.lease.close(model))
    }

    fn failure(&self) -> Result<()> {
        let Some(step) = self.failed else { return Ok(()) };
        let (layer, found) = ("a gradient".into(), "a number that is not finite".into());
        Err(Error::NonFinite { step, layer, found })
    }
}

/// Allocates the buffers and binds the plan; returns the program with the first ops of the backward pass and of the update.
fn record(
    model: &mut Model,
    rows: usize,
    input: Option<wgpu::BufferBinding<'_>>,
    optimizer: &Optimizer,
    slots: &Slots,
    keys: &Keys,
) -> Result<(Program, [usize; 2])> {
    model.keep_for(optimizer)?;
    let desk = slots.desk();
    let (input_len, output_len) =
        (rows * model.network().input().len(), rows * model.network().output().len());
    let executor = gpu(model)?;
    borrow_or_allocate(executor, &keys.input, input_len, input)?;
    for (key, len) in [(&keys.output, output_len), (&keys.d_output, output_len), (&keys.d_input, input_len)] {
        executor.allocate(key, Element::Float, len)?;
    }
    desk.allocate(executor)?;
    executor.allocate(&keys.tallies, Element::Float, UNSUBMITTED)?;

    let (plan, parts) = plan(model.network(), rows, optimizer, desk, keys)?;
    Ok((model.bind(&plan)?, parts))
}

/// The plan of all three parts, with the first ops of the backward pass and of the update.
pub(super) fn plan(
    network: &Network,
    rows: usize,
    optimizer: &Optimizer,
    desk: Desk<'_>,
    keys: &Keys,
) -> Result<(Plan, [usize; 2])> {
    let (input_len, output_len) = (rows * network.input().len(), rows * network.output().len());
    let mut rec = Recorder::new(Purpose::Train, rows, network.arena());
    rec.set_clock(desk.clock());
    let x = rec.shared(&keys.input, Element::Float, input_len);
    let traces = network.forward(&mut rec, x);
    let y = traces.last().map_or(x, |t| t.output);
    rec.publish(y, &keys.output);
    let backward = rec.ops();
    let d_y = rec.shared(&keys.d_output, Element::Float, output_len);
    if let Some(d_x) = network.backward(&mut rec, &traces, d_y, true) {
        rec.publish(d_x, &keys.d_input);
    }
    let update = rec.ops();
    rec.scope(OPTIMIZER, |rec| {
        // The loss is the caller's: the guard sees 0 instead.
        let tallies = rec.shared(&keys.tallies, Element::Float, desk.slots);
        let views = desk.update_views(rec, (tallies, 1), Some(0));
        optimizer.record(rec, views, network.arena());
        desk.finish(rec, 0, 1);
    });
    Ok((rec.finish(format!("backward {rows}"))?, [backward, update]))
}

//! Copies of a model's training state, made by the caller's submissions.

use super::gpu;
use super::lease::Lease;
use super::readings::{Arrival, Reading, Readings, Stretch};
use crate::kernel::clock;
use crate::model::{ModelState, Timetable};
use crate::real::Numbers;
use crate::{Model, Result};
use std::sync::Arc;

/// Copies a model's training state to the host, like [`Model::state`] but without waiting. A lost device then costs only the steps since
/// the last copy: call [`Model::rebuild`] with another device, then [`Model::set_state`], and create a new [`Learner`](super::Learner),
/// which begins with a new epoch.
///
/// ```no_run
/// use autorot::{embed::Saver, *};
/// # fn run(mut model: Model, device: wgpu::Device, queue: wgpu::Queue, other: Device) -> Result<()> {
/// let mut saver = Saver::new(&mut model)?;
/// // Every few hundred frames:
/// let mut encoder = device.create_command_encoder(&Default::default());
/// saver.encode(&mut model, &mut encoder)?;
/// queue.submit([encoder.finish()]);
/// // Every frame:
/// let mut last = None;
/// if let Some(state) = saver.poll(&mut model)? {
///     last = Some(state);
/// }
/// // When the device is lost:
/// model.rebuild(&other)?;
/// if let Some(state) = &last {
///     model.set_state(state)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Saver {
    lease: Lease,
    readings: Readings<Note>,
}

#[derive(Debug)]
struct Note {
    /// The state, without its buffers.
    bare: ModelState,
    /// The buffers' names and lengths in numbers.
    parts: Vec<(String, usize)>,
    /// Turns the clock into the model's counters.
    table: Option<Arc<Timetable>>,
}

impl Saver {
    /// A saver for this model.
    ///
    /// # Errors
    /// A model that is not on a GPU; the device's errors.
    pub fn new(model: &mut Model) -> Result<Self> {
        Ok(Self { lease: Lease::of(model)?, readings: Readings::new(gpu(model)?)? })
    }

    /// Encodes a copy of the model, which includes all steps that run before it. If several steps share an update, it must come after the
    /// last of them.
    ///
    /// # Errors
    /// A model other than that of [`Saver::new`]; the device's errors.
    pub fn encode(&mut self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let table = model.timetable().cloned();
        let note = Note { bare: model.bare_state(), parts: model.state_keys(), table };
        let executor = self.lease.gpu(model)?;
        let clock = note.table.as_ref().map(|table| (table.clock.clone(), clock::LEN));
        let stretch = |(key, len): &(String, usize)| {
            Ok(Stretch { buffer: executor.lend(key)?, offset: 0, len: *len as u64 * 4 })
        };
        let stretches = clock.iter().chain(&note.parts).map(stretch).collect::<Result<Vec<_>>>()?;
        self.readings.begin(executor, encoder, &stretches, false, note)
    }

    /// The newest state that has arrived since the last call, if any. Does not wait. Copies in dropped encoders never arrive, nor do those
    /// made after a step that met a non-finite number.
    ///
    /// # Errors
    /// A model other than that of [`Saver::new`]; the device's errors.
    pub fn poll(&mut self, model: &mut Model) -> Result<Option<ModelState>> {
        let executor = self.lease.gpu(model)?;
        executor.notice()?;
        let mut newest: Option<ModelState> = None;
        while let Some(arrival) = self.readings.next(executor)? {
            let Arrival::Read(Reading { note: Note { mut bare, parts, table }, words, .. }) = arrival else {
                continue;
            };
            let mut words = words.into_iter();
            if let Some(table) = table {
                let clock: Vec<u32> = words.by_ref().take(clock::LEN).collect();
                if clock[clock::HALTED] != 0 {
                    continue;
                }
                bare.count(&table, clock[clock::STEP]);
            }
            for (key, len) in parts {
                let values = words.by_ref().take(len).map(f32::from_bits);
                bare.buffers.insert(key, Numbers::Single(values.collect()));
            }
            // If its encoder was held back, it may arrive after a newer one.
            newest = newest.filter(|newest| newest.steps() > bare.steps()).or(Some(bare));
        }
        Ok(newest)
    }
}

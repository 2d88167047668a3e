//! A model's state on its way to the host, in the caller's submissions.

use super::gpu;
use super::lease::Lease;
use super::readings::{Arrival, Reading, Readings, Stretch};
use crate::kernel::clock;
use crate::model::{ModelState, Timetable};
use crate::{Model, Result};
use std::sync::Arc;

/// Copies what a model's training goes on from to the host, without waiting: what [`Model::save`] does and waits for. With a state from
/// time to time, a lost device costs no more than the steps since: [`Model::rebuild`] on another device,
/// [`Model::restore`], and a new [`Learner`](super::Learner), which begins with a new epoch.
///
/// ```no_run
/// use autorot::{embed::Saver, *};
/// # fn run(mut model: Model, device: wgpu::Device, queue: wgpu::Queue, other: Device) -> Result<()> {
/// let mut saver = Saver::new(&mut model)?;
/// // Every some hundred frames:
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
///     model.restore(state)?;
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
    /// The buffers' names, and their lengths in numbers.
    parts: Vec<(String, usize)>,
    /// What tells how far the model had come.
    table: Option<Arc<Timetable>>,
}

impl Saver {
    /// For this model.
    ///
    /// # Errors
    /// A model that is not on a GPU; the device's errors.
    pub fn new(model: &mut Model) -> Result<Self> {
        Ok(Self { lease: Lease::of(model)?, readings: Readings::new(gpu(model)?)? })
    }

    /// Encodes the copying of the model as it is after the steps that will have run by then. Where several steps share an update,
    /// it is to come after the last of them.
    ///
    /// # Errors
    /// Another model than that of [`Saver::new`]; the device's errors.
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

    /// The newest state that has arrived since the last call, if there is one. Waits for nothing. Nothing arrives of an encoder that was
    /// dropped, nor of a state that was copied after a step that met a number that is not finite.
    ///
    /// # Errors
    /// Another model than that of [`Saver::new`]; the device's errors.
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
                let values = words.by_ref().take(len).map(|word| f64::from(f32::from_bits(word)));
                bare.buffers.insert(key, values.collect());
            }
            // One whose encoder was held back may arrive behind a newer one.
            newest = newest.filter(|newest| newest.steps() > bare.steps()).or(Some(bare));
        }
        Ok(newest)
    }
}

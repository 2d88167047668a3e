//! A model's state on its way to the host, in the caller's submissions.

use super::readings::{Readings, Stretch};
use super::{Owner, gpu};
use crate::model::ModelState;
use crate::{Model, Result};

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
    owner: Owner,
    readings: Readings<Note>,
}

#[derive(Debug)]
struct Note {
    /// The state, without its buffers.
    bare: ModelState,
    /// The buffers' names, and their lengths in numbers.
    parts: Vec<(String, usize)>,
}

impl Saver {
    /// For this model.
    ///
    /// # Errors
    /// A model that is not on a GPU; the device's errors.
    pub fn new(model: &mut Model) -> Result<Self> {
        Ok(Self { owner: Owner::of(model)?, readings: Readings::new(gpu(model)?)? })
    }

    /// Encodes the copying of the model as it is after the steps that were encoded so far. Where several steps share an update,
    /// it is to come after the last of them.
    ///
    /// # Errors
    /// Another model than that of [`Saver::new`]; the device's errors.
    pub fn encode(&mut self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let note = Note { bare: model.bare_state(), parts: model.state_keys() };
        let executor = self.owner.gpu(model)?;
        let stretch = |(key, len): &(String, usize)| {
            Ok(Stretch { buffer: executor.lend(key)?, offset: 0, len: *len as u64 * 4 })
        };
        let stretches = note.parts.iter().map(stretch).collect::<Result<Vec<_>>>()?;
        self.readings.begin(executor, encoder, &stretches, false, note)
    }

    /// The newest state that has arrived since the last call, if there is one. Waits for nothing. Poll what trains the model first: a
    /// state that was copied after a step which it finds to have failed is none.
    ///
    /// # Errors
    /// Another model than that of [`Saver::new`]; an encoder that was not submitted; the device's errors.
    pub fn poll(&mut self, model: &mut Model) -> Result<Option<ModelState>> {
        let executor = self.owner.gpu(model)?;
        executor.notice()?;
        let mut newest = None;
        while let Some(reading) = self.readings.next(executor)? {
            let Note { mut bare, parts } = reading.note;
            let mut words = reading.words.into_iter();
            for (key, len) in parts {
                let values = words.by_ref().take(len).map(|word| f64::from(f32::from_bits(word)));
                bare.buffers.insert(key, values.collect());
            }
            newest = Some(bare);
        }
        // Steps that turned out to have failed set the model back.
        Ok(newest.filter(|state| state.steps() <= model.steps))
    }
}

//! Predictions alone: without what only training needs, from several threads at once.

use super::{Model, Network, Predictions};
use crate::data::{Rows, conversion};
use crate::device::{Device, Executor, Values};
use crate::kernel::{Element, clock};
use crate::plan::arena::keys;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Predicts, and takes only the memory that predictions need: no gradients, moments or data sets. ρ and batch normalisation are folded into
/// the kernels ([`Model::fold`]), so outputs differ from the model's by rounding.
///
/// It may be shared between threads: each that predicts at the same time has buffers of its own, parameters included, which are kept for
/// the next. The same inputs in the same call give the same bits on one device.
///
/// ```
/// use autorot::{Activation, AutoRotate, Dense, Device, Predictor, Sequential};
///
/// let hidden = Dense::new(8).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
/// let net = Sequential::new([3]).input_range(-1.0, 1.0).add(hidden).add(Dense::new(1));
/// let predictor = Predictor::new(&mut net.build(&Device::cpu(), 1)?)?;
/// let outputs = std::thread::scope(|scope| {
///     let threads = [0.1, 0.2].map(|x| scope.spawn({
///         let predictor = &predictor;
///         move || predictor.predict(&[x; 3])
///     }));
///     threads.map(|thread| thread.join().expect("a thread"))
/// });
/// assert_eq!(outputs[1].as_ref().ok().map(Vec::len), Some(1));
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    network: Network,
    device: Device,
    parameters: Vec<f64>,
    /// Those that no thread uses.
    free: Mutex<Vec<Model>>,
}

impl Predictor {
    /// Of this model as it is now, on its device.
    ///
    /// # Errors
    /// Layers that keep states from one call to the next, which belong to one caller: use the model; device errors.
    pub fn new(model: &mut Model) -> Result<Self> {
        if let Some(states) = model.network.states.first() {
            return Err(Error::invalid(
                &states.layer,
                "a layer that keeps or returns states",
                "layers without states that outlast a call",
                "predict with the model itself",
            ));
        }
        // Of layers of the caller's own, only the caller knows the kinds.
        let mut folded = model.fold().or_else(|error| {
            log::info!("the network is not folded: {error}");
            model.try_clone()
        })?;
        let parameters = pollster::block_on(folded.read_arena(keys::PARAMETERS))?;
        let Model { network, device, .. } = folded;
        let predictor = Self { network, device, parameters, free: Mutex::default() };
        predictor.give_back(predictor.another()?);
        Ok(predictor)
    }

    /// Of the model in a file: see [`Model::load`].
    ///
    /// # Errors
    /// As for [`Model::load`] and [`Predictor::new`].
    pub fn load(path: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        Self::new(&mut Model::load(path, device)?)
    }

    /// The network that it computes.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The last layer's outputs for rows of inputs, row by row: see [`Model::predict`].
    ///
    /// # Errors
    /// As for [`Model::predict`].
    pub fn predict(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        let mut model = match self.taken() {
            Some(model) => model,
            None => self.another()?,
        };
        let outputs = model.predict(inputs);
        // One that has failed is given up.
        if outputs.is_ok() {
            self.give_back(model);
        }
        outputs
    }

    /// Predictions for raw rows, in the data's own terms: see [`Model::predict_rows`].
    ///
    /// # Errors
    /// As for [`Model::predict_rows`].
    pub fn predict_rows<'r>(&self, rows: impl Into<Rows<'r>>) -> Result<Predictions> {
        let inputs = conversion::inputs(self.network.conversion.as_deref(), rows.into())?;
        self.network.answers(&self.predict(&inputs)?)
    }

    /// The outputs of any number of rows, one after another; so many rows are predicted at a time, at least 1. After an error it ends.
    pub fn predict_each<'p, R: AsRef<[f32]>>(
        &'p self,
        rows: impl IntoIterator<Item = R> + 'p,
        at_once: usize,
    ) -> impl Iterator<Item = Result<Vec<f32>>> + 'p {
        let (mut rows, mut ready) = (rows.into_iter().fuse(), VecDeque::new());
        let width = self.network.output().len();
        let mut failed = false;
        std::iter::from_fn(move || {
            if ready.is_empty() && !failed {
                let chunk: Vec<R> = rows.by_ref().take(at_once.max(1)).collect();
                let inputs: Vec<f32> = chunk.iter().flat_map(|row| row.as_ref()).copied().collect();
                match self
                    .checked(&chunk)
                    .and_then(|()| if chunk.is_empty() { Ok(Vec::new()) } else { self.predict(&inputs) })
                {
                    Ok(outputs) => ready.extend(outputs.chunks_exact(width).map(|row| Ok(row.to_vec()))),
                    Err(error) => {
                        failed = true;
                        ready.push_back(Err(error));
                    }
                }
            }
            ready.pop_front()
        })
    }

    /// Refuses rows of another length than the network's.
    fn checked<R: AsRef<[f32]>>(&self, rows: &[R]) -> Result<()> {
        let len = self.network.input().len();
        match rows.iter().map(|row| row.as_ref().len()).find(|&found| found != len) {
            None => Ok(()),
            Some(found) => Err(Error::invalid(
                "rows to predict",
                format!("a row of {found} numbers"),
                format!("{len}, for inputs of the shape {:?}", self.network.input().shape),
                "give every row its whole input",
            )),
        }
    }

    fn taken(&self) -> Option<Model> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, model: Model) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(model);
    }

    /// Buffers for one more thread.
    fn another(&self) -> Result<Model> {
        let mut executor: Box<dyn Executor> = self.device.executor();
        executor.allocate(keys::PARAMETERS, Element::Float, self.network.arena.len())?;
        executor.allocate(keys::CLOCK, Element::Index, clock::LEN)?;
        executor.write(keys::PARAMETERS, 0, Values::F64(&self.parameters))?;
        Ok(Model::around(self.network.clone(), executor, &self.device))
    }
}

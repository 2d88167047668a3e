//! Layers that training leaves alone.

use super::Model;
use crate::Result;
use crate::device::Values;
use crate::kernel::Element;
use crate::optimizer::spans;
use crate::plan::arena::keys;
use crate::plan::{Purpose, Recorder};
use std::ops::Range;

impl Model {
    /// Sets whether training changes the layer at this path, with the layers inside it, or a single parameter (Keras' `trainable`).
    /// Frozen layers keep their weights, and gradients that nothing needs are not computed. A frozen batch normalisation uses its running
    /// statistics, and keeps them; dropout goes on dropping. Saved with the model; holds from the next training on.
    ///
    /// # Errors
    /// No such layer, or one without parameters; device errors.
    ///
    /// ```
    /// use autorot::{Dense, Device, Flatten, Sequential, data::Glyphs};
    ///
    /// let data = Glyphs { train: 64, test: 16, seed: 1 }.load()?;
    /// let net = Sequential::for_data(&data.train).add(Flatten).add(Dense::new(8)).add(Dense::new(16));
    /// let mut model = net.build(&Device::cpu(), 0)?;
    /// model.set_trainable("1.dense", false)?;
    /// assert_eq!(model.frozen(), ["1.dense.kernel", "1.dense.bias"]);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    pub fn set_trainable(&mut self, path: &str, trainable: bool) -> Result<()> {
        self.mark_trainable(path, trainable)?;
        self.settle_frozen()
    }

    fn mark_trainable(&mut self, path: &str, trainable: bool) -> Result<()> {
        if self.network.arena.set_trainable(path, trainable) {
            return Ok(());
        }
        Err(self.network.arena.unknown_layer(path))
    }

    /// The paths of the parameters that training leaves alone.
    pub fn frozen(&self) -> Vec<&str> {
        let frozen = self.network.arena.parameters().iter().filter(|parameter| parameter.frozen);
        frozen.map(|parameter| parameter.path.as_str()).collect()
    }

    /// Freezes these layers or parameters.
    pub(crate) fn set_frozen<'p>(&mut self, paths: impl IntoIterator<Item = &'p String>) -> Result<()> {
        paths.into_iter().try_for_each(|path| self.mark_trainable(path, false))?;
        self.settle_frozen()
    }

    /// Makes sure of what frozen parameters have beside their values: gradients of 0, and the same values before the last update, which
    /// does not write them.
    pub(crate) fn settle_frozen(&mut self) -> Result<()> {
        let frozen = self.network.arena.frozen_ranges();
        if frozen.is_empty() {
            return Ok(());
        }
        for range in &frozen {
            let zeros = vec![0.0_f32; range.len()];
            self.executor.write(keys::GRADIENTS, range.start, Values::F32(&zeros))?;
        }
        if !self.kept.contains_key(keys::PREVIOUS) {
            return Ok(());
        }
        self.copy_arena([keys::PARAMETERS, keys::PREVIOUS], &frozen)
    }

    /// Copies stretches of one of the buffers that are laid out like the parameters to another.
    pub(super) fn copy_arena(&mut self, between: [&str; 2], ranges: &[Range<usize>]) -> Result<()> {
        let len = self.network.arena.len();
        let mut rec = Recorder::new(Purpose::Infer, 1, &self.network.arena);
        let views = between.map(|key| rec.shared(key, Element::Float, len));
        for range in ranges {
            for (first, width) in spans(range.len()) {
                let [values, out] = views.map(|view| rec.part(view, range.start + first, width));
                rec.copy(values, out);
            }
        }
        let program = self.executor.bind(&rec.finish("copy of parameters")?)?;
        let copied = self.executor.run(program, 1);
        self.executor.release(program);
        copied
    }
}

//! Noise on inputs during training.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{Noise, NoisePorts};
use crate::plan::{Recorder, View};
use crate::{Error, Result};

/// Adds noise of mean 0 and standard deviation `stddev` during training (Keras' `GaussianNoise`). Any shape; no effect in predictions. The
/// range of the values is taken to stay, since predictions see them without noise.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GaussianNoise {
    stddev: f32,
}

impl GaussianNoise {
    /// Noise of this standard deviation, finite and at least 0, checked when the model is built.
    pub fn new(stddev: f32) -> Self {
        Self { stddev }
    }
}

impl Layer for GaussianNoise {
    fn kind(&self) -> &'static str {
        "gaussian_noise"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let deviation = self.stddev;
        if !(deviation.is_finite() && deviation >= 0.0) {
            return Err(Error::invalid(
                path,
                format!("stddev {deviation}"),
                "a finite number of at least 0",
                "give the noise's standard deviation",
            ));
        }
        Ok(Box::new(NoiseNode { path, deviation, seed: scope.layer_seed(), output: input.clone() }))
    }
}

#[derive(Debug)]
struct NoiseNode {
    path: String,
    deviation: f32,
    seed: u32,
    output: Signal,
}

impl Node for NoiseNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        if !rec.training() || self.deviation == 0.0 {
            return Trace::new(input, input);
        }
        let count = rec.batch() * self.output.len();
        let clock = rec.clock();
        let y = rec.scratch(count);
        let kernel = Noise { count, deviation: self.deviation, seed: self.seed };
        rec.op(kernel, NoisePorts { x: input, clock, y });
        Trace::new(input, y)
    }

    fn backward(&self, _rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then_some(d_y)
    }
}

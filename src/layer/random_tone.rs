//! Augmentation on the device: images of random brightness and contrast.

use super::pool::{PoolKind, PoolNode};
use super::random_factor::Factor;
use super::random_window::picture;
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{RandomTone, RandomTonePorts, Tone};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result};

/// The range of the pixels that loaders give, which the layers take unless told otherwise.
const VALUES: [f32; 2] = [0.0, 1.0];

/// Makes images brighter or darker during training (Keras' `RandomBrightness`): adds a random share of the width of `value_range` to all of
/// an image, and keeps the sums within that range. Images are `[height, width, channels]`. The range of the values is taken to stay, since
/// predictions see images as they are.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RandomBrightness {
    factor: Factor,
    value_range: [f32; 2],
}

impl RandomBrightness {
    /// Adds a share from −1 (black) to 1 (white): 0.2 for up to a fifth of the range in both directions, or a pair of limits.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self { factor: factor.into(), value_range: VALUES }
    }

    /// Sets the range of the pixels; 0..1 unless set, where Keras has 0..255.
    pub fn value_range(mut self, lower: f32, upper: f32) -> Self {
        self.value_range = [lower, upper];
        self
    }
}

impl Layer for RandomBrightness {
    fn kind(&self) -> &'static str {
        "random_brightness"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let limits = self.factor.limits(scope.path(), "factor", [-1.0, 1.0])?;
        let width = self.value_range[1] - self.value_range[0];
        node(scope, input, Tone::Brightness, limits.map(|share| share * width), self.value_range)
    }
}

/// Gives images more or less contrast during training (Keras' `RandomContrast`): x becomes m + a·(x − m), with the mean m of the image's channel and
/// a random factor a, and stays within `value_range`. Images are `[height, width, channels]`. The range of the values is taken to stay, since
/// predictions see images as they are.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RandomContrast {
    factor: Factor,
    value_range: [f32; 2],
}

impl RandomContrast {
    /// Draws a from 1 − f to 1 + f with 0 ≤ f ≤ 1, or with a pair (l, u) from 1 − l to 1 + u with 0 ≤ l ≤ 1 and u ≥ 0, as Keras does.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self { factor: factor.into(), value_range: VALUES }
    }

    /// Sets the range of the pixels; 0..1 unless set, where Keras has 0..255.
    pub fn value_range(mut self, lower: f32, upper: f32) -> Self {
        self.value_range = [lower, upper];
        self
    }
}

impl Layer for RandomContrast {
    fn kind(&self) -> &'static str {
        "random_contrast"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let [lower, upper] = match self.factor {
            Factor::Around(factor) => [factor; 2],
            Factor::Between(limits) => limits,
        };
        if !((0.0..=1.0).contains(&lower) && upper >= 0.0 && upper.is_finite()) {
            return Err(Error::invalid(
                scope.path(),
                format!("a factor of {lower} less to {upper} more"),
                "at most 1 less, and numbers that are not negative",
                "correct the factor",
            ));
        }
        node(scope, input, Tone::Contrast, [1.0 - lower, 1.0 + upper], self.value_range)
    }
}

fn node(
    scope: &Scope<'_>,
    input: &Signal,
    tone: Tone,
    [lower, upper]: [f32; 2],
    values: [f32; 2],
) -> Result<Box<dyn Node>> {
    let path = scope.path().to_owned();
    let ([height, width], channels) = picture(&path, input)?;
    let range = Range::new(values[0], values[1]).ok().filter(|range| range.min < range.max);
    let range = range.ok_or_else(|| {
        let found = format!("a value_range from {} to {}", values[0], values[1]);
        Error::invalid(&path, found, "two finite numbers, the lower first", "give the range of the pixels")
    })?;
    if let Some(found) = input.range.filter(|found| found.min < range.min || found.max > range.max) {
        log::warn!(
            "{path}: the inputs' range {found} exceeds value_range, {range}, to which training cuts them off"
        );
    }
    let kernel = RandomTone {
        batch: 0,
        positions: height * width,
        channels,
        tone,
        lower,
        upper,
        limits: Some(values),
        seed: scope.layer_seed(),
        gate: false,
    };
    let means = input.reshaped(vec![channels]);
    let mean = PoolNode::whole(&path, &[height, width], channels, PoolKind::Mean, means)?;
    Ok(Box::new(RandomToneNode { path, kernel, mean, output: input.clone() }))
}

#[derive(Debug)]
struct RandomToneNode {
    path: String,
    /// The kernel for training, except for the batch size.
    kernel: RandomTone,
    /// The means of images' channels.
    mean: PoolNode,
    output: Signal,
}

impl RandomToneNode {
    /// Records the kernel over x and the means, which may be those of another x; with gradients g for the gate.
    fn change(
        &self,
        rec: &mut Recorder<'_>,
        kernel: RandomTone,
        (x, mean): (View, Option<View>),
        g: Option<View>,
    ) -> View {
        let (clock, y) = (rec.clock(), rec.scratch(rec.batch() * self.output.len()));
        let kernel = RandomTone { batch: rec.batch(), gate: g.is_some(), ..kernel };
        rec.op(kernel, RandomTonePorts { x, mean, g, clock, y });
        y
    }

    fn mean(&self, rec: &mut Recorder<'_>, x: View) -> Option<View> {
        (self.kernel.tone == Tone::Contrast).then(|| self.mean.forward(rec, x).output)
    }
}

impl Node for RandomToneNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        if !rec.training() {
            return Trace::new(input, input);
        }
        let mean = self.mean(rec, input);
        let output = self.change(rec, self.kernel, (input, mean), None);
        Trace::new(input, output).keeping(mean)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        if !need_d_x || !rec.training() {
            return need_d_x.then_some(d_y);
        }
        let Some(&mean) = trace.kept::<Option<View>>() else { return trace.refuse(rec, &self.path) };
        let passed = self.change(rec, self.kernel, (trace.input, mean), Some(d_y));
        // The formula without limits is linear in x and its mean, and so its own gradient.
        Some(match self.mean(rec, passed) {
            Some(of_passed) => {
                let kernel = RandomTone { limits: None, ..self.kernel };
                self.change(rec, kernel, (passed, Some(of_passed)), None)
            }
            None => passed,
        })
    }
}

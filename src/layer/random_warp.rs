//! Augmentation on the device: images turned and magnified at random, and shifted by shares of their size.

use super::random_factor::Factor;
use super::random_window::picture;
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{Family, FillMode, Interpolation, MAX_ROUNDS, RandomWarp, RandomWarpPorts, Warp};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result};

/// How an image continues outside of its borders and between its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Plane {
    fill_mode: FillMode,
    fill_value: f32,
    interpolation: Interpolation,
}

/// The options of a layer's plane.
macro_rules! plane_options {
    () => {
        /// Sets what images show outside of their borders; [`FillMode::Reflect`](crate::FillMode::Reflect) unless set.
        pub fn fill_mode(mut self, fill_mode: crate::FillMode) -> Self {
            self.plane.set_fill_mode(fill_mode);
            self
        }

        /// Sets the value there with [`FillMode::Constant`](crate::FillMode::Constant); 0 unless set.
        pub fn fill_value(mut self, fill_value: f32) -> Self {
            self.plane.set_fill_value(fill_value);
            self
        }

        /// Sets the value between pixels; [`Interpolation::Bilinear`](crate::Interpolation::Bilinear) unless set.
        pub fn interpolation(mut self, interpolation: crate::Interpolation) -> Self {
            self.plane.set_interpolation(interpolation);
            self
        }
    };
}
pub(super) use plane_options;

impl Plane {
    pub(super) fn set_fill_mode(&mut self, fill_mode: FillMode) {
        self.fill_mode = fill_mode;
    }

    pub(super) fn set_fill_value(&mut self, fill_value: f32) {
        self.fill_value = fill_value;
    }

    pub(super) fn set_interpolation(&mut self, interpolation: Interpolation) {
        self.interpolation = interpolation;
    }

    /// The built layer that moves images on this plane, with the limits of its factors along height and width.
    pub(super) fn node(
        self,
        scope: &Scope<'_>,
        input: &Signal,
        warp: Warp,
        [[lower_y, upper_y], [lower_x, upper_x]]: [[f32; 2]; 2],
    ) -> Result<Box<dyn Node>> {
        let Self { fill_mode: fill, fill_value, interpolation } = self;
        let path = scope.path().to_owned();
        let (size, channels) = picture(&path, input)?;
        let whole = input.len() <= MOST_PLACES && size.iter().all(|&n| n <= MOST_PLACES);
        if !(whole && fill_value.is_finite()) {
            return Err(Error::invalid(
                path,
                format!("images of {size:?} with the fill_value {fill_value}"),
                format!("at most {MOST_PLACES} numbers, and a finite value"),
                "use smaller images, or another value",
            ));
        }
        let range = match (input.range, fill) {
            (Some(r), FillMode::Constant) => {
                Some(Range { min: r.min.min(fill_value), max: r.max.max(fill_value) })
            }
            (range, _) => range,
        };
        let (lower, upper) = ([lower_y, lower_x], [upper_y, upper_x]);
        let seed = scope.layer_seed();
        let kernel = RandomWarp {
            batch: 0,
            size,
            channels,
            warp,
            lower,
            upper,
            fill,
            fill_value,
            interpolation,
            seed,
            turned: false,
        };
        Ok(Box::new(RandomWarpNode { path, kernel, output: Signal { range, ..input.clone() } }))
    }
}

/// The most numbers of an image: places between pixels are computed in single precision.
const MOST_PLACES: usize = 1 << 24;

/// Turns images around their middle by a random angle during training (Keras' `RandomRotation`). Images are `[height, width, channels]`. The
/// range of the values stays, but for [`FillMode::Constant`], which adds the fill value.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RandomRotation {
    factor: Factor,
    #[serde(flatten)]
    plane: Plane,
}

impl RandomRotation {
    /// Turns by a share of a full turn from −1 to 1, positive ones counter-clockwise: 0.1 for up to 36° to either side, or a pair of limits.
    pub fn new(factor: impl Into<Factor>) -> Self {
        Self { factor: factor.into(), plane: Plane::default() }
    }

    plane_options!();
}

impl Layer for RandomRotation {
    fn kind(&self) -> &'static str {
        "random_rotation"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let limits = self.factor.limits(scope.path(), "factor", [-1.0, 1.0])?;
        self.plane.node(scope, input, Warp::Turn, [limits, [0.0; 2]])
    }
}

/// Shows images smaller or larger around their middle during training (Keras' `RandomZoom`): with the factor f, as 1 + f times their height and
/// width would look, so that positive factors zoom out. Images are `[height, width, channels]`. The range of the values stays, but for
/// [`FillMode::Constant`], which adds the fill value.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RandomZoom {
    height_factor: Factor,
    width_factor: Option<Factor>,
    #[serde(flatten)]
    plane: Plane,
}

impl RandomZoom {
    /// Zooms in both directions by the same factor from −0.99 to 1: 0.2 for 20 % in or out, or a pair of limits.
    pub fn new(height_factor: impl Into<Factor>) -> Self {
        Self { height_factor: height_factor.into(), width_factor: None, plane: Plane::default() }
    }

    /// Sets a factor of its own for the width.
    pub fn width_factor(mut self, width_factor: impl Into<Factor>) -> Self {
        self.width_factor = Some(width_factor.into());
        self
    }

    plane_options!();
}

impl Layer for RandomZoom {
    fn kind(&self) -> &'static str {
        "random_zoom"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let limits = |factor: Factor, name: &str| factor.limits(scope.path(), name, [-0.99, 1.0]);
        let height = limits(self.height_factor, "height_factor")?;
        let width = self.width_factor.map(|factor| limits(factor, "width_factor")).transpose()?;
        let warp = Warp::Zoom { together: width.is_none() };
        self.plane.node(scope, input, warp, [height, width.unwrap_or(height)])
    }
}

#[derive(Debug)]
struct RandomWarpNode {
    path: String,
    /// The kernel for training, except for the batch size.
    kernel: RandomWarp,
    output: Signal,
}

impl RandomWarpNode {
    fn move_images(&self, rec: &mut Recorder<'_>, x: View, kernel: RandomWarp) -> View {
        if !rec.training() {
            return x;
        }
        let (clock, y) = (rec.clock(), rec.scratch(rec.batch() * self.output.len()));
        rec.op(RandomWarp { batch: rec.batch(), ..kernel }, RandomWarpPorts { x, clock, y });
        y
    }
}

impl Node for RandomWarpNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let output = self.move_images(rec, input, self.kernel);
        Trace::new(input, output)
    }

    fn backward(&self, rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let kernel = RandomWarp { turned: true, ..self.kernel };
        let rounds = kernel.rounds(0);
        if need_d_x && rec.training() && rounds > MAX_ROUNDS {
            let RandomWarp { size, fill, .. } = kernel;
            rec.refuse(Error::invalid(
                &self.path,
                format!("the gradient of images of {size:?} with the fill mode {fill:?}, {rounds} rounds of a loop"),
                format!("at most {MAX_ROUNDS}"),
                "put the layer before every layer with parameters, which then needs no gradient from it, or use another fill mode, smaller images or smaller factors",
            ));
            return Some(d_y);
        }
        need_d_x.then(|| self.move_images(rec, d_y, kernel))
    }
}

//! Augmentation on the device: images shifted, mirrored and cropped at random.

use super::random_factor::Factor;
use super::random_warp::{Plane, plane_options};
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{RandomWindow, RandomWindowPorts, Warp};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result, shape};

/// Mirrors half of the images during training, drawn anew in every step (Keras' `RandomFlip`). Images are
/// `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RandomFlip {
    /// Top to bottom, and left to right.
    mirror: [bool; 2],
}

impl RandomFlip {
    /// Mirrors left to right.
    pub fn horizontal() -> Self {
        Self { mirror: [false, true] }
    }

    /// Mirrors top to bottom.
    pub fn vertical() -> Self {
        Self { mirror: [true, false] }
    }

    /// Mirrors in each direction independently.
    pub fn both() -> Self {
        Self { mirror: [true, true] }
    }
}

/// Shifts images at random during training (Keras' `RandomTranslation`): by whole pixels, or by shares of their size, between pixels.
/// Images are `[height, width, channels]`. The output range is extended to include what fills images up with
/// [`FillMode::Constant`](crate::FillMode::Constant): 0 for whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RandomTranslation {
    #[serde(deserialize_with = "pixels")]
    pixels: Option<[usize; 2]>,
    height_factor: Factor,
    width_factor: Factor,
    #[serde(flatten)]
    plane: Plane,
}

impl RandomTranslation {
    /// Shifts by up to this many pixels vertically and horizontally, and fills with zeros.
    pub fn new(pixels: impl super::Extent<2>) -> Self {
        Self { pixels: Some(pixels.extent()), ..Self::shares(0.0, 0.0) }
    }

    /// Shifts by shares of the height and of the width from −1 to 1, positive ones down and to the right: 0.1 for up to a tenth to either
    /// side, or a pair of limits.
    pub fn shares(height_factor: impl Into<Factor>, width_factor: impl Into<Factor>) -> Self {
        let (height_factor, width_factor) = (height_factor.into(), width_factor.into());
        Self { pixels: None, height_factor, width_factor, plane: Plane::default() }
    }

    plane_options!();
}

/// One number for both directions, or one for each.
fn pixels<'de, D: serde::Deserializer<'de>>(input: D) -> std::result::Result<Option<[usize; 2]>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Pixels {
        Both(usize),
        Each([usize; 2]),
    }
    let pixels = <Option<Pixels> as serde::Deserialize>::deserialize(input)?;
    Ok(pixels.map(|pixels| match pixels {
        Pixels::Both(pixels) => [pixels; 2],
        Pixels::Each(pixels) => pixels,
    }))
}

/// Crops images to this size: at a random place during training, else in the middle (where Keras' `RandomCrop` resizes). Images
/// are `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RandomCrop {
    size: [usize; 2],
}

impl RandomCrop {
    /// Crops to this height and width.
    pub fn new(size: impl super::Extent<2>) -> Self {
        Self { size: size.extent() }
    }
}

/// The maximum number of offsets along an axis.
const MAX_OFFSETS: usize = 1 << 16;

/// Height, width and channels of the images.
pub(super) fn picture(path: &str, input: &Signal) -> Result<([usize; 2], usize)> {
    let (spatial, channels) = shape::spatial(path, &input.shape, 2)?;
    Ok(([spatial[0], spatial[1]], channels))
}

fn node(
    scope: &Scope<'_>,
    input: &Signal,
    window: [usize; 2],
    (first, range, mirror): ([i32; 2], [u32; 2], [bool; 2]),
    output_range: Option<Range>,
) -> Result<Box<dyn Node>> {
    let path = scope.path().to_owned();
    let (size, channels) = picture(&path, input)?;
    let (seed, output) = (scope.layer_seed(), vec![window[0], window[1], channels]);
    let kernel = RandomWindow { batch: 0, size, window, channels, first, range, mirror, seed, turned: false };
    Ok(Box::new(RandomWindowNode {
        path,
        kernel,
        output: Signal { range: output_range, ..input.reshaped(output) },
    }))
}

impl Layer for RandomFlip {
    fn kind(&self) -> &'static str {
        "random_flip"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let (size, _) = picture(scope.path(), input)?;
        node(scope, input, size, ([0, 0], [1, 1], self.mirror), input.range)
    }
}

impl Layer for RandomTranslation {
    fn kind(&self) -> &'static str {
        "random_translation"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let limits = |factor: Factor, name: &str| factor.limits(scope.path(), name, [-1.0, 1.0]);
        let factors =
            [limits(self.height_factor, "height_factor")?, limits(self.width_factor, "width_factor")?];
        let Some(pixels) = self.pixels else {
            return self.plane.node(scope, input, Warp::Shift, factors);
        };
        if *self != Self::new(pixels) {
            return Err(Error::invalid(
                scope.path(),
                "shifts by whole pixels with options of shifts by shares",
                "one of both: whole pixels fill images up with zeros",
                "leave out either pixels, or the factors and how images continue",
            ));
        }
        let (size, _) = picture(scope.path(), input)?;
        if pixels.iter().zip(size).any(|(&pixels, size)| pixels >= size || 2 * pixels >= MAX_OFFSETS) {
            return Err(Error::invalid(
                scope.path(),
                format!("shifts of up to {pixels:?} pixels"),
                format!("less than the image size, {size:?}, and than {}", MAX_OFFSETS / 2),
                "shift by less",
            ));
        }
        let range = input.range.map(|r| Range { min: r.min.min(0.0), max: r.max.max(0.0) });
        let offsets = (pixels.map(|p| -(p as i32)), pixels.map(|p| 2 * p as u32 + 1), [false; 2]);
        node(scope, input, size, offsets, range)
    }
}

impl Layer for RandomCrop {
    fn kind(&self) -> &'static str {
        "random_crop"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let (size, _) = picture(scope.path(), input)?;
        let fits = |(&part, whole): (&usize, usize)| part > 0 && part <= whole && whole - part < MAX_OFFSETS;
        if !self.size.iter().zip(size).all(fits) {
            return Err(Error::invalid(
                scope.path(),
                format!("a crop of {:?} pixels", self.size),
                format!("from 1 pixel to the image size, {size:?}"),
                "crop to another size",
            ));
        }
        let range = [0, 1].map(|axis| (size[axis] - self.size[axis]) as u32 + 1);
        node(scope, input, self.size, ([0, 0], range, [false; 2]), input.range)
    }
}

#[derive(Debug)]
struct RandomWindowNode {
    path: String,
    /// The GPU kernel for training, except for the batch size.
    kernel: RandomWindow,
    output: Signal,
}

impl RandomWindowNode {
    /// The GPU kernel to record; `None` if the images stay as they are.
    fn kernel(&self, rec: &Recorder<'_>, turned: bool) -> Option<RandomWindow> {
        let kernel = RandomWindow { batch: rec.batch(), turned, ..self.kernel };
        if rec.training() {
            return Some(kernel);
        }
        let middle = [0, 1].map(|axis| ((kernel.size[axis] - kernel.window[axis]) / 2) as i32);
        let still = RandomWindow { first: middle, range: [1, 1], mirror: [false; 2], ..kernel };
        (kernel.size != kernel.window).then_some(still)
    }

    fn see(&self, rec: &mut Recorder<'_>, x: View, turned: bool) -> View {
        let Some(kernel) = self.kernel(rec, turned) else { return x };
        let [height, width] = if turned { kernel.size } else { kernel.window };
        let (clock, y) = (rec.clock(), rec.scratch(rec.batch() * height * width * kernel.channels));
        rec.op(kernel, RandomWindowPorts { x, clock, y });
        y
    }
}

impl Node for RandomWindowNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let output = self.see(rec, input, false);
        Trace::new(input, output)
    }

    fn backward(&self, rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| self.see(rec, d_y, true))
    }
}

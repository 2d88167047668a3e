//! Augmentation on the device: images shifted, mirrored and cropped at random.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{RandomWindow, RandomWindowPorts};
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

/// Shifts images by a random number of pixels during training and fills with zeros (Keras' `RandomTranslation` with
/// `fill_mode="constant"`, but in whole pixels). Images are `[height, width, channels]`. The output range is extended to include
/// 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RandomTranslation {
    pixels: [usize; 2],
}

impl RandomTranslation {
    /// Shifts by up to this many pixels vertically and horizontally.
    pub fn new(pixels: impl super::Extent<2>) -> Self {
        Self { pixels: pixels.extent() }
    }
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
fn picture(path: &str, input: &Signal) -> Result<([usize; 2], usize)> {
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
        let (size, _) = picture(scope.path(), input)?;
        if self.pixels.iter().zip(size).any(|(&pixels, size)| pixels >= size || 2 * pixels >= MAX_OFFSETS) {
            return Err(Error::invalid(
                scope.path(),
                format!("shifts of up to {:?} pixels", self.pixels),
                format!("less than the image size, {size:?}, and than {}", MAX_OFFSETS / 2),
                "shift by less",
            ));
        }
        let range = input.range.map(|r| Range { min: r.min.min(0.0), max: r.max.max(0.0) });
        let offsets = (self.pixels.map(|p| -(p as i32)), self.pixels.map(|p| 2 * p as u32 + 1), [false; 2]);
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

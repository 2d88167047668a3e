//! A data set that is drawn instead of loaded.

mod strokes;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use strokes::{CLASSES, Stroke};

use super::{Dataset, Split};
use crate::{Error, Result};

/// Height and width of an image.
const SIDE: usize = 28;
/// The maximum number of images in a part.
const MAX_IMAGES: usize = 1_000_000;

/// A built-in data set of hand-drawn letters and digits that needs no files: gray images of shape `[28, 28]` in 0..1, in 16 equally large
/// classes, many of them easily confused (3, 8 and B; C and G; E and F).
///
/// Every image has its own rotation, shear, size, position, bent strokes, stroke width, contrast, noise and stray strokes. Image `i` of a
/// part depends only on the seed and on `i`, its class is `i` modulo 16, and its pixels are the same on every platform.
///
/// On the default test part a linear softmax model is right for about 54 %, a multilayer perceptron (128 and 64 ReLU units) for 83 % and
/// a small convolutional network for 94 %.
///
/// ```
/// use autorot::data::Glyphs;
///
/// let split = Glyphs { train: 320, test: 80, ..Glyphs::default() }.load()?;
/// assert_eq!((split.train.len(), split.train.shape()), (320, &[28, 28][..]));
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// How many training images to draw, 1 to 1,000,000; 8,000 by default.
    pub train: usize,
    /// How many test images to draw, 1 to 1,000,000; 2,000 by default.
    pub test: usize,
    /// The seed for all random numbers, 0 by default.
    pub seed: u64,
}

impl Default for Glyphs {
    fn default() -> Self {
        Self { train: 8_000, test: 2_000, seed: 0 }
    }
}

impl Glyphs {
    /// The 16 class names, in the order of the labels.
    pub fn names() -> [&'static str; 16] {
        CLASSES.map(|(name, _)| name)
    }

    /// Draws the images, some 50,000 per second.
    ///
    /// # Errors
    /// A number of images that is 0 or above 1,000,000.
    pub fn load(&self) -> Result<Split> {
        Split::new(self.part("train", self.train, 0)?, self.part("test", self.test, 1)?)
    }

    fn part(&self, name: &str, count: usize, part: u64) -> Result<Dataset> {
        if !(1..=MAX_IMAGES).contains(&count) {
            return Err(Error::invalid(
                format!("Glyphs::{name}"),
                format!("{count} images"),
                format!("1 to {MAX_IMAGES}"),
                "ask for another number",
            ));
        }
        let mut random = Random(ChaCha8Rng::seed_from_u64(self.seed));
        let mut inputs = Vec::with_capacity(count * SIDE * SIDE);
        for index in 0..count {
            random.0.set_stream(2 * index as u64 + part);
            random.0.set_word_pos(0);
            draw(CLASSES[index % CLASSES.len()].1, &mut random, &mut inputs);
        }
        let labels = (0..count).map(|index| (index % CLASSES.len()) as u32).collect();
        Dataset::classes([SIDE, SIDE], inputs, labels, Self::names().map(String::from).to_vec())
    }
}

/// Random numbers by plain arithmetic from a counter-based generator: no library update can round them differently.
struct Random(ChaCha8Rng);

impl Random {
    /// Uniform between `low` and `high`.
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.0.next_u32() >> 8) as f32 / (1 << 24) as f32)
    }

    /// About normal with deviation 1: the sum of four bytes.
    fn bell(&mut self) -> f32 {
        let sum: u16 = self.0.next_u32().to_le_bytes().into_iter().map(u16::from).sum();
        (f32::from(sum) - 510.0) / 147.8
    }
}

fn draw(strokes: &[Stroke], random: &mut Random, into: &mut Vec<f32>) {
    let warp = Warp::new(random);
    let mut ink = Ink([f32::INFINITY; SIDE * SIDE]);
    for stroke in strokes {
        let path: Vec<[f32; 2]> = stroke.path().into_iter().map(|p| warp.apply(p)).collect();
        ink.trace(&path);
    }
    let mut stray = Ink([f32::INFINITY; SIDE * SIDE]);
    for _ in 0..random.between(0.0, 3.0) as usize {
        let start = [random.between(1.0, 27.0), random.between(1.0, 27.0)];
        let [dx, dy] = [random.between(-9.0, 9.0), random.between(-9.0, 9.0)];
        let [bx, by] = [random.between(-3.0, 3.0), random.between(-3.0, 3.0)];
        let middle = [start[0] + dx / 2.0 + bx, start[1] + dy / 2.0 + by];
        stray.trace(&[start, middle, [start[0] + dx, start[1] + dy]]);
    }
    let radius = random.between(0.7, 1.7);
    let stray_radius = random.between(0.5, 1.2);
    // The edge of a stroke fades over this many pixels.
    let edge = random.between(1.0, 2.2);
    let paper = random.between(0.0, 0.3);
    let contrast = random.between(0.4, 0.9);
    let stray_contrast = contrast * random.between(0.4, 1.0);
    let noise = random.between(0.02, 0.1);
    for (&letter, &other) in ink.0.iter().zip(&stray.0) {
        let cover = |squared: f32, radius: f32| ((radius - squared.sqrt()) / edge + 0.5).clamp(0.0, 1.0);
        let mark = (cover(letter, radius) * contrast).max(cover(other, stray_radius) * stray_contrast);
        let value = (paper + mark + noise * random.bell()).clamp(0.0, 1.0);
        // Rounded to 8 bits.
        into.push((value * 255.0 + 0.5).floor() / 255.0);
    }
}

/// From the unit square to pixels: a smooth random bend, then an affine map.
struct Warp {
    /// Offsets on a 4 × 4 grid over the unit square.
    bend: [[[f32; 2]; 4]; 4],
    matrix: [[f32; 2]; 2],
    centre: [f32; 2],
}

impl Warp {
    fn new(random: &mut Random) -> Self {
        let mut bend = [[[0.0; 2]; 4]; 4];
        bend.iter_mut().flatten().flatten().for_each(|v| *v = 0.06 * random.bell());
        // The tangent of half the angle: a rotation by plain arithmetic, up to ±23°.
        let t = random.between(-0.2, 0.2);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let shear = random.between(-0.3, 0.3);
        let (width, height) = (random.between(13.0, 22.0), random.between(16.0, 24.0));
        // Rotation · shear · scale.
        let matrix =
            [[cos * width, (cos * shear - sin) * height], [sin * width, (sin * shear + cos) * height]];
        let centre = [14.0 + random.between(-3.0, 3.0), 14.0 + random.between(-3.0, 3.0)];
        Self { bend, matrix, centre }
    }

    fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let cell = |v: f32| {
            let v = v.clamp(0.0, 1.0) * 3.0;
            let whole = v.floor().min(2.0);
            (whole as usize, v - whole)
        };
        let ((i, u), (j, v)) = (cell(x), cell(y));
        let offset = |k: usize| {
            let row = |j: usize| self.bend[j][i][k] * (1.0 - u) + self.bend[j][i + 1][k] * u;
            row(j) * (1.0 - v) + row(j + 1) * v
        };
        let (x, y) = (x + offset(0) - 0.5, y + offset(1) - 0.5);
        let map = |row: usize| self.centre[row] + self.matrix[row][0] * x + self.matrix[row][1] * y;
        [map(0), map(1)]
    }
}

/// For every pixel the squared distance from its centre to the nearest stroke, if that is near.
struct Ink([f32; SIDE * SIDE]);

impl Ink {
    /// How far around a stroke pixels are updated: beyond the widest stroke and its edge.
    const REACH: f32 = 3.0;

    fn trace(&mut self, path: &[[f32; 2]]) {
        for pair in path.windows(2) {
            let ([ax, ay], [bx, by]) = (pair[0], pair[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let squared = (dx * dx + dy * dy).max(1e-12);
            // Casts of negative numbers saturate at 0.
            let span = |a: f32, b: f32| {
                let (low, high) = (a.min(b) - Self::REACH, a.max(b) + Self::REACH);
                low as usize..SIDE.min(high as usize + 1)
            };
            for y in span(ay, by) {
                for x in span(ax, bx) {
                    let (px, py) = (x as f32 + 0.5 - ax, y as f32 + 0.5 - ay);
                    let along = ((px * dx + py * dy) / squared).clamp(0.0, 1.0);
                    let (ex, ey) = (px - along * dx, py - along * dy);
                    let nearest = &mut self.0[y * SIDE + x];
                    *nearest = nearest.min(ex * ex + ey * ey);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    fn glyphs(train: usize, test: usize, seed: u64) -> Split {
        Glyphs { train, test, seed }.load().unwrap()
    }

    #[test]
    fn images_do_not_depend_on_their_number() {
        let (few, many) = (glyphs(20, 3, 7), glyphs(40, 5, 7));
        assert_eq!(many.train.inputs()[..20 * 784], *few.train.inputs());
        assert_eq!(many.test.inputs()[..3 * 784], *few.test.inputs());
        let row = |split: &Split| split.train.row(0).unwrap().to_vec();
        assert_ne!(row(&few), few.test.row(0).unwrap());
        assert_ne!(row(&few), few.train.row(16).unwrap());
        assert_ne!(row(&few), row(&glyphs(20, 3, 8)));
    }

    #[test]
    fn images_are_the_same_everywhere_and_for_ever() {
        let split = glyphs(64, 1, 0);
        let mut sum = 0xcbf2_9ce4_8422_2325_u64;
        for &value in split.train.inputs() {
            let byte = (value * 255.0).round();
            assert!((0.0..=255.0).contains(&byte) && byte / 255.0 == value, "{value}");
            sum = (sum ^ byte as u64).wrapping_mul(0x100_0000_01b3);
        }
        assert_eq!(sum, 0xb614_269f_8590_f392, "the images have changed: {sum:#018x}");
    }

    #[test]
    fn classes_come_in_turn() {
        let split = glyphs(33, 1, 0);
        let Targets::Classes { labels, names, .. } = split.train.targets() else { panic!("classes") };
        assert_eq!((labels[1], labels[15], labels[32], names.len()), (1, 15, 0, 16));
        assert_eq!(*names, Glyphs::names());
        assert_eq!(split.train.shape(), [28, 28]);
    }

    #[test]
    fn mean_images_tell_some_classes_apart_but_not_all() {
        let split = glyphs(1600, 320, 0);
        let mut means = vec![[0.0; 784]; 16];
        for (index, row) in split.train.inputs().chunks_exact(784).enumerate() {
            means[index % 16].iter_mut().zip(row).for_each(|(m, v)| *m += v / 100.0);
        }
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let nearest = |row: &[f32]| {
            (0..16).min_by(|&a, &b| distance(&means[a], row).total_cmp(&distance(&means[b], row)))
        };
        let rows = split.test.inputs().chunks_exact(784).enumerate();
        let right = rows.filter(|(index, row)| nearest(row) == Some(index % 16)).count();
        assert!((80..240).contains(&right), "{right} of 320");
    }

    #[test]
    fn numbers_of_images_are_checked() {
        for (train, test, word) in [(0, 1, "train"), (1, 0, "test"), (usize::MAX, 1, "train")] {
            let message = Glyphs { train, test, seed: 0 }.load().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}

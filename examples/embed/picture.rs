//! Pictures to learn: four that are computed, at any size, and files.

use autorot::{Error, Result};
use std::f32::consts::{PI, TAU};
use std::path::Path;

/// The names of the computed pictures.
pub const NAMES: [&str; 4] = ["swirl", "sunset", "waves", "tiles"];

/// The longest side of a picture from a file; larger ones are scaled down.
const LONGEST: u32 = 256;

/// Colours at the centres of pixels, rows from the top.
pub struct Picture {
    /// Its name or its path.
    pub name: String,
    pub width: u32,
    pub height: u32,
    /// Red, green and blue of every pixel, 0..1, as a screen shows them (sRGB).
    pub colours: Vec<[f32; 3]>,
}

impl Picture {
    /// The computed picture of this name at `size` × `size`, or else the PNG or JPEG file at this path.
    pub fn open(name: &str, size: u32) -> Result<Self> {
        let formula = match name {
            "swirl" => swirl,
            "sunset" => sunset,
            "waves" => waves,
            "tiles" => tiles,
            path => return Self::from_file(path.as_ref()),
        };
        let mut picture = Self { name: name.into(), width: size, height: size, colours: Vec::new() };
        picture.colours = picture.coordinates().into_iter().map(|[x, y]| formula(x, y)).collect();
        Ok(picture)
    }

    fn from_file(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let wrong = |found: String| {
            let known = format!("one of {}, or the path of a PNG or JPEG file", NAMES.join(", "));
            Error::invalid(&name, found, known, "check the name or the path")
        };
        let image = image::open(path).map_err(|e| wrong(e.to_string()))?;
        let image = match image.width().max(image.height()) {
            0 => return Err(wrong("an empty picture".into())),
            1..=LONGEST => image,
            _ => image.resize(LONGEST, LONGEST, image::imageops::FilterType::Triangle),
        };
        let image = image.to_rgb32f();
        let colours = image.pixels().map(|p| p.0).collect();
        Ok(Self { width: image.width(), height: image.height(), name, colours })
    }

    /// The centres of the pixels: x to the right, y downwards, −1..1 along the longer side. These are the net's inputs.
    pub fn coordinates(&self) -> Vec<[f32; 2]> {
        let longest = self.width.max(self.height) as f32;
        let place = |i: u32, n: u32| (2 * i + 1) as f32 / longest - n as f32 / longest;
        let row = |j: u32| (0..self.width).map(move |i| [place(i, self.width), place(j, self.height)]);
        (0..self.height).flat_map(row).collect()
    }

    /// The peak signal-to-noise ratio, in decibels, of `colours` in 0..1 against this picture; [`decibels`] gives it for a loss
    /// that is their mean squared error.
    pub fn psnr(&self, colours: &[[f32; 3]]) -> f64 {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let numbers = self.colours.as_flattened();
        let sum: f64 = numbers.iter().zip(colours.as_flattened()).map(square).sum();
        decibels(sum / numbers.len() as f64)
    }
}

/// −10·log₁₀ of a mean squared error of colours in 0..1.
pub fn decibels(mean_squared_error: f64) -> f64 {
    -10.0 * mean_squared_error.log10()
}

/// A cosine between 0 and 1, with one period per turn.
fn wave(turns: f32) -> f32 {
    0.5 + 0.5 * (TAU * turns).cos()
}

fn mix(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// 0 below `edge`, 1 above, and smooth over `width` around it.
fn step(edge: f32, width: f32, x: f32) -> f32 {
    let t = ((x - edge) / width + 0.5).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Three arms of changing colour, darker outwards.
fn swirl(x: f32, y: f32) -> [f32; 3] {
    let (r, turn) = (x.hypot(y), y.atan2(x) / TAU);
    let arm = wave(3.0 * turn - 1.1 * r);
    let hue = turn + 0.35 * r;
    let colour = [wave(hue), wave(hue - 1.0 / 3.0), wave(hue - 2.0 / 3.0)];
    mix([0.06, 0.07, 0.16], colour, (0.15 + 0.85 * arm) * (1.15 - 0.6 * r).clamp(0.0, 1.0))
}

/// A low sun over three ridges.
fn sunset(x: f32, y: f32) -> [f32; 3] {
    let sky = mix([0.16, 0.14, 0.38], [1.0, 0.62, 0.36], step(0.0, 1.8, y));
    let sun = (x - 0.25).hypot(y + 0.1);
    let glow = mix(sky, [1.0, 0.85, 0.55], 0.6 * (-4.0 * sun * sun).exp());
    let mut colour = mix(glow, [1.0, 0.96, 0.8], 1.0 - step(0.3, 0.06, sun));
    let ridges = [
        (0.12 + 0.14 * (3.1 * x + 0.4).sin() + 0.05 * (7.0 * x).sin(), [0.5, 0.27, 0.42]),
        (0.38 + 0.12 * (2.4 * x + 2.2).sin() + 0.04 * (8.3 * x + 1.0).sin(), [0.27, 0.18, 0.36]),
        (0.66 + 0.1 * (3.6 * x + 4.0).sin(), [0.1, 0.09, 0.2]),
    ];
    for (height, shade) in ridges {
        colour = mix(colour, shade, step(height, 0.06, y));
    }
    colour
}

/// Rings from two sources that interfere.
fn waves(x: f32, y: f32) -> [f32; 3] {
    let (a, b) = ((x + 0.55).hypot(y + 0.4), (x - 0.6).hypot(y - 0.45));
    let height = 0.5 * (wave(1.6 * a) + wave(1.6 * b));
    mix(mix([0.02, 0.1, 0.3], [0.1, 0.65, 0.75], height), [1.0, 0.95, 0.75], step(0.8, 0.5, height))
}

/// A tilted checkerboard with a hue for each direction.
fn tiles(x: f32, y: f32) -> [f32; 3] {
    let (sin, cos) = 0.4_f32.sin_cos();
    let (u, v) = (cos * x + sin * y, cos * y - sin * x);
    let soft = |t: f32| (4.0 * (1.4 * PI * t).sin()).tanh();
    let light = step(0.0, 2.0, soft(u) * soft(v));
    let colour = [wave(0.3 * u + 0.05), wave(0.3 * v - 0.3), wave(0.25 * (u + v) + 0.6)];
    mix(colour, [0.97, 0.94, 0.86], light)
}

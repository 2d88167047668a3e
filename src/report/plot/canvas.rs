//! A drawing surface over plotters' back ends: lengths in figure units (1/96 inch on screen), one font, smooth
//! lines, and the encoding and writing of the finished figure.

use std::path::Path;

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle,
};

use crate::error::{Error, Result};
use crate::store;

use super::text::{self, clean, text_width};

/// What an SVG asks for: the built-in font, or the viewer's own sans-serif.
const FAMILY: &str = "Ubuntu, sans-serif";
/// What the SVG back end divides a font's size by.
const SVG_FONT: f64 = 1.24;
/// Figure units of an SVG are this many of its coordinates, which are whole numbers.
const SVG_SCALE: f64 = 10.0;
const INK: RGBColor = RGBColor(0x1C, 0x1C, 0x1C);

pub(super) const WHITE: Colour = Colour(255, 255, 255);
pub(super) const SPINE: Colour = Colour(0x55, 0x55, 0x55);
pub(super) const GRID: Colour = Colour(0xE4, 0xE4, 0xE4);
pub(super) const FAINT_GRID: Colour = Colour(0xF2, 0xF2, 0xF2);

/// Red, green, blue in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

/// Which side of a text its position is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// Something that can be drawn and saved.
pub(super) trait Figure {
    /// Width and height in figure units.
    fn size(&self) -> (f64, f64);
    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>);
}

/// File formats, told apart by the file name's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Svg,
}

impl Format {
    pub fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            _ => Err(Error::invalid(
                path.display(),
                format!("the extension {extension:?}"),
                "\"png\" or \"svg\"",
                "name the plot's file accordingly",
            )),
        }
    }
}

/// Draws a figure in memory and writes it, whole or not at all.
pub(super) fn save(path: &Path, format: Format, figure: &impl Figure) -> Result<()> {
    let (width, height) = figure.size();
    let size = |scale: f64| ((width * scale).ceil() as u32, (height * scale).ceil() as u32);
    let bytes = match format {
        Format::Svg => {
            let (w, h) = size(SVG_SCALE);
            let mut text = String::new();
            let backend = SVGBackend::with_string(&mut text, (w, h));
            let canvas =
                Canvas { backend, scale: SVG_SCALE, vector: true, failure: None, widths: Vec::new() };
            let widths = canvas.run(path, figure)?;
            let text = pinned(&text, &widths);
            let header = format!("width=\"{w}\" height=\"{h}\"");
            let (w, h) = size(1.0);
            text.replacen(&header, &format!("width=\"{w}\" height=\"{h}\""), 1).into_bytes()
        }
        Format::Png => {
            // Large figures are drawn coarser, to bound memory and file size.
            let (scale, samples) = match width * height {
                ..0.8e6 => (2.0, 3),
                0.8e6..2.0e6 => (1.5, 3),
                _ => (1.0, 2),
            };
            let (w, h) = size(scale);
            let full = (w * samples, h * samples);
            let mut pixels = vec![255; full.0 as usize * full.1 as usize * 3];
            let backend = BitMapBackend::with_buffer(&mut pixels, full);
            let scale = scale * f64::from(samples);
            let canvas = Canvas { backend, scale, vector: false, failure: None, widths: Vec::new() };
            canvas.run(path, figure)?;
            let pixels = shrink(&pixels, w as usize, samples as usize);
            let mut bytes = Vec::new();
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::NoFilter)
                .write_image(&pixels, w, h, image::ExtendedColorType::Rgb8)
                .map_err(|e| Error::io(path, std::io::Error::other(e)))?;
            bytes
        }
    };
    store::write(path, &bytes)
}

/// The SVG with the length of each text prescribed: viewers without the font fit theirs in, so that nothing
/// overlaps.
fn pinned(svg: &str, widths: &[f64]) -> String {
    let mut parts = svg.split("<text ");
    let mut out = parts.next().unwrap_or_default().to_string();
    for (part, width) in parts.zip(widths) {
        let part = part.replacen(">\n", ">", 1).replacen("\n</text>", "</text>", 1);
        out += &format!("<text textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" {part}");
    }
    out
}

/// The mean of every `samples` × `samples` pixels.
fn shrink(pixels: &[u8], w: usize, samples: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / (samples * samples));
    let count = (samples * samples) as u32;
    for rows in pixels.chunks_exact(w * samples * 3 * samples) {
        let mut sums = vec![count / 2; w * 3];
        for row in rows.chunks_exact(w * samples * 3) {
            for (sum, cell) in sums.chunks_exact_mut(3).zip(row.chunks_exact(samples * 3)) {
                for pixel in cell.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(s, p)| *s += u32::from(*p));
                }
            }
        }
        out.extend(sums.iter().map(|s| (s / count) as u8));
    }
    out
}

fn pen(colour: Colour, opacity: f64, stroke_width: u32) -> ShapeStyle {
    ShapeStyle { color: RGBAColor(colour.0, colour.1, colour.2, opacity), filled: true, stroke_width }
}

/// Where figures draw. The first failure is kept and reported when the drawing is done.
pub(super) struct Canvas<B: DrawingBackend> {
    backend: B,
    scale: f64,
    vector: bool,
    failure: Option<String>,
    /// How long an SVG's texts are, in its coordinates and in the order in which they were drawn.
    widths: Vec<f64>,
}

impl<B: DrawingBackend> Canvas<B> {
    fn run(mut self, path: &Path, figure: &impl Figure) -> Result<Vec<f64>> {
        let (width, height) = figure.size();
        self.rectangle((0.0, 0.0), (width + 1.0, height + 1.0), WHITE);
        figure.draw(&mut self);
        let done = self.backend.present();
        self.check(done);
        match self.failure {
            None => Ok(self.widths),
            Some(reason) => Err(Error::io(path, std::io::Error::other(reason))),
        }
    }

    fn check<T, E: std::fmt::Display>(&mut self, result: std::result::Result<T, E>) {
        if let (Err(e), None) = (result, &self.failure) {
            self.failure = Some(e.to_string());
        }
    }

    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    /// A filled rectangle between two corners, upper left first.
    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour) {
        // The back ends leave out the lower right corner's pixels.
        let (from, to) = (self.at(from), self.at(to));
        let to = (to.0.max(from.0 + 1), to.1.max(from.1 + 1));
        let drawn = self.backend.draw_rect(from, to, &pen(colour, 1.0, 1), true);
        self.check(drawn);
    }

    /// The outline of a rectangle.
    pub fn frame(&mut self, from: (f64, f64), to: (f64, f64), colour: Colour, width: f64) {
        let (half, (x0, y0), (x1, y1)) = (width / 2.0, from, to);
        self.rectangle((x0 - half, y0 - half), (x1 + half, y0 + half), colour);
        self.rectangle((x0 - half, y1 - half), (x1 + half, y1 + half), colour);
        self.rectangle((x0 - half, y0 - half), (x0 + half, y1 + half), colour);
        self.rectangle((x1 - half, y0 - half), (x1 + half, y1 + half), colour);
    }

    /// A disc.
    pub fn disc(&mut self, centre: (f64, f64), radius: f64, colour: Colour) {
        self.dot(centre, radius, colour, 1.0);
    }

    /// A disc through which what lies below shows, unless its opacity is 1.
    pub fn dot(&mut self, centre: (f64, f64), radius: f64, colour: Colour, opacity: f64) {
        let radius = (radius * self.scale).round().max(1.0) as u32;
        let drawn = self.backend.draw_circle(self.at(centre), radius, &pen(colour, opacity, 1), true);
        self.check(drawn);
    }

    /// A line through all points, with dashes of the given lengths (on, off, on, off …; none: solid).
    pub fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64, dashes: &[f64]) {
        for piece in dashed(points, dashes) {
            self.stroke(&piece, colour, width);
        }
    }

    fn stroke(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        if self.vector {
            let pen = pen(colour, 1.0, (width * self.scale).round().max(1.0) as u32);
            let path: Vec<_> = points.iter().map(|p| self.at(*p)).collect();
            let drawn = self.backend.draw_path(path, &pen);
            return self.check(drawn);
        }
        // Pieces with round joints: the back end's own wide lines break up where points lie close together.
        for (k, pair) in points.windows(2).enumerate() {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            if k > 0 {
                self.disc(pair[0], width / 2.0, colour);
            }
            let length = (x1 - x0).hypot(y1 - y0);
            if length < 1e-9 {
                continue;
            }
            let (u, v) = ((y1 - y0) / length * width / 2.0, (x0 - x1) / length * width / 2.0);
            let corners = [(x0 + u, y0 + v), (x1 + u, y1 + v), (x1 - u, y1 - v), (x0 - u, y0 - v)];
            let drawn = self.backend.fill_polygon(corners.map(|c| self.at(c)), &pen(colour, 1.0, 1));
            self.check(drawn);
        }
    }

    /// A translucent band between two heights over rising x: (x, upper y, lower y).
    pub fn band(&mut self, edges: &[(f64, f64, f64)], colour: Colour) {
        let pen = pen(colour, 0.18, 1);
        if self.vector {
            let there = edges.iter().map(|e| self.at((e.0, e.1)));
            let back = edges.iter().rev().map(|e| self.at((e.0, e.2)));
            let outline: Vec<_> = there.chain(back).collect();
            let drawn = self.backend.fill_polygon(outline, &pen);
            return self.check(drawn);
        }
        // Column by column: every pixel is blended once.
        for pair in edges.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let columns = (a.0 * self.scale).round() as i32..(b.0 * self.scale).round() as i32;
            let count = columns.len() as f64;
            for (k, x) in columns.enumerate() {
                let t = (k as f64 + 0.5) / count;
                let [top, bottom] = [(a.1, b.1), (a.2, b.2)].map(|(from, to)| from + t * (to - from));
                let rows = (top * self.scale).round() as i32..(bottom * self.scale).round() as i32;
                if !rows.is_empty() {
                    let drawn = self.backend.draw_line((x, rows.start), (x, rows.end - 1), &pen);
                    self.check(drawn);
                }
            }
        }
    }

    /// One line of text, its middle height at `at.1`.
    pub fn text(&mut self, text: &str, at: (f64, f64), em: f64, align: Align) {
        self.write(text, at, em, align, false);
    }

    /// A text running upwards, its middle height at `at.0` and its middle at `at.1`.
    pub fn upward_text(&mut self, text: &str, at: (f64, f64), em: f64) {
        self.write(text, at, em, Align::Middle, true);
    }

    fn write(&mut self, text: &str, (x, y): (f64, f64), em: f64, align: Align, upward: bool) {
        if text.is_empty() {
            return;
        }
        let text = clean(text);
        if !self.vector {
            return self.glyphs(&text, (x, y), em, align, upward);
        }
        // The back end sets the baseline half an x height below the position; capitals need a little more.
        let position = if upward { (x + 0.05 * em, y) } else { (x, y + 0.05 * em) };
        let side = match align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let size = em * self.scale * SVG_FONT;
        let font = FontDesc::new(FontFamily::Name(FAMILY), size, FontStyle::Normal);
        let mut style = TextStyle::from(font).color(&INK).pos(Pos::new(side, VPos::Center));
        if upward {
            style = style.transform(FontTransform::Rotate270);
        }
        self.widths.push(text_width(&text, em) * self.scale);
        let drawn = self.backend.draw_text(&text, &style, self.at(position));
        self.check(drawn);
    }

    /// A bitmap's text: plotters' own places glyphs without their side bearings.
    fn glyphs(&mut self, text: &str, at: (f64, f64), em: f64, align: Align, upward: bool) {
        let start = match align {
            Align::Left => 0.0,
            Align::Middle => -0.5 * text_width(text, em),
            Align::Right => -text_width(text, em),
        };
        let at = self.at(at);
        for (x, y, share) in text::pixels(text, em * self.scale, (start * self.scale, 0.29 * em * self.scale))
        {
            let pixel = if upward { (at.0 + y, at.1 - x) } else { (at.0 + x, at.1 + y) };
            let colour = RGBAColor(INK.0, INK.1, INK.2, share).to_backend_color();
            let drawn = self.backend.draw_pixel(pixel, colour);
            self.check(drawn);
        }
    }
}

/// The pieces of a line that its dashes leave.
fn dashed(points: &[(f64, f64)], dashes: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let (Some(first), false) = (points.first(), dashes.is_empty()) else { return vec![points.to_vec()] };
    let (mut pieces, mut piece) = (Vec::new(), vec![*first]);
    let (mut index, mut left) = (0, dashes[0]);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let t = done / length;
            let at = (x0 + t * (x1 - x0), y0 + t * (y1 - y0));
            if index % 2 == 0 {
                piece.push(at);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![at];
            }
            index = (index + 1) % dashes.len();
            left = dashes[index];
        }
        left -= length - done;
        if index % 2 == 0 {
            piece.push((x1, y1));
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share() {
        let points: Vec<_> = (0..=100).map(|k| (f64::from(k), 0.0)).collect();
        let pieces = dashed(&points, &[6.0, 4.0]);
        let drawn: f64 = pieces.iter().map(|p| p[p.len() - 1].0 - p[0].0).sum();
        assert!(pieces.len() == 10 && (drawn - 60.0).abs() < 1e-6, "{drawn} {}", pieces.len());
    }
}

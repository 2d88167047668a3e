//! A figure as SVG text, and the PNG that resvg renders from it. Lengths are in figure units (1/96 inch on screen).

use crate::error::{Error, Result};
use resvg::{tiny_skia, usvg};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};
use std::path::Path;
use std::sync::Arc;

/// The crate's own font: figures never depend on the system's.
const FONT: &[u8] = epaint_default_fonts::UBUNTU_LIGHT;
/// The pen of frames and ticks.
pub(super) const SPINE: &str = r##"stroke="#555555" stroke-width="0.9""##;

/// The side of a text on which its position is; `UPWARD` centres it and turns it upwards.
pub(super) const LEFT: &str = "start";
pub(super) const MIDDLE: &str = "middle";
pub(super) const RIGHT: &str = "end";
pub(super) const UPWARD: &str = "upward";

/// The elements so far, in drawing order, one per line.
pub(super) struct Svg {
    size: (f64, f64),
    elements: String,
}

impl Svg {
    /// An empty figure; width and height are rounded up to even numbers, which give whole pixels at every scale.
    pub fn new(width: f64, height: f64) -> Self {
        Self { size: (2.0 * (width / 2.0).ceil(), 2.0 * (height / 2.0).ceil()), elements: String::new() }
    }

    pub fn add(&mut self, element: &str) {
        self.elements += element;
        self.elements.push('\n');
    }

    /// A line through all points, or the area within them; `pen` holds the attributes that decide which.
    pub fn line(&mut self, points: &[(f64, f64)], pen: &str) {
        let points: Vec<_> = points.iter().map(|p| format!("{},{}", short(p.0), short(p.1))).collect();
        self.add(&format!(r#"<polyline {pen} points="{}"/>"#, points.join(" ")));
    }

    /// A rectangle with a thin frame.
    pub fn rectangle(&mut self, (left, top): (f64, f64), (width, height): (f64, f64), fill: &str) {
        let [x, y, w, h] = [left, top, width, height].map(short);
        self.add(&format!(r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}" {SPINE}/>"#));
    }

    /// A disc, translucent unless its opacity is 1.
    pub fn dot(&mut self, (x, y): (f64, f64), radius: f64, colour: &str, opacity: f64) {
        let [x, y, opacity] = [x, y, opacity].map(short);
        let fill = format!(r#"fill="{colour}" fill-opacity="{opacity}""#);
        self.add(&format!(r#"<circle cx="{x}" cy="{y}" r="{radius}" {fill}/>"#));
    }

    /// One line of text, vertically centred at `at`; `em` is the font's size.
    pub fn text(&mut self, text: &str, (x, y): (f64, f64), em: f64, side: &str) {
        // From the middle height to the baseline.
        let down = 0.29 * em;
        let place = if side == UPWARD {
            let (x, y) = (short(x + down), short(y));
            format!(r#"x="{x}" y="{y}" transform="rotate(-90 {x} {y})" text-anchor="{MIDDLE}""#)
        } else {
            format!(r#"x="{}" y="{}" text-anchor="{side}""#, short(x), short(y + down))
        };
        // Viewers without the font fit theirs to the length, so that nothing overlaps; letters missing from the font keep their own
        // width.
        let (text, known) = (clean(text), |c| font().charmap().map(c).is_some());
        let length = short(text_width(&text, em));
        let fit = format!(r#" textLength="{length}" lengthAdjust="spacingAndGlyphs""#);
        let fit = if text.chars().all(known) { &*fit } else { "" };
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if !text.is_empty() {
            self.add(&format!(r##"<text {place} font-size="{em}" fill="#1C1C1C"{fit}>{text}</text>"##));
        }
    }

    /// The file's text.
    fn document(&self) -> String {
        let ((w, h), elements) = (self.size, &self.elements);
        let size = format!(r#"width="{w}" height="{h}""#);
        let style = r##"font-family="Ubuntu, sans-serif" fill="none" stroke-linejoin="round""##;
        let head = format!(r#"xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {w} {h}" {style}"#);
        format!("<svg {head}>\n<rect {size} fill=\"#FFFFFF\"/>\n{elements}</svg>\n")
    }

    fn png(&self) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error>> {
        // Large figures are drawn coarser, to bound memory and file size.
        let area = self.size.0 * self.size.1;
        let scale = match area {
            ..0.8e6 => 2.0,
            ..2.0e6 => 1.5,
            _ => 1.0,
        };
        let mut options = usvg::Options::default();
        options.fontdb_mut().load_font_source(usvg::fontdb::Source::Binary(Arc::new(FONT)));
        let tree = usvg::Tree::from_str(&self.document(), &options)?;
        let [width, height] = [self.size.0, self.size.1].map(|length| (length * scale) as u32);
        let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or("more pixels than can be drawn")?;
        let transform = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
        resvg::render(&tree, transform, &mut pixels.as_mut());
        Ok(pixels.encode_png()?)
    }

    /// Writes the figure in the format of the path's extension, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let bytes = match extension.as_str() {
            "svg" => self.document().into_bytes(),
            "png" => self.png().map_err(|e| {
                Error::invalid(path.display(), e, "a figure that fits into a bitmap", "save it as .svg")
            })?,
            _ => {
                let (found, expected) = (format!("the extension {extension:?}"), "\"png\" or \"svg\"");
                let remedy = "name the plot's file accordingly";
                return Err(Error::invalid(path.display(), found, expected, remedy));
            }
        };
        crate::store::write(path, &bytes)
    }
}

/// A coordinate with at most two decimals, and no negative zero.
pub(super) fn short(value: f64) -> f64 {
    (value * 100.0).round() / 100.0 + 0.0
}

/// One line without characters that XML does not allow.
fn clean(text: &str) -> String {
    let allowed = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c };
    text.chars().map(allowed).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn font() -> FontRef<'static> {
    FontRef::new(FONT).expect("the built-in font is readable")
}

/// A text's width. Characters missing from the font count as wide as they are high.
pub(super) fn text_width(text: &str, em: f64) -> f64 {
    let font = font();
    let metrics = font.glyph_metrics(Size::new(em as f32), LocationRef::default());
    let width = |c| font.charmap().map(c).and_then(|glyph| metrics.advance_width(glyph));
    text.chars().map(|c| width(c).map_or(em, f64::from)).sum()
}

/// The text, cut with an ellipsis if it is wider than `width`.
pub(super) fn fitted(text: &str, em: f64, width: f64) -> String {
    let text = clean(text);
    if text_width(&text, em) <= width {
        return text;
    }
    let mut room = width - text_width("…", em);
    let mut fits = |c: char| {
        room -= text_width(&c.to_string(), em);
        room >= 0.0
    };
    text.chars().take_while(|c| fits(*c)).collect::<String>().trim_end().to_owned() + "…"
}

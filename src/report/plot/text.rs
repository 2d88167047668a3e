//! The built-in font: measuring, cutting and rasterising text.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// The width of a text in figure units; `em` is the font's size.
pub(super) fn text_width(text: &str, em: f64) -> f64 {
    let font = font();
    let scaled = font.as_scaled(px_scale(&font, em));
    clean(text).chars().map(|c| f64::from(scaled.h_advance(scaled.glyph_id(c)))).sum()
}

/// The text, cut with an ellipsis where it is wider than `width`.
pub(super) fn fitted(text: &str, em: f64, width: f64) -> String {
    if text_width(text, em) <= width {
        return text.to_string();
    }
    let characters: Vec<char> = text.chars().collect();
    let cut = |n: usize| characters[..n].iter().collect::<String>().trim_end().to_string() + "…";
    let (mut fits, mut too_long) = (0, characters.len());
    while too_long - fits > 1 {
        let middle = (fits + too_long) / 2;
        if text_width(&cut(middle), em) <= width { fits = middle } else { too_long = middle }
    }
    cut(fits)
}

/// One line without control characters, which XML does not allow.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}

/// The pixels of a text and how much of each it covers; `em` and `start`, where the baseline begins, are in
/// pixels.
pub(super) fn pixels(text: &str, em: f64, start: (f64, f64)) -> Vec<(i32, i32, f64)> {
    let font = font();
    let scale = px_scale(&font, em);
    let scaled = font.as_scaled(scale);
    let mut caret = start.0 as f32;
    let mut out = Vec::new();
    for c in text.chars() {
        let id = scaled.glyph_id(c);
        let glyph = id.with_scale_and_position(scale, point(caret, start.1 as f32));
        caret += scaled.h_advance(id);
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|x, y, share| {
            out.push((corner.x as i32 + x as i32, corner.y as i32 + y as i32, f64::from(share.min(1.0))));
        });
    }
    out
}

/// The crate's own font: figures never depend on the system's.
fn font() -> FontRef<'static> {
    FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("the built-in font is readable")
}

/// What ab_glyph calls the scale of a font whose em is this long.
fn px_scale(font: &FontRef, em: f64) -> PxScale {
    PxScale::from(em as f32 * font.height_unscaled() / font.units_per_em().unwrap_or(1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_measured_and_cut() {
        let text = "2.conv2d.kernel";
        let width = text_width(text, 12.0);
        assert!((60.0..110.0).contains(&width), "{width}");
        assert_eq!(fitted(text, 12.0, width + 1.0), text);
        let cut = fitted(text, 12.0, width / 2.0);
        assert!(cut.ends_with('…') && text_width(&cut, 12.0) <= width / 2.0, "{cut}");
    }
}

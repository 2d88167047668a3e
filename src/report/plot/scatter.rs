//! Rows of square panels with dots.

use super::ScatterRow;
use super::axis::{drawable, extent};
use super::frame::{EDGE, Frame, across, arrange};
use super::svg::{SPINE, Svg};
use std::collections::BTreeMap;

/// The width and height of a panel's axes.
const SIDE: f64 = 196.0;

pub(super) fn draw(rows: &[ScatterRow]) -> Svg {
    let shown = |point: &&(f64, f64)| drawable(point.0, false) && drawable(point.1, false);
    let mut lines = Vec::new();
    for row in rows {
        let values = || row.panels.iter().flat_map(|p| &p.points).filter(shown).flat_map(|p| [p.0, p.1]);
        let axis = across(extent(values(), false), SIDE, (false, values().all(|v| v.fract() == 0.0)));
        let mut line = Vec::new();
        for panel in &row.panels {
            let texts = [panel.title.as_str(), &row.x_label, &row.y_label];
            let frame = Frame::new(texts, (axis.clone(), axis.clone()), (SIDE, SIDE));
            line.push(Frame { labelled: line.is_empty(), ..frame });
        }
        lines.push(line);
    }
    let (right, bottom) = arrange(&mut lines, (18.0, 8.0));
    let mut svg = Svg::new(right + EDGE, bottom + EDGE);
    for (frame, panel) in lines.iter().flatten().zip(rows.iter().flat_map(|row| &row.panels)) {
        // Dots closer than a unit are indistinguishable and are merged: files stay small however many there are.
        let mut dots: BTreeMap<(i32, i32), i32> = BTreeMap::new();
        for point in panel.points.iter().filter(shown) {
            let (x, y) = frame.at(*point);
            let count = dots.entry((x.round() as i32, y.round() as i32)).or_default();
            *count = count.saturating_add(1);
        }
        frame.draw(&mut svg, if dots.is_empty() { "no finite values" } else { "" });
        let diagonal = [frame.point(0.0, 0.0), frame.point(1.0, 1.0)];
        svg.line(&diagonal, &format!(r#"{SPINE} stroke-dasharray="5 3""#));
        for ((x, y), count) in dots {
            // Where several coincide the dot is more opaque.
            svg.dot((x.into(), y.into()), 1.5, "#0072B2", 1.0 - 0.65f64.powi(count));
        }
    }
    svg
}

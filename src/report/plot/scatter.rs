//! Rows of square panels with dots.

use std::collections::BTreeMap;

use plotters::backend::DrawingBackend;

use super::ScatterRow;
use super::axis::{Axis, drawable, extent};
use super::canvas::{Align, Canvas, Colour, Figure, SPINE};
use super::frame::{Area, Frame, LABEL_EM, TICK, UPWARD, across, beyond, widest};

const DOT: Colour = Colour(0x00, 0x72, 0xB2);
const RADIUS: f64 = 1.5;
/// Of a single dot; where several coincide they cover more.
const OPACITY: f64 = 0.35;
/// Dots closer than this cannot be told apart and are drawn as one.
const CELL: f64 = 1.0;

/// The width and height of a panel's axes.
const SIDE: f64 = 196.0;
/// Between neighbouring panels, between rows and at the figure's edge.
const GAP: f64 = 18.0;
const ROW_GAP: f64 = 8.0;
const EDGE: f64 = 10.0;

struct Row<'a> {
    data: &'a ScatterRow,
    /// Of both directions, and of all panels.
    axis: Axis,
    /// Room above and below the axes.
    top: f64,
    bottom: f64,
}

/// The whole figure.
pub(super) struct Scatters<'a> {
    rows: Vec<Row<'a>>,
    /// Room left of the axes of a row's first panel.
    left: f64,
}

impl<'a> Scatters<'a> {
    pub fn new(data: &'a [ScatterRow]) -> Self {
        let rows: Vec<_> = data.iter().map(Row::new).collect();
        let ticks = rows.iter().map(|r| widest(&r.axis)).fold(0.0, f64::max);
        let label = if data.iter().any(|r| !r.y_label.is_empty()) { UPWARD } else { 0.0 };
        Self { left: EDGE + ticks + TICK + 5.0 + label, rows }
    }
}

impl Figure for Scatters<'_> {
    fn size(&self) -> (f64, f64) {
        let panels = self.rows.iter().map(|r| r.data.panels.len()).max().unwrap_or(1) as f64;
        let beyond = self.rows.iter().map(|r| beyond(&r.axis, SIDE)).fold(0.0, f64::max);
        let heights: f64 = self.rows.iter().map(Row::height).sum();
        let gaps = ROW_GAP * (self.rows.len() as f64 - 1.0);
        (self.left + panels * (SIDE + GAP) - GAP + beyond + EDGE, 2.0 * EDGE - 4.0 + heights + gaps)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) {
        let mut top = EDGE - 4.0;
        for row in &self.rows {
            for k in 0..row.data.panels.len() {
                let left = self.left + k as f64 * (SIDE + GAP);
                row.draw(canvas, k, Area { left, top: top + row.top, size: (SIDE, SIDE) });
            }
            top += row.height() + ROW_GAP;
        }
    }
}

impl<'a> Row<'a> {
    fn new(data: &'a ScatterRow) -> Self {
        let points = || data.panels.iter().flat_map(|p| &p.points).filter(|p| shown(p));
        let whole = points().all(|p| p.0.fract() == 0.0 && p.1.fract() == 0.0);
        let titled = data.panels.iter().any(|p| !p.title.is_empty());
        Self {
            data,
            axis: across(extent(points().flat_map(|p| [p.0, p.1]), false), SIDE, whole),
            top: if titled { 27.0 } else { 6.0 },
            bottom: TICK + 18.0 + if data.x_label.is_empty() { 0.0 } else { 19.0 },
        }
    }

    fn height(&self) -> f64 {
        self.top + SIDE + self.bottom
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, panel: usize, area: Area) {
        let ScatterRow { x_label, y_label, panels } = self.data;
        let title = &panels[panel].title;
        let frame = Frame { title, x_label, y_label, x: &self.axis, y: &self.axis };
        frame.draw(canvas, area, (panel == 0).then_some(EDGE));
        canvas.line(&[(area.left, area.bottom()), (area.right(), area.top)], SPINE, 0.9, &[5.0, 3.0]);
        let dots = dots(panels[panel].points.iter().filter(|p| shown(p)).map(|p| {
            let place = |v| self.axis.position(v);
            (area.x(place(p.0)), area.y(place(p.1)))
        }));
        if dots.is_empty() {
            canvas.text("no finite values", area.middle(), LABEL_EM, Align::Middle);
        }
        for (centre, count) in dots {
            canvas.dot(centre, RADIUS, DOT, 1.0 - (1.0 - OPACITY).powi(count));
        }
    }
}

fn shown(point: &(f64, f64)) -> bool {
    drawable(point.0, false) && drawable(point.1, false)
}

/// Places on the screen and how many points lie there: files stay small however many points there are.
fn dots(points: impl Iterator<Item = (f64, f64)>) -> Vec<((f64, f64), i32)> {
    let cell = |v: f64| (v / CELL).round() as i32;
    let mut counts = BTreeMap::new();
    for (x, y) in points {
        let count: &mut i32 = counts.entry((cell(x), cell(y))).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().map(|((x, y), count)| ((f64::from(x) * CELL, f64::from(y) * CELL), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_coincide_are_counted() {
        let dots = dots([(10.0, 5.0), (3.0, 5.0), (10.1, 5.1), (10.0, 8.0)].into_iter());
        assert_eq!(dots.iter().map(|d| d.1).collect::<Vec<_>>(), [1, 2, 1]);
        assert!((dots[1].0.0 - 10.0).abs() <= CELL / 2.0 && (dots[1].0.1 - 5.0).abs() <= CELL / 2.0);
    }

    #[test]
    fn panels_of_a_row_share_one_range() {
        let panel =
            |points: &[(f64, f64)]| super::super::Scatter { title: String::new(), points: points.to_vec() };
        let panels = vec![panel(&[(0.5, 1.0)]), panel(&[(2.0, 7.5), (f64::NAN, 99.0)])];
        let axis = Row::new(&ScatterRow { panels, ..ScatterRow::default() }).axis;
        assert!((0.3..0.5).contains(&axis.lo) && (7.5..7.8).contains(&axis.hi), "{axis:?}");
    }
}

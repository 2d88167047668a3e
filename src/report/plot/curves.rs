//! Panels of curves.

use plotters::backend::DrawingBackend;

use super::axis::{Axis, drawable, extent};
use super::canvas::{Align, Canvas, Colour, Figure};
use super::frame::{Area, Frame, LABEL_EM, TICK, UPWARD, across, beyond, widest};
use super::text::{fitted, text_width};
use super::{Curve, CurvePanel, columns};

/// Okabe and Ito's colours without their yellow, which is too faint for lines on white.
const PALETTE: [Colour; 7] = [
    Colour(0x00, 0x72, 0xB2),
    Colour(0xD5, 0x5E, 0x00),
    Colour(0x00, 0x9E, 0x73),
    Colour(0xCC, 0x79, 0xA7),
    Colour(0xE6, 0x9F, 0x00),
    Colour(0x56, 0xB4, 0xE9),
    Colour(0x00, 0x00, 0x00),
];
/// Solid, dashed, dash-dotted, dotted. Four and seven have no common factor: 28 different lines.
const DASHES: [&[f64]; 4] = [&[], &[7.0, 3.0], &[8.0, 3.0, 2.0, 3.0], &[2.2, 2.6]];

const AXES: (f64, f64) = (366.0, 252.0);
const LINE: f64 = 1.7;
/// Between neighbouring panels and at the figure's edge.
const GAP: f64 = 22.0;
const EDGE: f64 = 10.0;
const LEGEND_ROW: f64 = 20.0;
const SAMPLE: f64 = 30.0;

struct Panel<'a> {
    data: &'a CurvePanel,
    x: Axis,
    y: Axis,
    empty: bool,
}

/// The whole figure.
pub(super) struct Curves<'a> {
    panels: Vec<Panel<'a>>,
    /// Names in the order of their styles; the curves without one come after.
    labels: Vec<&'a str>,
    /// Rows of (x of the entry, number of the label).
    legend: Vec<Vec<(f64, usize)>>,
    columns: usize,
    /// Left of the axes, above and below them: room for labels.
    left: f64,
    top: f64,
    bottom: f64,
}

impl<'a> Curves<'a> {
    pub fn new(data: &'a [CurvePanel]) -> Self {
        let panels: Vec<_> = data.iter().map(Panel::new).collect();
        let mut labels: Vec<&str> = Vec::new();
        for curve in data.iter().flat_map(|p| &p.curves) {
            if !curve.label.is_empty() && !labels.contains(&curve.label.as_str()) {
                labels.push(&curve.label);
            }
        }
        let ticks = panels.iter().map(|p| widest(&p.y)).fold(0.0, f64::max);
        let any = |text: fn(&CurvePanel) -> &str| data.iter().any(|p| !text(p).is_empty());
        let mut figure = Self {
            columns: columns(panels.len()),
            left: ticks + TICK + 5.0 + if any(|p| &p.y_label) { UPWARD } else { 0.0 },
            top: if any(|p| &p.title) { 27.0 } else { 6.0 },
            bottom: TICK + 18.0 + if any(|p| &p.x_label) { 19.0 } else { 0.0 },
            legend: Vec::new(),
            labels,
            panels,
        };
        figure.legend = figure.legend_rows();
        figure
    }

    /// Width of a panel, and height.
    fn cell(&self) -> (f64, f64) {
        (self.left + AXES.0, self.top + AXES.1 + self.bottom)
    }

    fn width(&self) -> f64 {
        let beyond = self.panels.iter().map(|p| beyond(&p.x, AXES.0)).fold(0.0, f64::max);
        2.0 * EDGE + self.columns as f64 * (self.cell().0 + GAP) - GAP + beyond
    }

    fn label(&self, number: usize) -> String {
        fitted(self.labels[number], LABEL_EM, self.width() - 2.0 * EDGE - SAMPLE - 30.0)
    }

    /// The legend's entries, as many in a row as fit, each row in the middle.
    fn legend_rows(&self) -> Vec<Vec<(f64, usize)>> {
        let entry = |k: usize| SAMPLE + 7.0 + text_width(&self.label(k), LABEL_EM) + 22.0;
        let available = self.width() - 2.0 * EDGE;
        let (mut rows, mut row, mut used) = (Vec::new(), Vec::new(), 0.0);
        for k in 0..self.labels.len() {
            if used + entry(k) - 22.0 > available && !row.is_empty() {
                rows.push((std::mem::take(&mut row), used));
                used = 0.0;
            }
            row.push((used, k));
            used += entry(k);
        }
        if !row.is_empty() {
            rows.push((row, used));
        }
        let centred = |(row, used): (Vec<(f64, usize)>, f64)| {
            let shift = EDGE + ((available - (used - 22.0)) / 2.0).max(0.0);
            row.into_iter().map(|(x, k)| (x + shift, k)).collect()
        };
        rows.into_iter().map(centred).collect()
    }

    /// Colour and dashes of a curve.
    fn style(&self, curve: &Curve, unnamed: usize) -> (Colour, &'static [f64]) {
        let named = self.labels.iter().position(|l| *l == curve.label);
        let k = named.unwrap_or(self.labels.len() + unnamed);
        (PALETTE[k % PALETTE.len()], DASHES[k % DASHES.len()])
    }
}

impl Figure for Curves<'_> {
    fn size(&self) -> (f64, f64) {
        let rows = self.panels.len().div_ceil(self.columns) as f64;
        let legend = if self.legend.is_empty() { 0.0 } else { 6.0 + LEGEND_ROW * self.legend.len() as f64 };
        (self.width(), EDGE + rows * self.cell().1 + (rows - 1.0) * 8.0 + legend + EDGE - 4.0)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) {
        let cell = self.cell();
        for (k, panel) in self.panels.iter().enumerate() {
            let left = EDGE + (k % self.columns) as f64 * (cell.0 + GAP);
            let top = EDGE - 4.0 + (k / self.columns) as f64 * (cell.1 + 8.0);
            let area = Area { left: left + self.left, top: top + self.top, size: AXES };
            panel.draw_axes(canvas, area, left);
            let mut unnamed = 0;
            let styled: Vec<_> = panel
                .data
                .curves
                .iter()
                .map(|curve| {
                    let style = self.style(curve, unnamed);
                    unnamed += usize::from(curve.label.is_empty());
                    (curve, style)
                })
                .collect();
            for (curve, (colour, _)) in &styled {
                panel.draw_spread(canvas, area, curve, *colour);
            }
            for (curve, (colour, dashes)) in &styled {
                panel.draw_points(canvas, area, curve, *colour, dashes);
            }
        }
        let first = self.size().1 - EDGE - LEGEND_ROW * (self.legend.len() as f64 - 0.5);
        for (row, entries) in self.legend.iter().enumerate() {
            let y = first + row as f64 * LEGEND_ROW;
            for (x, k) in entries {
                let (colour, dashes) = (PALETTE[k % PALETTE.len()], DASHES[k % DASHES.len()]);
                canvas.line(&[(*x, y), (x + SAMPLE, y)], colour, LINE + 0.3, dashes);
                canvas.text(&self.label(*k), (x + SAMPLE + 7.0, y), LABEL_EM, Align::Left);
            }
        }
    }
}

impl<'a> Panel<'a> {
    fn new(data: &'a CurvePanel) -> Self {
        let shown = |p: &&(f64, f64)| drawable(p.0, false) && drawable(p.1, data.log_y);
        let points = || data.curves.iter().flat_map(|c| &c.points).filter(shown);
        let spreads = data.curves.iter().flat_map(|c| {
            c.spread
                .iter()
                .flat_map(|s| c.points.iter().zip(s))
                .filter(|(p, _)| shown(p))
                .flat_map(|(_, s)| [s.0, s.1])
        });
        let range = extent(points().map(|p| p.1).chain(spreads), data.log_y);
        let whole = points().all(|p| p.0.fract() == 0.0);
        let extent_x = extent(points().map(|p| p.0), false);
        let y = if data.log_y { Axis::log(range, 0.04, 7) } else { Axis::linear(range, 0.04, 6, false) };
        Self { data, x: across(extent_x, AXES.0, whole), y, empty: extent_x.is_none() }
    }

    fn draw_axes<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, area: Area, left: f64) {
        let CurvePanel { title, x_label, y_label, .. } = self.data;
        Frame { title, x_label, y_label, x: &self.x, y: &self.y }.draw(canvas, area, Some(left));
        if self.empty {
            let note = if self.data.log_y { "no finite values above 0" } else { "no finite values" };
            canvas.text(note, area.middle(), LABEL_EM, Align::Middle);
        }
    }

    fn draw_points<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<B>,
        area: Area,
        curve: &Curve,
        colour: Colour,
        dashes: &[f64],
    ) {
        let shown = |p: &(f64, f64)| drawable(p.0, false) && drawable(p.1, self.data.log_y);
        for run in curve.points.split(|p| !shown(p)) {
            let screen = run.iter().map(|p| (area.x(self.x.position(p.0)), area.y(self.y.position(p.1))));
            let line = thinned(&screen.collect::<Vec<_>>());
            match line.as_slice() {
                [] => {}
                [point] => canvas.disc(*point, 2.2, colour),
                line => canvas.line(line, colour, LINE, dashes),
            }
        }
    }

    fn draw_spread<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<B>,
        area: Area,
        curve: &Curve,
        colour: Colour,
    ) {
        let Some(spread) = &curve.spread else { return };
        let log = self.data.log_y;
        let edge = |(point, spread): (&(f64, f64), &(f64, f64))| {
            let (low, high) = (spread.0.min(spread.1), spread.0.max(spread.1));
            let shown =
                [point.0, spread.0, spread.1].iter().all(|v| drawable(*v, false)) && drawable(high, log);
            let low = if drawable(low, log) { area.y(self.y.position(low)) } else { area.bottom() };
            shown.then(|| (area.x(self.x.position(point.0)), area.y(self.y.position(high)), low))
        };
        let edges: Vec<_> = curve.points.iter().zip(spread).map(edge).collect();
        for run in edges.split(Option::is_none) {
            let run: Vec<_> = run.iter().flatten().copied().collect();
            canvas.band(&merged(&run), colour);
        }
    }
}

/// Points closer than what can be seen apart share a column this wide.
const COLUMN: f64 = 0.5;

/// The line without what cannot be seen: of many points in one narrow column the first, the lowest, the highest
/// and the last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for group in points.chunk_by(|a, b| (a.0 / COLUMN).floor() == (b.0 / COLUMN).floor()) {
        if group.len() <= 4 {
            out.extend_from_slice(group);
            continue;
        }
        let by_height = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        out.push(group[0]);
        out.extend(group.iter().min_by(by_height));
        out.extend(group.iter().max_by(by_height));
        out.push(group[group.len() - 1]);
    }
    out
}

/// A band's edges with those in one narrow column joined into the widest.
fn merged(edges: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
    let groups = edges.chunk_by(|a, b| (a.0 / COLUMN).floor() == (b.0 / COLUMN).floor());
    let widest = |group: &[(f64, f64, f64)]| {
        group.iter().skip(1).fold(group[0], |w, e| (w.0, w.1.min(e.1), w.2.max(e.2)))
    };
    groups.map(widest).collect()
}

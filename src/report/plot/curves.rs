//! Panels of curves.

use plotters::backend::DrawingBackend;

use super::axis::{Axis, Tick, drawable, extent};
use super::canvas::{Align, Canvas, Colour, FAINT_GRID, Figure, GRID, SPINE};
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
const TITLE_EM: f64 = 14.5;
const LABEL_EM: f64 = 13.0;
const TICK_EM: f64 = 11.5;
const LINE: f64 = 1.7;
/// Between neighbouring panels and at the figure's edge.
const GAP: f64 = 22.0;
const EDGE: f64 = 10.0;
const TICK: f64 = 4.0;
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
        let tick_width = panels.iter().flat_map(|p| &p.y.ticks).map(tick_width).fold(0.0, f64::max);
        let any = |text: fn(&CurvePanel) -> &str| data.iter().any(|p| !text(p).is_empty());
        let mut figure = Self {
            columns: columns(panels.len()),
            left: tick_width + TICK + 5.0 + if any(|p| &p.y_label) { 22.0 } else { 0.0 },
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
        // How far tick labels stand out to the right.
        let beyond = |panel: &Panel| {
            let end = |t: &Tick| tick_width(t) / 2.0 - (1.0 - panel.x.place(t.at)) * AXES.0;
            panel.x.ticks.iter().map(end).fold(0.0, f64::max)
        };
        let beyond = self.panels.iter().map(beyond).fold(0.0, f64::max);
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
            let area = Area { left: left + self.left, top: top + self.top };
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

/// The upper left corner of a panel's axes.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
}

impl Area {
    fn x(&self, place: f64) -> f64 {
        self.left + place.clamp(0.0, 1.0) * AXES.0
    }
    fn y(&self, place: f64) -> f64 {
        self.top + (1.0 - place.clamp(0.0, 1.0)) * AXES.1
    }
    fn right(&self) -> f64 {
        self.left + AXES.0
    }
    fn bottom(&self) -> f64 {
        self.top + AXES.1
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
        let across = extent(points().map(|p| p.0), false);
        let y = if data.log_y { Axis::log(range, 0.04, 7) } else { Axis::linear(range, 0.04, 6, false) };
        // As many ticks as there is room for their labels.
        let axes = (2..=8).rev().map(|count| Axis::linear(across, 0.02, count, whole));
        let roomy = |axis: &Axis| {
            let widest = axis.ticks.iter().map(tick_width).fold(0.0, f64::max);
            axis.ticks.len() as f64 * (widest + 18.0) <= AXES.0
        };
        let x = axes.clone().find(roomy).unwrap_or_else(|| Axis::linear(across, 0.02, 1, whole));
        Self { data, x, y, empty: across.is_none() }
    }

    fn draw_axes<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, area: Area, left: f64) {
        let (right, bottom) = (area.right(), area.bottom());
        for at in &self.y.minor {
            let y = area.y(self.y.place(*at));
            canvas.line(&[(area.left, y), (right, y)], FAINT_GRID, 0.8, &[]);
        }
        for tick in &self.y.ticks {
            let y = area.y(self.y.place(tick.at));
            canvas.line(&[(area.left, y), (right, y)], GRID, 0.8, &[]);
        }
        for tick in &self.x.ticks {
            let x = area.x(self.x.place(tick.at));
            canvas.line(&[(x, area.top), (x, bottom)], GRID, 0.8, &[]);
        }
        canvas.frame((area.left, area.top), (right, bottom), SPINE, 0.9);
        for tick in &self.y.ticks {
            let y = area.y(self.y.place(tick.at));
            canvas.line(&[(area.left - TICK, y), (area.left, y)], SPINE, 0.9, &[]);
            let x = area.left - TICK - 4.0;
            match &tick.power {
                None => canvas.text(&tick.label, (x, y), TICK_EM, Align::Right),
                Some(power) => {
                    let base = x - text_width(power, POWER_EM) - 1.0;
                    canvas.text(&tick.label, (base, y), TICK_EM, Align::Right);
                    canvas.text(power, (base + 1.0, y - 0.42 * TICK_EM), POWER_EM, Align::Left);
                }
            }
        }
        for tick in &self.x.ticks {
            let x = area.x(self.x.place(tick.at));
            canvas.line(&[(x, bottom), (x, bottom + TICK)], SPINE, 0.9, &[]);
            canvas.text(&tick.label, (x, bottom + TICK + 9.0), TICK_EM, Align::Middle);
        }
        let centre = area.left + AXES.0 / 2.0;
        let title = fitted(&self.data.title, TITLE_EM, AXES.0);
        canvas.text(&title, (centre, area.top - 15.0), TITLE_EM, Align::Middle);
        let label = fitted(&self.data.x_label, LABEL_EM, AXES.0);
        canvas.text(&label, (centre, bottom + TICK + 27.0), LABEL_EM, Align::Middle);
        let label = fitted(&self.data.y_label, LABEL_EM, AXES.1);
        canvas.upward_text(&label, (left + 9.0, area.top + AXES.1 / 2.0), LABEL_EM);
        if self.empty {
            let note = if self.data.log_y { "no finite values above 0" } else { "no finite values" };
            canvas.text(note, (centre, area.top + AXES.1 / 2.0), LABEL_EM, Align::Middle);
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

const POWER_EM: f64 = 8.8;

fn tick_width(tick: &Tick) -> f64 {
    text_width(&tick.label, TICK_EM) + tick.power.as_ref().map_or(0.0, |p| text_width(p, POWER_EM) + 1.0)
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

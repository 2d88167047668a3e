//! The layout of panels, and what surrounds their data: frame, grid, ticks and texts.

use super::axis::{Axis, Tick};
use super::svg::{LEFT, MIDDLE, RIGHT, SPINE, Svg, UPWARD, fitted, text_width};

pub(super) const TITLE_EM: f64 = 14.5;
pub(super) const LABEL_EM: f64 = 13.0;
pub(super) const TICK_EM: f64 = 11.5;
const POWER_EM: f64 = 8.8;
pub(super) const TICK: f64 = 4.0;
/// Around the whole figure.
pub(super) const EDGE: f64 = 10.0;
const GRID: &str = r##"stroke="#E4E4E4" stroke-width="0.8""##;
const FAINT_GRID: &str = r##"stroke="#F2F2F2" stroke-width="0.8""##;

/// A panel's texts and axes.
pub(super) struct Frame<'a> {
    /// The title, the label of the x axis, and that of the y axis.
    pub texts: [&'a str; 3],
    pub x: Axis,
    pub y: Axis,
    /// Whether labels are drawn left of it: not if the panel to the left has the same ones.
    pub labelled: bool,
    /// Width and height of the axes.
    pub size: (f64, f64),
    /// Upper left corner of the axes, and the room left of them; from [`arrange`].
    pub corner: (f64, f64),
    pub room: f64,
}

impl<'a> Frame<'a> {
    pub fn new(texts: [&'a str; 3], (x, y): (Axis, Axis), size: (f64, f64)) -> Self {
        Self { texts, x, y, labelled: true, size, corner: (0.0, 0.0), room: 0.0 }
    }

    /// From positions on the axes, 0 at their low ends and 1 at their high ends.
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let ((left, top), (width, height)) = (self.corner, self.size);
        (left + x.clamp(0.0, 1.0) * width, top + (1.0 - y.clamp(0.0, 1.0)) * height)
    }

    /// Where a pair of values is drawn.
    pub fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        self.point(self.x.position(x), self.y.position(y))
    }

    /// Draws everything except the data, with a note if there are none.
    pub fn draw(&self, svg: &mut Svg, note: &str) {
        let [title, x_label, y_label] = self.texts;
        let ((left, top), (right, bottom)) = (self.corner, self.point(1.0, 0.0));
        for at in &self.y.minor {
            let (_, y) = self.point(0.0, self.y.place(*at));
            svg.line(&[(left, y), (right, y)], FAINT_GRID);
        }
        for tick in &self.y.ticks {
            let (_, y) = self.point(0.0, self.y.place(tick.at));
            svg.line(&[(left, y), (right, y)], GRID);
            svg.line(&[(left - TICK, y), (left, y)], SPINE);
            if self.labelled {
                draw_label(svg, tick, (left - TICK - 4.0, y));
            }
        }
        for at in &self.x.minor {
            let (x, _) = self.point(self.x.place(*at), 0.0);
            svg.line(&[(x, top), (x, bottom)], FAINT_GRID);
        }
        for tick in &self.x.ticks {
            let (x, _) = self.point(self.x.place(tick.at), 0.0);
            svg.line(&[(x, top), (x, bottom)], GRID);
            svg.line(&[(x, bottom), (x, bottom + TICK)], SPINE);
            let y = bottom + TICK + 9.0;
            if tick.power.is_empty() {
                svg.text(&tick.label, (x, y), TICK_EM, MIDDLE);
            } else {
                draw_label(svg, tick, (x + tick_width(tick) / 2.0, y));
            }
        }
        svg.rectangle(self.corner, self.size, "none");
        let (x, y) = self.point(0.5, 0.5);
        svg.text(&fitted(title, TITLE_EM, right - left), (x, top - 15.0), TITLE_EM, MIDDLE);
        svg.text(&fitted(x_label, LABEL_EM, right - left), (x, bottom + TICK + 27.0), LABEL_EM, MIDDLE);
        if self.labelled {
            let label = fitted(y_label, LABEL_EM, bottom - top);
            svg.text(&label, (left - self.room + 9.0, y), LABEL_EM, UPWARD);
        }
        svg.text(note, (x, y), LABEL_EM, MIDDLE);
    }
}

/// Places panels in lines, with these gaps between columns and lines. Returns their right and bottom ends.
pub(super) fn arrange(lines: &mut [Vec<Frame>], gap: (f64, f64)) -> (f64, f64) {
    let has = |frame: &Frame, text: usize| !frame.texts[text].is_empty();
    let labelled = || lines.iter().flatten().filter(|f| f.labelled);
    let ticks = labelled().map(|f| widest(&f.y)).fold(0.0, f64::max);
    let room = ticks + TICK + if labelled().any(|f| has(f, 2)) { 27.0 } else { 5.0 };
    let (mut top, mut right) = (EDGE - 4.0, 0.0f64);
    for line in lines {
        top += if line.iter().any(|f| has(f, 0)) { 27.0 } else { 6.0 };
        let mut left = EDGE;
        for frame in line.iter_mut() {
            left += if frame.labelled { room } else { 0.0 };
            (frame.corner, frame.room) = ((left, top), room);
            right = right.max(left + frame.size.0 + beyond(&frame.x, frame.size.0));
            left += frame.size.0 + gap.0;
        }
        let below = TICK + if line.iter().any(|f| has(f, 1)) { 37.0 } else { 18.0 };
        top += line.iter().map(|f| f.size.1).fold(0.0, f64::max) + below + gap.1;
    }
    (right, top - gap.1)
}

/// Draws a tick's label with its exponent so that both end at `right`.
fn draw_label(svg: &mut Svg, tick: &Tick, (right, y): (f64, f64)) {
    let base = right - tick_width(tick) + text_width(&tick.label, TICK_EM);
    svg.text(&tick.label, (base, y), TICK_EM, RIGHT);
    svg.text(&tick.power, (base + 1.0, y - 0.42 * TICK_EM), POWER_EM, LEFT);
}

fn tick_width(tick: &Tick) -> f64 {
    let power = if tick.power.is_empty() { 0.0 } else { text_width(&tick.power, POWER_EM) + 1.0 };
    text_width(&tick.label, TICK_EM) + power
}

/// The widest label of an axis.
pub(super) fn widest(axis: &Axis) -> f64 {
    axis.ticks.iter().map(tick_width).fold(0.0, f64::max)
}

/// How far the labels of a horizontal axis of this length extend to its right.
fn beyond(axis: &Axis, length: f64) -> f64 {
    let end = |t: &Tick| tick_width(t) / 2.0 - (1.0 - axis.place(t.at)) * length;
    axis.ticks.iter().map(end).fold(0.0, f64::max)
}

/// A horizontal axis of this length, logarithmic or not, with as many ticks as their labels leave room for.
pub(super) fn across(range: Option<(f64, f64)>, length: f64, (log, whole): (bool, bool)) -> Axis {
    let axis = |count| match log {
        true => Axis::log(range, 0.02, count, whole),
        false => Axis::linear(range, 0.02, count, whole),
    };
    let apart = |axis: &Axis| {
        let gaps = axis.ticks.windows(2).map(|pair| (pair[1].at - pair[0].at) / (axis.hi - axis.lo));
        length * gaps.fold(1.0, f64::min)
    };
    let roomy = |axis: &Axis| {
        let (count, width) = (axis.ticks.len() as f64, widest(axis));
        // Those of a logarithmic axis need not be equally far apart.
        count * (width + 18.0) <= length && (!log || apart(axis) >= width + 6.0)
    };
    (2..=8).rev().map(axis).find(roomy).unwrap_or_else(|| axis(1))
}

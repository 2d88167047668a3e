//! A panel's axes: frame, grid, ticks and labels.

use plotters::backend::DrawingBackend;

use super::axis::{Axis, Tick};
use super::canvas::{Align, Canvas, FAINT_GRID, GRID, SPINE};
use super::text::{fitted, text_width};

pub(super) const TITLE_EM: f64 = 14.5;
pub(super) const LABEL_EM: f64 = 13.0;
pub(super) const TICK_EM: f64 = 11.5;
pub(super) const TICK: f64 = 4.0;
/// Room left of the tick labels for what runs upwards.
pub(super) const UPWARD: f64 = 22.0;
const POWER_EM: f64 = 8.8;

/// Where a panel's axes lie.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    /// Width and height.
    pub size: (f64, f64),
}

impl Area {
    pub fn x(&self, place: f64) -> f64 {
        self.left + place.clamp(0.0, 1.0) * self.size.0
    }
    pub fn y(&self, place: f64) -> f64 {
        self.top + (1.0 - place.clamp(0.0, 1.0)) * self.size.1
    }
    pub fn right(&self) -> f64 {
        self.left + self.size.0
    }
    pub fn bottom(&self) -> f64 {
        self.top + self.size.1
    }
    pub fn middle(&self) -> (f64, f64) {
        (self.left + self.size.0 / 2.0, self.top + self.size.1 / 2.0)
    }
}

/// A panel's texts and axes.
pub(super) struct Frame<'a> {
    pub title: &'a str,
    pub x_label: &'a str,
    pub y_label: &'a str,
    pub x: &'a Axis,
    pub y: &'a Axis,
}

impl Frame<'_> {
    /// Draws all but the data. `labels` is the left edge of what is written left of the axes; without one nothing is,
    /// as the panel to the left has the same.
    pub fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, area: Area, labels: Option<f64>) {
        let (right, bottom, centre) = (area.right(), area.bottom(), area.middle());
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
            if labels.is_some() {
                draw_label(canvas, tick, (area.left - TICK - 4.0, y));
            }
        }
        for tick in &self.x.ticks {
            let x = area.x(self.x.place(tick.at));
            canvas.line(&[(x, bottom), (x, bottom + TICK)], SPINE, 0.9, &[]);
            canvas.text(&tick.label, (x, bottom + TICK + 9.0), TICK_EM, Align::Middle);
        }
        let title = fitted(self.title, TITLE_EM, area.size.0);
        canvas.text(&title, (centre.0, area.top - 15.0), TITLE_EM, Align::Middle);
        let label = fitted(self.x_label, LABEL_EM, area.size.0);
        canvas.text(&label, (centre.0, bottom + TICK + 27.0), LABEL_EM, Align::Middle);
        if let Some(left) = labels {
            let label = fitted(self.y_label, LABEL_EM, area.size.1);
            canvas.upward_text(&label, (left + 9.0, centre.1), LABEL_EM);
        }
    }
}

/// A tick's label left of the y axis.
fn draw_label<B: DrawingBackend>(canvas: &mut Canvas<B>, tick: &Tick, (x, y): (f64, f64)) {
    match &tick.power {
        None => canvas.text(&tick.label, (x, y), TICK_EM, Align::Right),
        Some(power) => {
            let base = x - text_width(power, POWER_EM) - 1.0;
            canvas.text(&tick.label, (base, y), TICK_EM, Align::Right);
            canvas.text(power, (base + 1.0, y - 0.42 * TICK_EM), POWER_EM, Align::Left);
        }
    }
}

pub(super) fn tick_width(tick: &Tick) -> f64 {
    text_width(&tick.label, TICK_EM) + tick.power.as_ref().map_or(0.0, |p| text_width(p, POWER_EM) + 1.0)
}

/// The widest label of an axis.
pub(super) fn widest(axis: &Axis) -> f64 {
    axis.ticks.iter().map(tick_width).fold(0.0, f64::max)
}

/// How far the labels of a horizontal axis of this length stand out to its right.
pub(super) fn beyond(axis: &Axis, length: f64) -> f64 {
    let end = |t: &Tick| tick_width(t) / 2.0 - (1.0 - axis.place(t.at)) * length;
    axis.ticks.iter().map(end).fold(0.0, f64::max)
}

/// A horizontal axis of this length with as many ticks as there is room for their labels.
pub(super) fn across(range: Option<(f64, f64)>, length: f64, whole: bool) -> Axis {
    let axis = |count| Axis::linear(range, 0.02, count, whole);
    let roomy = |axis: &Axis| axis.ticks.len() as f64 * (widest(axis) + 18.0) <= length;
    (2..=8).rev().map(axis).find(roomy).unwrap_or_else(|| axis(1))
}

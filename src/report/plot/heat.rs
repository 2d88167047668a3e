//! Heat maps on one colour scale.

use plotters::backend::DrawingBackend;

use super::axis::{Axis, drawable, extent};
use super::canvas::{Align, Canvas, Colour, Figure, SPINE};
use super::text::{fitted, text_width};
use super::{HeatMap, columns};

/// Ten equidistant colours of viridis.
const VIRIDIS: [Colour; 10] = [
    Colour(0x44, 0x01, 0x54),
    Colour(0x48, 0x28, 0x78),
    Colour(0x3E, 0x4A, 0x89),
    Colour(0x31, 0x68, 0x8E),
    Colour(0x26, 0x82, 0x8E),
    Colour(0x1F, 0x9E, 0x89),
    Colour(0x35, 0xB7, 0x79),
    Colour(0x6D, 0xCD, 0x59),
    Colour(0xB4, 0xDE, 0x2C),
    Colour(0xFD, 0xE7, 0x25),
];
const MISSING: Colour = Colour(0xD8, 0xD8, 0xD8);
const HATCH: Colour = Colour(0x8C, 0x8C, 0x8C);

const MAP_WIDTH: f64 = 290.0;
const TITLE_EM: f64 = 14.5;
const LABEL_EM: f64 = 13.0;
const TICK_EM: f64 = 11.5;
const EDGE: f64 = 10.0;
const GAP: f64 = 20.0;
const TICK: f64 = 4.0;
const NAMES_AT_MOST: f64 = 190.0;
const BAR: f64 = 13.0;
const BAR_GAP: f64 = 18.0;

/// One line of maps.
struct Line {
    /// Room for names and label left of each map; none where the map before it has the same.
    left: Vec<f64>,
    height: f64,
}

/// The whole figure.
pub(super) struct HeatMaps<'a> {
    maps: &'a [HeatMap],
    scale_label: &'a str,
    scale: Axis,
    columns: usize,
    lines: Vec<Line>,
    missing: bool,
    top: f64,
    bottom: f64,
}

impl<'a> HeatMaps<'a> {
    pub fn new(maps: &'a [HeatMap], scale_label: &'a str) -> Self {
        let values = || maps.iter().flat_map(|m| m.values.iter().flatten().copied());
        let columns = columns(maps.len());
        let lines = maps.chunks(columns).map(Line::new).collect();
        let any = |text: fn(&HeatMap) -> &str| maps.iter().any(|m| !text(m).is_empty());
        let mut figure = Self {
            maps,
            scale_label,
            scale: Axis::linear(extent(values(), false), 0.0, 6, false),
            columns,
            lines,
            missing: values().any(|v| !drawable(v, false)),
            top: if any(|m| &m.title) { 25.0 } else { 6.0 },
            bottom: TICK + 18.0 + if any(|m| &m.x_label) { 19.0 } else { 0.0 },
        };
        let (top, bottom) = figure.body();
        let count = ((bottom - top) / 45.0).clamp(2.0, 8.0) as usize;
        figure.scale = Axis::linear(extent(values(), false), 0.0, count, false);
        figure
    }

    /// The left edge of a map's cells.
    fn map_left(&self, column: usize) -> f64 {
        let indents = (0..=column).map(|c| self.indent(c)).sum::<f64>();
        EDGE + indents + column as f64 * (MAP_WIDTH + GAP)
    }

    /// Room left of the maps of a column.
    fn indent(&self, column: usize) -> f64 {
        self.lines.iter().filter_map(|line| line.left.get(column)).copied().fold(0.0, f64::max)
    }

    fn line_top(&self, line: usize) -> f64 {
        let above = self.lines[..line].iter().map(|l| self.top + l.height + self.bottom + 6.0);
        EDGE - 4.0 + self.top + above.sum::<f64>()
    }

    /// From the top of the uppermost cells to the bottom of the lowest.
    fn body(&self) -> (f64, f64) {
        let last = self.lines.len() - 1;
        (self.line_top(0), self.line_top(last) + self.lines[last].height)
    }

    fn bar_left(&self) -> f64 {
        self.map_left(self.columns - 1) + MAP_WIDTH + BAR_GAP
    }

    fn bar_ticks_width(&self) -> f64 {
        self.scale.ticks.iter().map(|t| text_width(&t.label, TICK_EM)).fold(0.0, f64::max)
    }

    fn colour(&self, value: f64) -> Option<Colour> {
        drawable(value, false).then(|| viridis(self.scale.position(value)))
    }

    fn draw_map<B: DrawingBackend>(&self, canvas: &mut Canvas<B>, number: usize) {
        let map = &self.maps[number];
        let (column, line) = (number % self.columns, &self.lines[number / self.columns]);
        let (left, top) = (self.map_left(column), self.line_top(number / self.columns));
        let (rows, cells) = (map.rows.len() as f64, map.values[0].len());
        let x = |column: usize| left + MAP_WIDTH * column as f64 / cells as f64;
        let y = |row: usize| top + line.height * row as f64 / rows;
        for (row, values) in map.values.iter().enumerate() {
            let mut start = 0;
            let colours: Vec<_> = values.iter().map(|v| self.colour(*v)).collect();
            for run in colours.chunk_by(|a, b| a == b) {
                let end = start + run.len();
                // A little more than the cell, so that no seam shows; what follows covers it.
                let to = ((x(end) + 1.0).min(x(cells)), (y(row + 1) + 1.0).min(top + line.height));
                match run[0] {
                    Some(colour) => canvas.rectangle((x(start), y(row)), to, colour),
                    None => hatched(canvas, (x(start), y(row)), to),
                }
                start = end;
            }
        }
        let (right, bottom) = (left + MAP_WIDTH, top + line.height);
        canvas.frame((left, top), (right, bottom), SPINE, 0.9);
        let title = fitted(&map.title, TITLE_EM, MAP_WIDTH);
        canvas.text(&title, (left + MAP_WIDTH / 2.0, top - 14.0), TITLE_EM, Align::Middle);

        for tick in column_ticks(cells) {
            let middle = (x(tick - 1) + x(tick)) / 2.0;
            canvas.line(&[(middle, bottom), (middle, bottom + TICK)], SPINE, 0.9, &[]);
            canvas.text(&tick.to_string(), (middle, bottom + TICK + 9.0), TICK_EM, Align::Middle);
        }
        let label = fitted(&map.x_label, LABEL_EM, MAP_WIDTH);
        canvas.text(&label, (left + MAP_WIDTH / 2.0, bottom + TICK + 27.0), LABEL_EM, Align::Middle);

        if line.left[column] == 0.0 {
            return;
        }
        let every = (13.0 * rows / line.height).ceil().max(1.0) as usize;
        for (row, name) in map.rows.iter().enumerate().step_by(every) {
            let middle = (y(row) + y(row + 1)) / 2.0;
            canvas.line(&[(left - TICK, middle), (left, middle)], SPINE, 0.9, &[]);
            let name = fitted(name, TICK_EM, NAMES_AT_MOST);
            canvas.text(&name, (left - TICK - 4.0, middle), TICK_EM, Align::Right);
        }
        let label = fitted(&map.y_label, LABEL_EM, line.height.max(60.0));
        canvas.upward_text(&label, (left - line.left[column] + 9.0, (top + bottom) / 2.0), LABEL_EM);
    }

    fn draw_bar<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) {
        let (left, (top, bottom)) = (self.bar_left(), self.body());
        let right = left + BAR;
        let steps = 160;
        let y = |place: f64| bottom - place * (bottom - top);
        for k in 0..steps {
            let (lo, hi) = (f64::from(k) / f64::from(steps), f64::from(k + 1) / f64::from(steps));
            let to = (y(lo) + 1.0).min(bottom);
            canvas.rectangle((left, y(hi)), (right, to), viridis((lo + hi) / 2.0));
        }
        canvas.frame((left, top), (right, bottom), SPINE, 0.9);
        for tick in &self.scale.ticks {
            let y = y(self.scale.place(tick.at));
            canvas.line(&[(right, y), (right + TICK, y)], SPINE, 0.9, &[]);
            canvas.text(&tick.label, (right + TICK + 4.0, y), TICK_EM, Align::Left);
        }
        let x = right + TICK + 4.0 + self.bar_ticks_width() + 14.0;
        let label = fitted(self.scale_label, LABEL_EM, self.size().1 - 2.0 * EDGE);
        canvas.upward_text(&label, (x, self.label_middle(&label)), LABEL_EM);
        if self.missing {
            let y = bottom + 11.0;
            hatched(canvas, (left, y), (left + BAR, y + 11.0));
            canvas.frame((left, y), (left + BAR, y + 11.0), SPINE, 0.7);
            canvas.text(NOT_FINITE, (left + BAR + 6.0, y + 5.5), TICK_EM, Align::Left);
        }
    }

    /// The height at which the bar's label is centred: the bar's middle, unless it is longer than the bar.
    fn label_middle(&self, label: &str) -> f64 {
        let ((top, bottom), half) = (self.body(), text_width(label, LABEL_EM) / 2.0);
        let (first, last) = (EDGE + half, self.size().1 - EDGE - half);
        ((top + bottom) / 2.0).max(first).min(last.max(first))
    }
}

const NOT_FINITE: &str = "not finite";

impl Figure for HeatMaps<'_> {
    fn size(&self) -> (f64, f64) {
        let label = if self.scale_label.is_empty() { 0.0 } else { 22.0 };
        let bar = BAR + TICK + 4.0 + self.bar_ticks_width() + label;
        let missing = if self.missing { BAR + 6.0 + text_width(NOT_FINITE, TICK_EM) } else { 0.0 };
        (self.bar_left() + bar.max(missing) + EDGE, self.body().1 + self.bottom + EDGE - 4.0)
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<B>) {
        for number in 0..self.maps.len() {
            self.draw_map(canvas, number);
        }
        self.draw_bar(canvas);
    }
}

impl Line {
    fn new(maps: &[HeatMap]) -> Self {
        let rows = maps.iter().map(|m| m.rows.len()).max().unwrap_or(1) as f64;
        let shared = maps.iter().all(|m| m.rows == maps[0].rows && m.y_label == maps[0].y_label);
        let left = |(k, map): (usize, &HeatMap)| {
            let names = map.rows.iter().map(|n| text_width(n, TICK_EM)).fold(0.0, f64::max);
            let label = if map.y_label.is_empty() { 0.0 } else { 22.0 };
            if shared && k > 0 { 0.0 } else { names.min(NAMES_AT_MOST) + TICK + 5.0 + label }
        };
        Self {
            left: maps.iter().enumerate().map(left).collect(),
            height: (rows * (190.0 / rows).clamp(13.0, 30.0)).clamp(60.0, 900.0),
        }
    }
}

/// The numbers of the columns that are labelled.
fn column_ticks(cells: usize) -> Vec<usize> {
    let widest = text_width(&cells.to_string(), TICK_EM) + 14.0;
    let most = ((MAP_WIDTH / widest) as usize).clamp(1, 10);
    if cells <= most {
        return (1..=cells).collect();
    }
    let axis = Axis::linear(Some((1.0, cells as f64)), 0.0, most, true);
    axis.ticks.iter().map(|t| t.at.round() as usize).filter(|t| (1..=cells).contains(t)).collect()
}

/// The colour at a place from 0 (lowest) to 1 (highest).
fn viridis(place: f64) -> Colour {
    // 256 colours are all that can be told apart, and they keep files small.
    let place = (place.clamp(0.0, 1.0) * 255.0).round() / 255.0 * (VIRIDIS.len() - 1) as f64;
    let k = (place as usize).min(VIRIDIS.len() - 2);
    let (a, b, t) = (VIRIDIS[k], VIRIDIS[k + 1], place - k as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
    Colour(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A grey rectangle with rising lines, which continue in its neighbours.
fn hatched<B: DrawingBackend>(canvas: &mut Canvas<B>, from: (f64, f64), to: (f64, f64)) {
    const STEP: f64 = 5.0;
    canvas.rectangle(from, to, MISSING);
    let ((x0, y0), (x1, y1)) = (from, to);
    for k in ((x0 + y0) / STEP).ceil() as i64..=((x1 + y1) / STEP).floor() as i64 {
        let sum = k as f64 * STEP;
        let (left, right) = (x0.max(sum - y1), x1.min(sum - y0));
        canvas.line(&[(left, sum - left), (right, sum - right)], HATCH, 0.8, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_dark_to_bright() {
        let brightness = |c: Colour| 2 * u32::from(c.0) + 5 * u32::from(c.1) + u32::from(c.2);
        let colours: Vec<_> = (0..=100).map(|k| brightness(viridis(f64::from(k) / 100.0))).collect();
        assert!(colours.is_sorted());
        assert_eq!((viridis(-1.0), viridis(2.0)), (VIRIDIS[0], VIRIDIS[9]));
    }

    #[test]
    fn columns_are_numbered_from_one() {
        assert_eq!(column_ticks(3), [1, 2, 3]);
        assert!(column_ticks(20).contains(&20));
        assert!(column_ticks(5000).len() <= 8);
    }
}

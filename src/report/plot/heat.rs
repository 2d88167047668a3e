//! Heat maps on one colour scale.

use super::axis::{Axis, Tick, drawable, extent};
use super::frame::{EDGE, Frame, LABEL_EM, TICK, TICK_EM, arrange, widest};
use super::svg::{LEFT, SPINE, Svg, UPWARD, fitted, short, text_width};
use super::{HeatMap, columns};
use std::collections::BTreeMap;

/// Ten equidistant colours of viridis.
const VIRIDIS: [u32; 10] =
    [0x440154, 0x482878, 0x3E4A89, 0x31688E, 0x26828E, 0x1F9E89, 0x35B779, 0x6DCD59, 0xB4DE2C, 0xFDE725];
/// Missing values are grey with rising lines, which continue in neighbouring cells.
const HATCH: &str = r##"<pattern id="missing" width="5" height="5" patternUnits="userSpaceOnUse"><rect width="5" height="5"
fill="#D8D8D8"/><path d="M-1 1L1 -1M0 5L5 0M4 6L6 4" stroke="#8C8C8C" stroke-width="0.8"/></pattern>"##;
const MISSING: &str = "url(#missing)";
const NOT_FINITE: &str = "not finite";

const MAP_WIDTH: f64 = 290.0;
const NAMES_AT_MOST: f64 = 190.0;
/// The colour bar's width.
const BAR: f64 = 13.0;

pub(super) fn draw<'a>(maps: &'a [HeatMap], scale_label: &str) -> Svg {
    let lines = || maps.chunks(columns(maps.len()));
    let like = |a: &HeatMap, b: &HeatMap| a.rows == b.rows && a.y_label == b.y_label;
    let shared = lines().all(|line| line.iter().all(|map| like(map, &line[0])));
    let frames = |line: &'a [HeatMap]| -> Vec<Frame> {
        let rows = line.iter().map(|m| m.rows.len()).max().unwrap_or(1) as f64;
        let height = (rows * (190.0 / rows).clamp(13.0, 30.0)).clamp(60.0, 900.0);
        line.iter().enumerate().map(|(column, map)| frame(map, column == 0 || !shared, height)).collect()
    };
    let mut lines: Vec<_> = lines().map(frames).collect();
    let (right, end) = arrange(&mut lines, (20.0, 6.0));
    let (left, top) = (right + 18.0, lines[0][0].corner.1);
    let bottom = lines[lines.len() - 1][0].point(0.0, 0.0).1;

    let values = || maps.iter().flat_map(|m| m.values.iter().flatten().copied());
    let count = ((bottom - top) / 45.0).clamp(2.0, 8.0) as usize;
    let scale = Axis::linear(extent(values(), false), 0.0, count, false);
    let ticks = TICK + 4.0 + widest(&scale);
    let missing = values().any(|v| !drawable(v, false));
    let note = if missing { 6.0 + text_width(NOT_FINITE, TICK_EM) } else { 0.0 };
    let width = note.max(ticks + if scale_label.is_empty() { 0.0 } else { 22.0 });
    let mut svg = Svg::new(left + BAR + width + EDGE, end + EDGE);
    let stop =
        |k: usize| format!(r##"<stop offset="{}" stop-color="#{:06X}"/>"##, k as f64 / 9.0, VIRIDIS[k]);
    let (stops, up) = ((0..10).map(stop).collect::<String>(), r#"x1="0" y1="1" x2="0" y2="0""#);
    svg.add(&format!(r#"<defs>{HATCH}<linearGradient id="viridis" {up}>{stops}</linearGradient></defs>"#));
    for (frame, map) in lines.iter().flatten().zip(maps) {
        frame.draw(&mut svg, "");
        draw_cells(&mut svg, map, frame, &scale);
        svg.rectangle(frame.corner, frame.size, "none");
    }
    svg.rectangle((left, top), (BAR, bottom - top), "url(#viridis)");
    for tick in &scale.ticks {
        let (x, y) = (left + BAR, bottom - scale.place(tick.at) * (bottom - top));
        svg.line(&[(x, y), (x + TICK, y)], SPINE);
        svg.text(&tick.label, (x + TICK + 4.0, y), TICK_EM, LEFT);
    }
    // Centred on the bar, unless it is longer than the bar.
    let label = fitted(scale_label, LABEL_EM, end - EDGE);
    let half = text_width(&label, LABEL_EM) / 2.0;
    let middle = ((top + bottom) / 2.0).max(EDGE + half).min((end - half).max(EDGE + half));
    svg.text(&label, (left + BAR + ticks + 14.0, middle), LABEL_EM, UPWARD);
    if missing {
        svg.rectangle((left, bottom + 11.0), (BAR, 11.0), MISSING);
        svg.text(NOT_FINITE, (left + BAR + 6.0, bottom + 16.5), TICK_EM, LEFT);
    }
    svg
}

/// The columns are numbered from 1, the rows have names.
fn frame(map: &HeatMap, labelled: bool, height: f64) -> Frame<'_> {
    let (columns, rows) = (map.values[0].len() as f64, map.rows.len() as f64);
    let most = (MAP_WIDTH / (text_width(&columns.to_string(), TICK_EM) + 14.0)).clamp(1.0, 10.0) as usize;
    let mut x = Axis::linear(Some((1.0, columns)), 0.0, most, true);
    (x.lo, x.hi) = (0.5, columns + 0.5);
    let every = if labelled { (13.0 * rows / height).ceil().max(1.0) as usize } else { usize::MAX };
    let tick =
        |at, name: &str| Tick { at, label: fitted(name, TICK_EM, NAMES_AT_MOST), power: String::new() };
    let names = map.rows.iter().enumerate().step_by(every).map(|(row, name)| tick(row as f64 + 0.5, name));
    let y = Axis { lo: rows, hi: 0.0, log: false, ticks: names.collect(), minor: Vec::new() };
    let texts = [map.title.as_str(), &map.x_label, &map.y_label];
    Frame { labelled, ..Frame::new(texts, (x, y), (MAP_WIDTH, height)) }
}

fn draw_cells(svg: &mut Svg, map: &HeatMap, frame: &Frame, scale: &Axis) {
    let (width, height) = (map.values[0].len(), map.rows.len());
    // If there are more cells than units of length, some are left out.
    let (columns, rows) = (width.min(frame.size.0 as usize), height.min(frame.size.1 as usize));
    let corner = |column: usize, row: usize| {
        let (x, y) = frame.point(column as f64 / columns as f64, 1.0 - row as f64 / rows as f64);
        (short(x), short(y))
    };
    // One path per colour; neighbours share their edges, and crisp edges leave no seam.
    let mut paths: BTreeMap<Option<u8>, String> = BTreeMap::new();
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let value = map.values[row * height / rows][column * width / columns];
        let level = drawable(value, false).then(|| (scale.position(value) * 255.0).round() as u8);
        let ((left, top), (right, bottom)) = (corner(column, row), corner(column + 1, row + 1));
        *paths.entry(level).or_default() += &format!("M{left} {top}H{right}V{bottom}H{left}z");
    }
    for (level, path) in paths {
        let fill = level.map_or_else(|| MISSING.to_owned(), viridis);
        svg.add(&format!(r#"<path shape-rendering="crispEdges" fill="{fill}" d="{path}"/>"#));
    }
}

/// The colour of one of 256 levels, more than which are indistinguishable.
fn viridis(level: u8) -> String {
    let place = f64::from(level) / 255.0 * 9.0;
    let k = (place as usize).min(8);
    let mix = |shift: u32| {
        let [a, b] = [VIRIDIS[k], VIRIDIS[k + 1]].map(|colour| f64::from(colour >> shift & 0xFF));
        (a + (place - k as f64) * (b - a)).round() as u8
    };
    format!("#{:02X}{:02X}{:02X}", mix(16), mix(8), mix(0))
}

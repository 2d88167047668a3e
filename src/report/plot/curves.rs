//! Panels of curves with one legend.

use super::axis::{Axis, drawable, extent};
use super::frame::{EDGE, Frame, LABEL_EM, across, arrange};
use super::svg::{LEFT, Svg, fitted, text_width};
use super::{CurvePanel, columns};

/// Okabe and Ito's colours without their yellow, which is too faint for lines on white.
const PALETTE: [&str; 7] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"];
/// Solid, dashed, dash-dotted, dotted. Four and seven have no common factor: 28 different lines.
const DASHES: [&str; 4] = ["none", "7 3", "8 3 2 3", "2.2 2.6"];

const AXES: (f64, f64) = (366.0, 252.0);
/// Legend: the height of a row, the width of a sample with the gap after it, and the gap between entries.
const ROW: f64 = 20.0;
const SAMPLE: f64 = 37.0;
const GAP: f64 = 22.0;

pub(super) fn draw(panels: &[CurvePanel]) -> Svg {
    let lines = panels.chunks(columns(panels.len()));
    let mut lines: Vec<Vec<_>> = lines.map(|line| line.iter().map(frame).collect()).collect();
    let (right, bottom) = arrange(&mut lines, (22.0, 8.0));
    // In the order of their styles.
    let mut names: Vec<&str> = Vec::new();
    for curve in panels.iter().flat_map(|p| &p.curves) {
        if !curve.label.is_empty() && !names.contains(&curve.label.as_str()) {
            names.push(&curve.label);
        }
    }
    let legend = legend(&names, right - EDGE);
    let room = if legend.is_empty() { 0.0 } else { 6.0 + ROW * legend.len() as f64 };
    let mut svg = Svg::new(right + EDGE, bottom + room + EDGE);
    for (frame, panel) in lines.iter().flatten().zip(panels) {
        draw_panel(&mut svg, frame, panel, &names);
    }
    for (row, (_, entries)) in legend.iter().enumerate() {
        let y = bottom + 6.0 + ROW * (row as f64 + 0.5);
        for (x, number, name) in entries {
            svg.line(&[(*x, y), (x + SAMPLE - 7.0, y)], &pen(*number, 2.0));
            svg.text(name, (x + SAMPLE, y), LABEL_EM, LEFT);
        }
    }
    svg
}

fn pen(number: usize, width: f64) -> String {
    let (colour, dashes) = (PALETTE[number % PALETTE.len()], DASHES[number % DASHES.len()]);
    format!(r#"stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}""#)
}

/// A row of a legend: its length, and its entries (x, number, name).
type Row = (f64, Vec<(f64, usize, String)>);

/// The legend's rows: as many entries as fit, each row centred.
fn legend(names: &[&str], width: f64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let name = fitted(name, LABEL_EM, width - SAMPLE - GAP);
        let entry = SAMPLE + text_width(&name, LABEL_EM);
        match rows.last_mut().filter(|(used, _)| used + GAP + entry <= width) {
            Some((used, row)) => {
                row.push((*used + GAP, number, name));
                *used += GAP + entry;
            }
            None => rows.push((entry, vec![(0.0, number, name)])),
        }
    }
    for (used, row) in &mut rows {
        row.iter_mut().for_each(|entry| entry.0 += EDGE + ((width - *used) / 2.0).max(0.0));
    }
    rows
}

/// The drawable points of all curves.
fn shown(panel: &CurvePanel) -> impl Iterator<Item = &(f64, f64)> {
    let drawable = |p: &&(f64, f64)| drawable(p.0, panel.log_x) && drawable(p.1, panel.log_y);
    panel.curves.iter().flat_map(|c| &c.points).filter(drawable)
}

fn frame(panel: &CurvePanel) -> Frame<'_> {
    let spreads = panel.curves.iter().flat_map(|c| c.spread.iter().flatten()).flat_map(|s| [s.0, s.1]);
    let range = extent(shown(panel).map(|p| p.1).chain(spreads), panel.log_y);
    let whole = shown(panel).all(|p| p.0.fract() == 0.0);
    let x = across(extent(shown(panel).map(|p| p.0), panel.log_x), AXES.0, (panel.log_x, whole));
    let y = if panel.log_y { Axis::log(range, 0.04, 7, false) } else { Axis::linear(range, 0.04, 6, false) };
    Frame::new([&panel.title, &panel.x_label, &panel.y_label], (x, y), AXES)
}

fn draw_panel(svg: &mut Svg, frame: &Frame, panel: &CurvePanel, names: &[&str]) {
    let (log_x, log) = (panel.log_x, panel.log_y);
    let note = if log_x || log { "no finite values above 0" } else { "no finite values" };
    frame.draw(svg, if shown(panel).next().is_some() { "" } else { note });
    // Curves without a name come after all named ones.
    let mut unnamed = names.len()..;
    let number = |label| names.iter().position(|name| name == label).or_else(|| unnamed.next()).unwrap_or(0);
    let numbers: Vec<_> = panel.curves.iter().map(|c| &c.label).map(number).collect();
    for (curve, number) in panel.curves.iter().zip(&numbers) {
        let ends = |(point, spread): (&(f64, f64), &(f64, f64))| {
            let (low, high) = (spread.0.min(spread.1), spread.0.max(spread.1));
            let finite = drawable(point.0, log_x) && [spread.0, spread.1].iter().all(|v| drawable(*v, false));
            let bottom = if drawable(low, log) { frame.y.position(low) } else { 0.0 };
            let (x, top) = frame.at((point.0, high));
            (finite && drawable(high, log)).then(|| [(x, top), (x, frame.point(0.0, bottom).1)])
        };
        let ends: Vec<_> = curve.points.iter().zip(curve.spread.iter().flatten()).map(ends).collect();
        for run in ends.split(Option::is_none).filter(|run| run.len() > 1) {
            let edge = |k: usize| thinned(&run.iter().flatten().map(|ends| ends[k]).collect::<Vec<_>>());
            let outline: Vec<_> = edge(0).into_iter().chain(edge(1).into_iter().rev()).collect();
            svg.line(&outline, &format!(r#"fill="{}" fill-opacity="0.18""#, PALETTE[number % PALETTE.len()]));
        }
    }
    for (curve, number) in panel.curves.iter().zip(numbers) {
        for run in curve.points.split(|p| !drawable(p.0, log_x) || !drawable(p.1, log)) {
            match thinned(&run.iter().map(|p| frame.at(*p)).collect::<Vec<_>>()).as_slice() {
                [] => {}
                [point] => svg.dot(*point, 2.2, PALETTE[number % PALETTE.len()], 1.0),
                line => svg.line(line, &pen(number, 1.7)),
            }
        }
    }
}

/// The line without what is invisible: of many points in one narrow column the first, the lowest, the highest and the last.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| (2.0 * point.0).floor();
    let seen = |group: &[(f64, f64)]| {
        let mut heights = group.to_vec();
        heights.sort_by(|a, b| a.1.total_cmp(&b.1));
        let last = group.len() - 1;
        if last < 4 { group.to_vec() } else { vec![group[0], heights[0], heights[last], group[last]] }
    };
    let mut line: Vec<_> = points.chunk_by(|a, b| column(a) == column(b)).flat_map(seen).collect();
    // A line of zero length would be invisible.
    line.dedup();
    line
}

//! Mean ranks on a line, with bars over those that do not differ.

use super::RankDiagram;
use super::frame::{EDGE, LABEL_EM, TICK, TICK_EM, TITLE_EM};
use super::svg::{LEFT, MIDDLE, RIGHT, SPINE, Svg, fitted, text_width};

/// The length of the line of ranks.
const LINE: f64 = 460.0;
/// The longest name.
const NAMES: f64 = 240.0;
/// The heights of a name, of a bar, of the space above the line with and without a title, and between diagrams.
const ROW: f64 = 19.0;
const BAR: f64 = 8.0;
const ABOVE: f64 = 54.0;
const TITLE: f64 = 24.0;
const GAP: f64 = 18.0;
/// The pen of bars.
const BAR_PEN: &str = r##"stroke="#1C1C1C" stroke-width="3""##;

pub(super) fn draw(diagrams: &[RankDiagram]) -> Svg {
    let labels = diagrams.iter().flat_map(|d| &d.ranks).map(|(name, rank)| label(name, *rank));
    let room = labels.map(|label| text_width(&label, LABEL_EM)).fold(0.0, f64::max) + 8.0;
    let heights: Vec<f64> = diagrams.iter().map(height).collect();
    let total = heights.iter().sum::<f64>() + GAP * (diagrams.len() - 1) as f64;
    let mut svg = Svg::new(2.0 * (EDGE + room) + LINE, total + 2.0 * EDGE);
    let mut top = EDGE;
    for (diagram, height) in diagrams.iter().zip(heights) {
        draw_one(&mut svg, diagram, (EDGE + room, top), room);
        top += height + GAP;
    }
    svg
}

/// What stands beside a method: its name, cut if it is long, and its rank.
fn label(name: &str, rank: f64) -> String {
    format!("{} {rank:.2}", fitted(name, LABEL_EM, NAMES))
}

/// The diagram's ranks from the best to the worst.
fn sorted(diagram: &RankDiagram) -> Vec<&(String, f64)> {
    let mut ranks: Vec<_> = diagram.ranks.iter().collect();
    ranks.sort_by(|a, b| a.1.total_cmp(&b.1));
    ranks
}

/// The first and the last of every largest group whose ranks differ by less than the critical difference.
fn groups(ranks: &[&(String, f64)], difference: f64) -> Vec<(usize, usize)> {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (first, (_, best)) in ranks.iter().enumerate() {
        let last = ranks.iter().rposition(|(_, rank)| rank - best < difference).unwrap_or(first);
        if last > first && groups.last().is_none_or(|&(_, end)| last > end) {
            groups.push((first, last));
        }
    }
    groups
}

fn height(diagram: &RankDiagram) -> f64 {
    let bars = diagram.difference.map_or(0, |difference| groups(&sorted(diagram), difference).len());
    let rows = diagram.ranks.len().div_ceil(2);
    let title = if diagram.title.is_empty() { 0.0 } else { TITLE };
    title + ABOVE + 6.0 + BAR * bars as f64 + ROW * rows as f64
}

fn draw_one(svg: &mut Svg, diagram: &RankDiagram, (left, top): (f64, f64), room: f64) {
    let ranks = sorted(diagram);
    let last = ranks.len() as f64;
    let at = |rank: f64| left + (rank - 1.0) / (last - 1.0) * LINE;
    let title = if diagram.title.is_empty() { 0.0 } else { TITLE };
    let middle = left + LINE / 2.0;
    svg.text(&fitted(&diagram.title, TITLE_EM, LINE + 2.0 * room), (middle, top + 9.0), TITLE_EM, MIDDLE);
    let line = top + title + ABOVE;
    svg.line(&[(left, line), (left + LINE, line)], SPINE);
    // As many ticks as have room.
    let every = (last * 24.0 / LINE).ceil().max(1.0) as usize;
    for rank in (1..=ranks.len()).step_by(every) {
        let x = at(rank as f64);
        svg.line(&[(x, line - TICK), (x, line)], SPINE);
        svg.text(&rank.to_string(), (x, line - TICK - 8.0), TICK_EM, MIDDLE);
    }
    let mut below = line + 6.0;
    if let Some(difference) = diagram.difference {
        let (y, end) = (line - 32.0, at(1.0 + difference).min(left + LINE));
        svg.text(&format!("critical difference {difference:.2}"), (left, y - 11.0), TICK_EM, LEFT);
        svg.line(&[(left, y), (end, y)], BAR_PEN);
        for (first, last) in groups(&ranks, difference) {
            let ends = [(at(ranks[first].1) - 3.0, below), (at(ranks[last].1) + 3.0, below)];
            svg.line(&ends, BAR_PEN);
            below += BAR;
        }
    }
    // The better half at the left, the best one uppermost; the others at the right, the worst one uppermost: no lines cross.
    let half = ranks.len().div_ceil(2);
    for (i, (name, rank)) in ranks.iter().enumerate() {
        let (row, end, side) = match i < half {
            true => (i, left - 4.0, RIGHT),
            false => (ranks.len() - 1 - i, left + LINE + 4.0, LEFT),
        };
        let y = below + ROW * (row as f64 + 0.5);
        svg.line(&[(at(*rank), line), (at(*rank), y), (end, y)], SPINE);
        let beyond = if side == RIGHT { end - 4.0 } else { end + 4.0 };
        svg.text(&label(name, *rank), (beyond, y), LABEL_EM, side);
    }
}

//! Figures from plain numbers: [`curves()`] over training, [`heat_maps()`] of one number per layer and epoch, [`scatters()`] of
//! predictions against targets, and [`ranks()`] of methods over data sets, as PNG or SVG.
//!
//! This module knows nothing of models or training. The font is part of the crate, so figures look the same on every machine; it covers
//! Latin, Greek and Cyrillic, and a PNG shows other letters as boxes. An SVG names the font; a viewer without it uses another sans-serif
//! font, fitted to the same lengths. The same data always give the same file.
//!
//! A PNG is drawn from the SVG with two pixels per unit of length; large figures have fewer, down to one. A file is written whole or not
//! at all, replacing an existing one, and folders are created as needed.

mod axis;
mod curves;
mod frame;
mod heat;
mod ranks;
mod scatter;
mod svg;

use crate::error::{Error, Result};
use std::ops::RangeInclusive as Range;
use std::path::Path;

const SPLIT: &str = "leave the file out, or split it into several";

/// One line of a [`CurvePanel`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The name in the legend; an empty one is left out of it. Curves with the same name in several panels share their colour, their line
    /// style and one legend entry.
    pub label: String,
    /// (x, y) in the order in which they are joined, in the units of the panel's axes. A value that is not finite (or not above 0 on a
    /// logarithmic axis) leaves a gap; a point between two gaps is a dot.
    pub points: Vec<(f64, f64)>,
    /// (low, high) at the x of each point, drawn as a translucent band, for example mean ± deviation over seeds. As many as there are
    /// points. Values that are not finite leave a gap; on a logarithmic axis a low end that is not above 0 runs to the axis' end.
    pub spread: Option<Vec<(f64, f64)>>,
}

/// Axes with curves: one part of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CurvePanel {
    /// Above the axes; may be empty.
    pub title: String,
    /// The quantity on the x axis, with its unit if it has one: `epoch`.
    pub x_label: String,
    /// The quantity on the y axis, with its unit if it has one: `cross-entropy`.
    pub y_label: String,
    /// The lines. At least one has a point.
    pub curves: Vec<Curve>,
    /// A logarithmic x axis: points must lie above 0 on it to be drawn.
    pub log_x: bool,
    /// A logarithmic y axis: values must be above 0 to be drawn.
    pub log_y: bool,
}

/// A table of numbers drawn as colours: one part of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Above the map; may be empty.
    pub title: String,
    /// What the columns are (they are numbered from 1): `epoch`.
    pub x_label: String,
    /// What the rows are: `layer`.
    pub y_label: String,
    /// The rows' names, the uppermost first.
    pub rows: Vec<String>,
    /// One list of equally many numbers per row, in the unit of the scale; those that are not finite are hatched in grey.
    pub values: Vec<Vec<f64>>,
}

/// Panels of dots side by side: one row of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScatterRow {
    /// The quantity on the x axis, with its unit if it has one: `reference (µg/m³)`.
    pub x_label: String,
    /// The quantity on the y axis, in the same unit: `predicted (µg/m³)`.
    pub y_label: String,
    /// The panels, from left to right.
    pub panels: Vec<Scatter>,
}

/// One panel of a [`ScatterRow`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scatter {
    /// Above the axes; may be empty.
    pub title: String,
    /// (x, y); points that are not finite are left out. At least one.
    pub points: Vec<(f64, f64)>,
}

/// Mean ranks of several methods over several data sets: one part of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RankDiagram {
    /// Above the line; may be empty.
    pub title: String,
    /// The methods' names with their mean ranks, 1 for the best, in any order. At least two.
    pub ranks: Vec<(String, f64)>,
    /// By how much the mean ranks of two methods must differ to count as different; `None` leaves the bars out.
    pub difference: Option<f64>,
}

/// Draws panels of curves side by side (up to three in a row, four as two rows of two) with one legend below, as `.png` or `.svg`.
///
/// Colours are Okabe and Ito's, which colour-blind readers can distinguish, and line styles differ too. A panel without drawable values
/// shows empty axes with a note. At most 24 panels.
///
/// ```no_run
/// use autorot::report::plot::{Curve, CurvePanel, curves};
///
/// let loss = Curve { label: "dense".into(), points: vec![(1.0, 2.3), (2.0, 1.1)], spread: None };
/// let (title, x_label, y_label) = ("Loss".into(), "epoch".into(), "cross-entropy".into());
/// let panel = CurvePanel { title, x_label, y_label, curves: vec![loss], log_y: true, ..CurvePanel::default() };
/// curves("loss.svg", &[panel])?;
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no panels or too many, for a panel without a single point and for a spread of another
/// length than its points; [`Error::Io`] if the file cannot be written.
pub fn curves(path: impl AsRef<Path>, panels: &[CurvePanel]) -> Result<()> {
    let path = path.as_ref();
    check(path.display(), panels.len(), "panels", 1..=24, SPLIT)?;
    for (k, panel) in panels.iter().enumerate() {
        let place = format!("{}, panel {k} {:?}", path.display(), panel.title);
        let points = panel.curves.iter().map(|c| c.points.len()).sum();
        check(&place, points, "points", 1..=usize::MAX, "give it points, or leave the panel out")?;
        for Curve { label, points, spread } in &panel.curves {
            let (ends, points) = (spread.as_ref().map_or(points.len(), Vec::len), points.len());
            let place = format!("{place}, the spread of curve {label:?}");
            check(place, ends, "entries", points..=points, "give one for each point, or none at all")?;
        }
    }
    curves::draw(panels).save(path)
}

/// Draws heat maps side by side (up to three in a row, four as two rows of two) on one colour scale, as `.png` or `.svg`.
///
/// The colours are viridis from the lowest to the highest finite value of all maps; `scale_label` names that quantity beside the colour
/// bar: `log₁₀ mean |gradient|`. A map is 290 units of length wide and at most 900 high; if it has more columns or rows than units, that
/// many of them are drawn, evenly spaced. At most 24 maps.
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no maps or too many, for a map without values, with rows of different lengths or with
/// another number of names than rows; [`Error::Io`] if the file cannot be written.
pub fn heat_maps(path: impl AsRef<Path>, maps: &[HeatMap], scale_label: &str) -> Result<()> {
    let path = path.as_ref();
    check(path.display(), maps.len(), "heat maps", 1..=24, SPLIT)?;
    for (k, map) in maps.iter().enumerate() {
        let place = format!("{}, heat map {k} {:?}", path.display(), map.title);
        let (rows, columns) = (map.values.len(), map.values.first().map_or(0, Vec::len));
        check(&place, columns, "values", 1..=usize::MAX, "give it values, or leave the map out")?;
        check(&place, map.rows.len(), "row names", rows..=rows, "name every row once")?;
        for (name, row) in map.rows.iter().zip(&map.values) {
            let remedy = "give as many as in the first row, NaN for those that are missing";
            check(format!("{place}, row {name:?}"), row.len(), "columns", columns..=columns, remedy)?;
        }
    }
    heat::draw(maps, scale_label).save(path)
}

/// Draws rows of square panels with dots, predictions against targets, as `.png` or `.svg`.
///
/// Both axes of all panels of a row share one range, and a dashed line marks y = x. Dots that coincide are darker. At most 24 panels in
/// all.
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no panels or too many, for a row without panels and for a panel without points;
/// [`Error::Io`] if the file cannot be written.
pub fn scatters(path: impl AsRef<Path>, rows: &[ScatterRow]) -> Result<()> {
    let path = path.as_ref();
    check(path.display(), rows.iter().map(|row| row.panels.len()).sum(), "panels", 1..=24, SPLIT)?;
    for (k, row) in rows.iter().enumerate() {
        let place = format!("{}, row {k} {:?}", path.display(), row.x_label);
        check(&place, row.panels.len(), "panels", 1..=usize::MAX, "give it panels, or leave the row out")?;
        for (k, Scatter { title, points }) in row.panels.iter().enumerate() {
            let place = format!("{place}, panel {k} {title:?}");
            check(place, points.len(), "points", 1..=usize::MAX, "give it points, or leave the panel out")?;
        }
    }
    scatter::draw(rows).save(path)
}

/// Draws critical difference diagrams (Demšar 2006) below each other, as `.png` or `.svg`: mean ranks on a line from the best at the left,
/// and bars over methods whose ranks differ by less than the critical difference. At most 24 diagrams.
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no diagrams or too many, for fewer than two methods, for a rank that is not between 1 and
/// their number, and for a difference that is not above 0; [`Error::Io`] if the file cannot be written.
pub fn ranks(path: impl AsRef<Path>, diagrams: &[RankDiagram]) -> Result<()> {
    let path = path.as_ref();
    check(path.display(), diagrams.len(), "diagrams", 1..=24, SPLIT)?;
    for (k, RankDiagram { title, ranks, difference }) in diagrams.iter().enumerate() {
        let place = format!("{}, diagram {k} {title:?}", path.display());
        check(&place, ranks.len(), "methods", 2..=usize::MAX, "give it two, or leave the diagram out")?;
        let most = ranks.len() as f64;
        if let Some((name, rank)) = ranks.iter().find(|(_, rank)| !(1.0..=most).contains(rank)) {
            let expected = format!("1 to {most}, the number of methods");
            return Err(Error::invalid(
                place,
                format!("rank {rank} of {name:?}"),
                expected,
                "give mean ranks",
            ));
        }
        if let Some(found) = difference.filter(|difference| difference.is_nan() || *difference <= 0.0) {
            let found = format!("a critical difference of {found}");
            return Err(Error::invalid(place, found, "one above 0", "leave it out if there is none"));
        }
    }
    ranks::draw(diagrams).save(path)
}

/// Refuses a number that is not in the allowed range.
fn check(place: impl ToString, found: usize, what: &str, allowed: Range<usize>, remedy: &str) -> Result<()> {
    let expected = match (*allowed.start(), *allowed.end()) {
        _ if allowed.contains(&found) => return Ok(()),
        (low, usize::MAX) => format!("at least {low}"),
        (low, high) if low == high => low.to_string(),
        (low, high) => format!("{low} to {high}"),
    };
    Err(Error::invalid(place, format!("{found} {what}"), expected, remedy))
}

/// How many panels are side by side.
fn columns(count: usize) -> usize {
    if count == 4 { 2 } else { count.min(3) }
}

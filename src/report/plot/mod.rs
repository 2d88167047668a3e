//! Figures from plain numbers: [`curves()`] over training, [`heat_maps()`] of one number per layer and
//! epoch, and [`scatters()`] of predictions against what they should be, as PNG or SVG.
//!
//! Nothing here knows of models or training. The font is part of the crate, so figures look the same on every
//! machine; it covers Latin, Greek and Cyrillic. An SVG names the font; a viewer without it takes another
//! sans-serif, fitted to the same lengths. The same data always give the same file.

mod axis;
mod canvas;
mod curves;
mod frame;
mod heat;
mod scatter;
mod text;

use std::path::Path;

use crate::error::{Error, Result};
use canvas::Format;

/// The most panels or maps in one file.
const MOST_PANELS: usize = 24;

/// One line of a [`CurvePanel`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The name in the legend; an empty one is left out of it. Curves of equal name in several panels share
    /// their colour, their line style and one entry of the legend.
    pub label: String,
    /// (x, y) in the order in which they are joined, in the units of the panel's axes. A value that is not
    /// finite (or not above 0 on a logarithmic axis) leaves a gap; a point between two gaps is a dot.
    pub points: Vec<(f64, f64)>,
    /// (low, high) at the x of each point, drawn as a translucent band: mean ± deviation over seeds, say. As
    /// many as there are points. Values that are not finite leave a gap; on a logarithmic axis a low end that
    /// is not above 0 runs to the axis' end.
    pub spread: Option<Vec<(f64, f64)>>,
}

/// Axes with curves: one part of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CurvePanel {
    /// Above the axes; may be empty.
    pub title: String,
    /// What runs to the right, with its unit if it has one: `epoch`.
    pub x_label: String,
    /// What runs upwards, with its unit if it has one: `cross-entropy`.
    pub y_label: String,
    /// The lines. At least one has a point.
    pub curves: Vec<Curve>,
    /// A logarithmic y axis: values must be above 0 to be drawn.
    pub log_y: bool,
}

/// A table of numbers drawn as colours: one part of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Above the map; may be empty.
    pub title: String,
    /// What the columns are; they are numbered from 1: `epoch`.
    pub x_label: String,
    /// What the rows are: `layer`.
    pub y_label: String,
    /// The rows' names, the uppermost first.
    pub rows: Vec<String>,
    /// One list of equally many numbers for each row, in the unit of the scale; those that are not finite are
    /// hatched in grey.
    pub values: Vec<Vec<f64>>,
}

/// Panels of dots side by side: one row of a figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScatterRow {
    /// What runs to the right, with its unit if it has one: `reference (µg/m³)`.
    pub x_label: String,
    /// What runs upwards, in the same unit: `predicted (µg/m³)`.
    pub y_label: String,
    /// The panels, from left to right.
    pub panels: Vec<Scatter>,
}

/// One panel of a [`ScatterRow`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scatter {
    /// Above the axes; may be empty.
    pub title: String,
    /// (x, y); those that are not finite are left out. At least one.
    pub points: Vec<(f64, f64)>,
}

/// Draws panels of curves side by side (up to three in a row, four as two rows of two) with one legend below,
/// and writes them to `path` (`.png` or `.svg`), creating folders as needed. An existing file is replaced.
///
/// Colours are Okabe and Ito's, which colour-blind readers can tell apart, and line styles differ too. A panel
/// none of whose values can be drawn shows empty axes and says so. At most 24 panels.
///
/// ```no_run
/// use autorot::report::plot::{Curve, CurvePanel, curves};
///
/// let loss = Curve { label: "dense".into(), points: vec![(1.0, 2.3), (2.0, 1.1)], spread: None };
/// let panel = CurvePanel {
///     title: "Loss".into(),
///     x_label: "epoch".into(),
///     y_label: "cross-entropy".into(),
///     curves: vec![loss],
///     log_y: true,
/// };
/// curves("loss.svg", &[panel])?;
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no panels or too many, for a panel without a single point and
/// for a spread of another length than its points; [`Error::Io`] where the file cannot be written. After an
/// error there is no partial file.
pub fn curves(path: impl AsRef<Path>, panels: &[CurvePanel]) -> Result<()> {
    let path = path.as_ref();
    let format = Format::of(path)?;
    check_count(path, panels.len(), "panel")?;
    for (k, panel) in panels.iter().enumerate() {
        let place = format!("{}, panel {k} {:?}", path.display(), panel.title);
        if panel.curves.iter().all(|c| c.points.is_empty()) {
            let remedy = "give at least one of its curves points, or leave the panel out";
            return Err(Error::invalid(place, "no points", "at least one", remedy));
        }
        for curve in &panel.curves {
            let Some(spread) = curve.spread.as_ref().filter(|s| s.len() != curve.points.len()) else {
                continue;
            };
            return Err(Error::invalid(
                format!("{place}, curve {:?}", curve.label),
                format!("a spread of {} entries", spread.len()),
                format!("one for each of its {} points", curve.points.len()),
                "give as many or none at all",
            ));
        }
    }
    canvas::save(path, format, &curves::Curves::new(panels))
}

/// Draws heat maps side by side (up to three in a row, four as two rows of two) on one common colour scale,
/// and writes them to `path` (`.png` or `.svg`), creating folders as needed. An existing file is replaced.
///
/// The colours are viridis from the lowest to the highest finite value of all maps; `scale_label` names that
/// quantity beside the colour bar: `log₁₀ mean |gradient|`. At most 24 maps.
///
/// ```no_run
/// use autorot::report::plot::{HeatMap, heat_maps};
///
/// let map = HeatMap {
///     title: "Dense".into(),
///     x_label: "epoch".into(),
///     y_label: "layer".into(),
///     rows: vec!["0.dense".into(), "1.dense".into()],
///     values: vec![vec![-2.0, -2.5, -2.75], vec![-1.5, -2.0, -2.5]],
/// };
/// heat_maps("gradients.png", &[map], "log₁₀ mean |gradient|")?;
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no maps or too many, for a map without values, with rows of
/// different lengths or with another number of names than rows; [`Error::Io`] where the file cannot be written.
/// After an error there is no partial file.
pub fn heat_maps(path: impl AsRef<Path>, maps: &[HeatMap], scale_label: &str) -> Result<()> {
    let path = path.as_ref();
    let format = Format::of(path)?;
    check_count(path, maps.len(), "heat map")?;
    for (k, map) in maps.iter().enumerate() {
        let place = format!("{}, heat map {k} {:?}", path.display(), map.title);
        let columns = map.values.first().map_or(0, Vec::len);
        if columns == 0 {
            let remedy = "give it values, or leave the map out";
            return Err(Error::invalid(place, "no values", "at least one row and one column", remedy));
        }
        if map.rows.len() != map.values.len() {
            let (names, rows) = (map.rows.len(), map.values.len());
            let remedy = "name every row once";
            return Err(Error::invalid(place, format!("{names} row names"), format!("{rows}"), remedy));
        }
        if let Some(row) = map.values.iter().position(|row| row.len() != columns) {
            return Err(Error::invalid(
                format!("{place}, row {row} {:?}", map.rows[row]),
                format!("{} columns", map.values[row].len()),
                format!("{columns} as in row 0"),
                "fill what is missing with NaN, which is drawn hatched",
            ));
        }
    }
    canvas::save(path, format, &heat::HeatMaps::new(maps, scale_label))
}

/// Draws rows of square panels with dots, predictions against what they should be, and writes them to `path` (`.png` or
/// `.svg`), creating folders as needed. An existing file is replaced.
///
/// Both axes of all panels of a row have one common range, and a dashed line marks where y = x. Dots that coincide
/// are darker. At most 24 panels in all.
///
/// ```no_run
/// use autorot::report::plot::{Scatter, ScatterRow, scatters};
///
/// let panel = Scatter { title: "classic".into(), points: vec![(1.0, 1.2), (2.0, 1.9)] };
/// let row = ScatterRow {
///     x_label: "reference (mg/m³)".into(),
///     y_label: "predicted (mg/m³)".into(),
///     panels: vec![panel],
/// };
/// scatters("scatter.svg", &[row])?;
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for another extension, for no panels or too many, for a row without panels and for a panel
/// without points; [`Error::Io`] where the file cannot be written. After an error there is no partial file.
pub fn scatters(path: impl AsRef<Path>, rows: &[ScatterRow]) -> Result<()> {
    let path = path.as_ref();
    let format = Format::of(path)?;
    check_count(path, rows.iter().map(|r| r.panels.len()).sum(), "panel")?;
    for (k, row) in rows.iter().enumerate() {
        let place = format!("{}, row {k} {:?}", path.display(), row.x_label);
        if row.panels.is_empty() {
            return Err(Error::invalid(place, "no panels", "at least one", "leave the row out"));
        }
        if let Some(panel) = row.panels.iter().position(|p| p.points.is_empty()) {
            let place = format!("{place}, panel {panel} {:?}", row.panels[panel].title);
            let remedy = "give it points, or leave the panel out";
            return Err(Error::invalid(place, "no points", "at least one", remedy));
        }
    }
    canvas::save(path, format, &scatter::Scatters::new(rows))
}

fn check_count(path: &Path, count: usize, what: &str) -> Result<()> {
    if (1..=MOST_PANELS).contains(&count) {
        return Ok(());
    }
    let expected = format!("1 to {MOST_PANELS}");
    Err(Error::invalid(path.display(), format!("{count} {what}s"), expected, "split them over several files"))
}

/// How many panels stand side by side.
fn columns(count: usize) -> usize {
    match count {
        0..=3 => count,
        4 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;

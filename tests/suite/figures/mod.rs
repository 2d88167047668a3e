//! Figures, read from their SVG: every curve, dot and cell lies where the ticks beside it say, in its colour and its order.

mod odd;
#[cfg(feature = "images")]
mod pixels;
mod ranks;
mod svg;

use crate::common::as_it_was;
use autorot::History;
use autorot::report::plot::{
    Curve, CurvePanel, HeatMap, RankDiagram, Scatter, ScatterRow, curves, heat_maps, ranks, scatters,
};
use autorot::train::Epoch;
use svg::{Entry, all_lies_inside, definitions, elements, read, size};

fn curve(label: &str, points: &[(f64, f64)]) -> Curve {
    Curve { label: label.into(), points: points.to_vec(), spread: None }
}

fn panel(title: &str, curves: Vec<Curve>) -> CurvePanel {
    let (title, x_label, y_label) = (title.into(), "epoch".into(), "loss".into());
    CurvePanel { title, x_label, y_label, curves, ..CurvePanel::default() }
}

/// Okabe and Ito's blue and vermilion, and their bluish green.
const COLOURS: [&str; 3] = ["#0072B2", "#D55E00", "#009E73"];
/// With the dashes that go with them.
const STYLES: [(&str, &str); 3] = [(COLOURS[0], "none"), (COLOURS[1], "7 3"), (COLOURS[2], "8 3 2 3")];

/// A legend has these names, each with its style.
#[track_caller]
fn legend_is(legend: &[Entry], names: &[&str]) {
    let wanted: Vec<_> = STYLES.iter().zip(names).map(|(style, name)| (style.0, style.1, *name)).collect();
    let found: Vec<_> = legend.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(found, wanted);
}

#[test]
fn curves_lie_where_the_ticks_say_in_their_colours_and_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    let (a, b) = ([(1.0, 2.5), (2.0, 1.25), (4.0, 0.5)], [(1.0, 1.0), (3.0, -0.75), (4.0, 2.0)]);
    let c = [(10.0, 0.03), (20.0, 0.01), (30.0, 0.07)];
    let left = panel("left", vec![curve("a", &a), curve("b", &b)]);
    let right = panel("right", vec![curve("c", &c), curve("a", &c[..2])]);
    curves(&path, &[left, right]).unwrap();
    let (panels, legend) = read(&path);
    assert_eq!(panels.len(), 2);
    legend_is(&legend, &["a", "b", "c"]);
    for (panel, title) in panels.iter().zip(["left", "right"]) {
        assert_eq!(panel.texts[..3], [title, "epoch", "loss"]);
        assert!(panel.x.len() >= 2 && panel.y.len() >= 3);
        // Upwards is more, and to the right, too.
        assert!(panel.x.windows(2).all(|t| t[0].0 < t[1].0 && t[0].1 < t[1].1), "{:?}", panel.x);
        assert!(panel.y.windows(2).all(|t| t[0].0 > t[1].0 && t[0].1 < t[1].1), "{:?}", panel.y);
    }
    assert!(panels[0].edges[2] < panels[1].edges[0], "side by side in their order");
    panels[0].curve(0, STYLES[0], &a);
    panels[0].curve(1, STYLES[1], &b);
    // What comes later is drawn over what comes before.
    panels[1].curve(0, STYLES[2], &c);
    panels[1].curve(1, STYLES[0], &c[..2]);
}

#[test]
fn logarithmic_axes_bands_and_gaps_lie_where_the_ticks_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    let points = [(1.0, 1e-3), (2.0, 2e-2), (3.0, 0.5)];
    let spread = vec![(5e-4, 2e-3), (1e-2, 4e-2), (0.25, 1.0)];
    let logarithmic = CurvePanel {
        log_y: true,
        ..panel("log", vec![Curve { spread: Some(spread.clone()), ..curve("a", &points) }])
    };
    let broken = [(1.0, 3.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 2.0)];
    curves(&path, &[logarithmic, panel("broken", vec![curve("a", &broken)])]).unwrap();
    let (panels, _) = read(&path);
    let log = |(x, y): (f64, f64)| (x, y.log10());
    assert!(panels[0].y.iter().all(|tick| tick.1 <= 0.0 && tick.1.fract() == 0.0), "{:?}", panels[0].y);
    panels[0].curve(0, STYLES[0], &points.map(log));
    // There along the upper ends, back along the lower ones.
    let (colour, band) = &panels[0].bands[0];
    let upper = points.iter().zip(&spread).map(|(p, s)| log((p.0, s.1)));
    let lower = points.iter().zip(&spread).rev().map(|(p, s)| log((p.0, s.0)));
    assert_eq!((colour.as_str(), band.len()), (COLOURS[0], 6));
    band.iter().zip(upper.chain(lower)).for_each(|(&place, point)| panels[0].near(place, point));
    // A point between two gaps is a dot, what lies behind a gap a line of its own.
    assert_eq!((panels[1].dots.len(), panels[1].lines.len()), (1, 1));
    panels[1].near(panels[1].dots[0].1, broken[0]);
    panels[1].curve(0, STYLES[0], &broken[2..]);
}

#[test]
fn a_logarithmic_x_axis_says_where_its_curves_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    let log_x = |title: &str, curve: Curve| CurvePanel { log_x: true, ..panel(title, vec![curve]) };
    // Whole numbers: ticks at 1, 2 and 5 times powers of ten.
    let depths = [(5.0, 0.75), (20.0, 0.5), (100.0, 0.25)];
    let spread = vec![(0.5, 1.0), (0.25, 0.75), (0.0, 0.5)];
    let banded = Curve { spread: Some(spread.clone()), ..curve("a", &depths) };
    // Below 1 and over many decades: powers of ten, with their exponents beside them.
    let rates = [(1e-4, 1e-3), (3e-3, 1.0), (0.5, 10.0)];
    let both = CurvePanel { log_y: true, ..log_x("rates", curve("a", &rates)) };
    // Within a decade ordinary numbers; a point at 0 leaves a gap.
    let few = [(0.3, 1.0), (0.0, 2.0), (0.4, 3.0), (0.5, 1.0)];
    curves(&path, &[log_x("depths", banded), both, log_x("few", curve("a", &few))]).unwrap();
    let (mut panels, _) = read(&path);
    assert_eq!(panels[0].labels[0], ["5", "10", "20", "50", "100"]);
    assert_eq!(panels[1].labels[0], ["10", "10", "10", "10"]);
    assert_eq!(panels[1].x.iter().map(|tick| tick.1).collect::<Vec<_>>(), [-4.0, -3.0, -2.0, -1.0]);
    assert_eq!(panels[2].labels[0][..2], ["0.30", "0.35"]);
    for number in [0, 2] {
        panels[number].x.iter_mut().for_each(|tick| tick.1 = tick.1.log10());
    }
    let log = |(x, y): (f64, f64)| (x.log10(), y);
    panels[0].curve(0, STYLES[0], &depths.map(log));
    let upper = depths.iter().zip(&spread).map(|(p, s)| log((p.0, s.1)));
    let lower = depths.iter().zip(&spread).rev().map(|(p, s)| log((p.0, s.0)));
    let band = &panels[0].bands[0].1;
    assert_eq!(band.len(), 6);
    band.iter().zip(upper.chain(lower)).for_each(|(&place, point)| panels[0].near(place, point));
    panels[1].curve(0, STYLES[0], &rates.map(|(x, y)| (x.log10(), y.log10())));
    assert_eq!((panels[2].dots.len(), panels[2].lines.len()), (1, 1));
    panels[2].near(panels[2].dots[0].1, log(few[0]));
    panels[2].curve(0, STYLES[0], &[log(few[2]), log(few[3])]);
}

#[test]
fn a_history_is_drawn_with_training_before_validation_and_a_panel_a_metric() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.svg");
    let epoch = |number: usize, by: f64| Epoch {
        epoch: number,
        train_loss: by + 2.0,
        train_metrics: vec![by + 0.125, by + 0.25],
        val_loss: Some(by + 3.0),
        val_metrics: vec![by + 0.625, by + 0.875],
        learning_rate: 0.1,
        seconds: 1.0,
        host_seconds: 1.0,
        steps: 1,
        samples_per_second: 1.0,
    };
    let history = History {
        metrics: vec!["accuracy".into(), "r2".into()],
        epochs: vec![epoch(1, 0.0), epoch(2, 0.5), epoch(3, -0.25)],
        ..History::default()
    };
    history.plot(&path).unwrap();
    let (panels, legend) = read(&path);
    let titles: Vec<_> = panels.iter().map(|panel| panel.texts[0].as_str()).collect();
    assert_eq!(titles, ["loss", "accuracy", "r2"]);
    legend_is(&legend, &["training", "validation"]);
    for (panel, (train, validation)) in panels.iter().zip([(2.0, 3.0), (0.125, 0.625), (0.25, 0.875)]) {
        let through = |by: f64| [(1.0, by), (2.0, by + 0.5), (3.0, by - 0.25)];
        panel.curve(0, STYLES[0], &through(train));
        panel.curve(1, STYLES[1], &through(validation));
    }
}

#[test]
fn dots_of_a_row_lie_where_the_one_axis_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scatter.svg");
    let points = [vec![(1.0, 2.0), (4.0, 3.5)], vec![(2.5, 0.5), (8.0, 9.5)]];
    let row = |points: &[Vec<(f64, f64)>]| ScatterRow {
        x_label: "x".into(),
        y_label: "y".into(),
        panels: points.iter().map(|p| Scatter { title: "t".into(), points: p.clone() }).collect(),
    };
    // The second row is shorter.
    scatters(&path, &[row(&points), row(&points[..1])]).unwrap();
    all_lies_inside(&elements(&path));
    scatters(&path, &[row(&points)]).unwrap();
    let (mut panels, _) = read(&path);
    // The second panel's y axis is the first one's, and its x axis has the same numbers.
    panels[1].y = panels[0].y.clone();
    let [first, second] = [0, 1].map(|i| panels[i].x.iter().map(|tick| tick.1).collect::<Vec<_>>());
    assert_eq!(first, second);
    assert_eq!(first, panels[0].y.iter().map(|tick| tick.1).collect::<Vec<_>>());
    for (panel, points) in panels.iter().zip(&points) {
        assert_eq!(panel.dots.len(), 2);
        for (x, y) in points {
            // Dots are put on a grid of one unit.
            let near = |(_, place): &(String, (f64, f64))| {
                let (found, unit) =
                    (panel.at(*place), 0.6 * ((panel.x[1].1 - panel.x[0].1) / (panel.x[1].0 - panel.x[0].0)));
                (found.0 - x).abs() < unit && (found.1 - y).abs() < unit
            };
            assert!(panel.dots.iter().any(near), "{x}, {y}: {:?}", panel.dots);
        }
    }
}

/// Red, green and blue.
fn rgb(text: &str) -> [i32; 3] {
    [1, 3, 5].map(|i| i32::from_str_radix(&text[i..i + 2], 16).unwrap())
}

/// The largest difference of two colours.
fn far(a: [i32; 3], b: [i32; 3]) -> i32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).max().unwrap()
}

/// matplotlib's viridis at a number of quarters.
fn viridis(quarters: usize) -> Option<[i32; 3]> {
    Some(rgb(["#440154", "#3B528B", "#21918C", "#5EC962", "#FDE725"][quarters]))
}

#[test]
fn cells_have_their_place_and_the_colour_of_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.svg");
    let map = HeatMap {
        title: "t".into(),
        x_label: "epoch".into(),
        y_label: "layer".into(),
        rows: vec!["upper".into(), "lower".into()],
        values: vec![vec![-2.0, 0.0, 2.0], vec![1.0, f64::NAN, -1.0]],
    };
    heat_maps(&path, &[map], "scale").unwrap();
    let all = elements(&path);
    all_lies_inside(&all);
    let frame = all.iter().find(|e| e.name == "rect" && e.text("fill") == "none").unwrap();
    let [(left, top), (right, bottom)] = frame.corners();
    // matplotlib's viridis at 0, ¼, ½, ¾ and 1; missing ones are hatched.
    let wanted = [
        ((0, 0), viridis(0)),
        ((0, 1), viridis(2)),
        ((0, 2), viridis(4)),
        ((1, 0), viridis(3)),
        ((1, 1), None),
        ((1, 2), viridis(1)),
    ];
    let mut left_over = wanted.to_vec();
    for cell in all.iter().filter(|e| e.name == "path") {
        let [from, to] = cell.points()[..] else { panic!("all have their own colour: {:?}", cell.points()) };
        let place = (
            ((from.1 - top) / (bottom - top) * 2.0).round(),
            ((from.0 - left) / (right - left) * 3.0).round(),
        );
        let size = ((to.0 - from.0) / (right - left) * 3.0, (to.1 - from.1) / (bottom - top) * 2.0);
        assert!((size.0 - 1.0).abs() < 1e-3 && (size.1 - 1.0).abs() < 1e-3, "{size:?}");
        let found = left_over.iter().position(|(at, _)| (at.0 as f64, at.1 as f64) == place).unwrap();
        match left_over.remove(found).1 {
            None => assert_eq!(cell.text("fill"), "url(#missing)"),
            Some(colour) => {
                assert!(far(rgb(cell.text("fill")), colour) <= 6, "{place:?}: {}", cell.text("fill"))
            }
        }
    }
    assert!(left_over.is_empty(), "{left_over:?}");
    // The bar on the right goes upwards through ten colours at equal distances.
    let bar = all.iter().find(|e| e.text("fill") == "url(#viridis)").unwrap().corners();
    assert!(bar[0].0 > right && (bar[0].1, bar[1].1) == (top, bottom), "{bar:?}");
    let definitions = definitions(&path);
    let gradient = definitions.iter().find(|e| e.text("id") == "viridis").unwrap();
    assert!(gradient.number("x1") == gradient.number("x2") && gradient.number("y1") > gradient.number("y2"));
    let stops: Vec<_> = definitions.iter().filter(|e| e.name == "stop").collect();
    let (first, last) = (rgb(stops[0].text("stop-color")), rgb(stops[9].text("stop-color")));
    assert_eq!((stops.len(), Some(first), Some(last)), (10, viridis(0), viridis(4)));
    for (k, stop) in stops.iter().enumerate() {
        assert!((stop.number("offset") - k as f64 / 9.0).abs() < 1e-9, "{}", stop.text("offset"));
    }
    // What is hatched is told below the bar.
    let key = all.iter().rfind(|e| e.text("fill") == "url(#missing)" && e.name == "rect").unwrap().corners();
    assert!(key[0].0 == bar[0].0 && key[0].1 > bottom, "{key:?}");
    // The rows' names stand beside them, the columns are numbered from 1.
    let text = |label: &str| all.iter().find(|e| e.name == "text" && e.content == label).unwrap();
    assert!(text("upper").number("y") < text("lower").number("y"));
    assert!(text("1").number("x") < text("3").number("x"));
    assert!((text("1").number("x") - (left + (right - left) / 6.0)).abs() < 0.02);
    assert!((text("not finite").number("x") - key[1].0 - 6.0).abs() < 0.02);
}

#[test]
fn a_legends_rows_lie_below_the_axes_and_inside_the_figure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    let labels: Vec<String> = (0..9).map(|i| format!("a curve with a label of some length, {i}")).collect();
    let points = [(0.0, 1.0), (1.0, 2.0)];
    let all = labels.iter().map(|label| curve(label, &points)).collect();
    curves(&path, &[panel("one", all)]).unwrap();
    let elements = elements(&path);
    all_lies_inside(&elements);
    let (_, height) = size(&elements);
    let place = |text: &str| {
        let element = elements.iter().find(|e| e.name == "text" && e.content == text);
        let element = element.unwrap_or_else(|| panic!("no {text:?}"));
        (element.number("x"), element.number("y"))
    };
    let below = place("epoch").1;
    let entries: Vec<(f64, f64)> = labels.iter().map(|label| place(label)).collect();
    for &(x, y) in &entries {
        assert!(y > below + 4.0, "{x}, {y}: the axes end at {below}");
    }
    // Several rows, one below the other, equally far apart, and the last as far from the edge as half of that.
    let mut rows: Vec<f64> = entries.iter().map(|entry| entry.1).collect();
    rows.dedup();
    assert!(rows.len() > 2, "{rows:?}");
    let apart = rows[1] - rows[0];
    assert!(apart > 10.0 && rows.windows(2).all(|pair| (pair[1] - pair[0] - apart).abs() < 0.02), "{rows:?}");
    assert!(height - rows[rows.len() - 1] < 2.5 * apart, "{rows:?} of {height}");
}

/// All kinds of figures with all that may be in them, as they were looked at.
#[test]
fn figures_look_as_they_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let wave = |scale: f64| -> Vec<(f64, f64)> {
        (0..30).map(|i| (f64::from(i), scale * (1.5 + (f64::from(i) * 0.4).sin()))).collect()
    };
    let banded = |label: &str, points: Vec<(f64, f64)>| {
        let spread = points.iter().map(|&(_, y)| (0.8 * y, 1.3 * y)).collect();
        Curve { label: label.into(), points, spread: Some(spread) }
    };
    let log = |title: &str, curves| CurvePanel { log_y: true, ..panel(title, curves) };
    let broken = vec![(0.0, 3.0), (1.0, f64::NAN), (2.0, 1.0), (3.0, 2.0), (40.0, f64::INFINITY)];
    let long = "a label that is longer than there is room for under the axes that it belongs to";
    let rows = [
        vec![
            panel("linear", vec![curve("a", &wave(1.0)), banded("b", wave(-2.0)), curve(long, &broken)]),
            log("two decades", vec![curve("a", &[(1.0, 0.9), (2.0, 11.0)])]),
            log("less than a decade", vec![curve("a", &[(1.0, 0.31), (2.0, 0.52)])]),
        ],
        vec![
            log(
                &format!("many decades and {long}"),
                vec![banded("a", wave(1.0)), curve(&long.repeat(4), &[(0.0, 1e-9), (29.0, 1e8)])],
            ),
            CurvePanel {
                x_label: long.into(),
                y_label: long.into(),
                ..panel("", vec![curve("one point", &[(2.0, 2.0)])])
            },
        ],
    ];
    for (panels, name) in rows.iter().zip(["curves", "logarithmic"]) {
        for kind in ["svg", "png"] {
            curves(path(&format!("{name}.{kind}")), panels).unwrap();
        }
    }
    let values = |rows: usize, columns: usize| -> Vec<Vec<f64>> {
        let value = |r: usize, c: usize| (r as f64 - 2.0) * (c as f64 - 1.0) / 3.0;
        (0..rows).map(|r| (0..columns).map(|c| value(r, c)).collect()).collect()
    };
    let map = |title: &str, values: Vec<Vec<f64>>| HeatMap {
        title: title.into(),
        x_label: "epoch".into(),
        y_label: "layer".into(),
        rows: (0..values.len()).map(|row| format!("{row}.dense")).collect(),
        values,
    };
    let mut gaps = values(3, 4);
    (gaps[0][1], gaps[1][2], gaps[2][3]) = (f64::NAN, f64::NEG_INFINITY, f64::INFINITY);
    let maps = [
        map("gaps", gaps),
        map(long, values(14, 12)),
        map("one", vec![vec![5.0]]),
        map("next", values(2, 2)),
    ];
    let dots = |title: &str, n: i32| Scatter {
        title: title.into(),
        points: (0..n).map(|i| (f64::from(i * 7 % 11), f64::from(i * 5 % 13) - 4.0)).collect(),
    };
    let row = |panels| ScatterRow { x_label: "reference".into(), y_label: long.into(), panels };
    let scattered = [row(vec![dots("all", 40), dots(long, 3)]), row(vec![dots("second", 5)])];
    for kind in ["svg", "png"] {
        heat_maps(path(&format!("maps.{kind}")), &maps, "log10 |g|").unwrap();
        scatters(path(&format!("scatter.{kind}")), &scattered).unwrap();
        heat_maps(path(&format!("whole.{kind}")), &[map("", values(2, 3))], "").unwrap();
    }
    let named = [("AR, L learnt per unit", 1.75), (long, 2.5), ("classic", 3.0), ("ReLU", 3.25), ("BN", 4.5)];
    let means = named.map(|(name, rank)| (name.to_owned(), rank)).to_vec();
    let ranked = |title: &str, difference, ranks| RankDiagram { title: title.into(), ranks, difference };
    let diagrams = [
        ranked("all", Some(1.5), means.clone()),
        ranked("", None, means[..1].iter().chain(&means[..1]).cloned().collect()),
    ];
    for kind in ["svg", "png"] {
        ranks(path(&format!("ranks.{kind}")), &diagrams).unwrap();
    }
    for name in ["curves", "logarithmic", "maps", "whole", "scatter", "ranks"] {
        let svg = std::fs::read_to_string(path(&format!("{name}.svg"))).unwrap();
        // A line an element, so that a difference is one line.
        as_it_was(&format!("figures/{name}.svg"), &svg);
        #[cfg(feature = "images")]
        as_it_was(&format!("figures/{name}.txt"), &pixels::ink(&path(&format!("{name}.png"))));
    }
}

//! Figures of odd data and with odd names, ranges of all sizes, and what is refused.

use super::svg::{all_lies_inside, elements, read, size};
use super::{curve, panel};
use autorot::Error;
use autorot::report::plot::{
    Curve, CurvePanel, HeatMap, RankDiagram, Scatter, ScatterRow, curves, heat_maps, ranks, scatters,
};
use std::path::Path;

const NAN: f64 = f64::NAN;
const INFINITE: f64 = f64::INFINITY;

fn map(values: Vec<Vec<f64>>) -> HeatMap {
    let rows = (0..values.len()).map(|k| format!("{k}.dense")).collect();
    HeatMap { title: "Gradients".into(), x_label: "epoch".into(), y_label: "layer".into(), rows, values }
}

fn row(points: Vec<(f64, f64)>) -> ScatterRow {
    let panels = vec![Scatter { title: "AR <1>".into(), points }];
    ScatterRow { x_label: "reference".into(), y_label: "predicted".into(), panels }
}

fn ranked(means: &[f64], difference: Option<f64>) -> RankDiagram {
    let ranks = means.iter().enumerate().map(|(k, &rank)| (k.to_string(), rank)).collect();
    RankDiagram { title: "Ranks".into(), ranks, difference }
}

/// Draws with both endings; the SVG is whole, and the PNG has two pixels for its unit of length, fewer where it is large.
#[track_caller]
fn drawn(path: &Path, draw: &dyn Fn(&Path) -> autorot::Result<()>) {
    let (svg, png) = (path.with_extension("svg"), path.with_extension("png"));
    draw(&svg).unwrap();
    draw(&png).unwrap();
    let elements = elements(&svg);
    all_lies_inside(&elements);
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" ") && text.ends_with("</svg>\n"));
    assert!(!text.contains("NaN") && !text.contains("inf\"") && !text.contains("inf,"), "{text}");
    let (width, height) = size(&elements);
    // Both sizes stand at the beginning of a PNG.
    let bytes = std::fs::read(&png).unwrap();
    let number = |at: usize| f64::from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()));
    let scale = if width * height < 0.8e6 {
        2.0
    } else if width * height < 2e6 {
        1.5
    } else {
        1.0
    };
    assert_eq!((number(16), number(20)), ((width * scale).ceil(), (height * scale).ceil()));
    assert!(bytes.len() < 1_000_000, "{} bytes", bytes.len());
}

fn odd_points() -> Vec<Vec<(f64, f64)>> {
    vec![
        vec![(3.0, 0.25)],
        vec![(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)],
        vec![(0.0, 0.0), (1.0, 0.0)],
        vec![(5.0, 5.0), (5.0, 5.0)],
        vec![(0.0, NAN), (NAN, 1.0), (INFINITE, 2.0)],
        vec![(0.0, 1.0), (1.0, NAN), (2.0, 3.0), (3.0, -INFINITE), (4.0, 1.0), (5.0, 2.0)],
        vec![(0.0, -f64::MAX), (1.0, f64::MAX), (f64::MAX, 0.0)],
        vec![(-1e300, -1e300), (1e300, 1e300)],
        vec![(1e6, 5e-324), (1e6 + 1e-3, 1e-320)],
        vec![(2.0, 1.0), (1.0, 2.0), (1.5, -1.0)],
        (0..300).map(|k| (f64::from(k), f64::from(k % 7) - 3.0)).collect(),
    ]
}

#[test]
fn odd_numbers_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (log_x, log_y) in [(false, false), (false, true), (true, true)] {
        let odd = |points: Vec<(f64, f64)>| {
            let spread = points.iter().map(|p| (p.1 - 1.0, p.1 + 1.0)).collect();
            let banded = Curve { spread: Some(spread), ..curve("", &points) };
            CurvePanel { log_x, log_y, ..panel("", vec![curve("a", &points), banded, Curve::default()]) }
        };
        for (k, points) in odd_points().into_iter().enumerate() {
            drawn(&path(&format!("curves {k}")), &|path| curves(path, &[odd(points.clone())]));
        }
        let panels: Vec<_> = odd_points().into_iter().map(odd).collect();
        drawn(&path("curves"), &|path| curves(path, &panels));
    }
    for (k, points) in odd_points().into_iter().enumerate() {
        drawn(&path(&format!("scatter {k}")), &|path| scatters(path, &[row(points.clone())]));
    }
    let rows: Vec<_> = odd_points().into_iter().map(row).collect();
    drawn(&path("scatter"), &|path| scatters(path, &rows));
    let values = [vec![vec![NAN]], vec![vec![0.0; 3]; 2], vec![vec![f64::MAX, 5e-324, -f64::MAX, INFINITE]]];
    for values in &values {
        drawn(&path("map"), &|path| heat_maps(path, &[map(values.clone())], ""));
    }
    drawn(&path("maps"), &|path| heat_maps(path, &values.clone().map(map), "x"));
}

#[test]
fn what_cannot_be_seen_takes_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figure.svg");
    let small = || std::fs::metadata(&path).unwrap().len() < 100_000;
    let points: Vec<_> = (0..200_000).map(|k| (f64::from(k), f64::from(k % 7))).collect();
    let spread = points.iter().map(|p| (p.1 - 1.0, p.1 + 1.0)).collect();
    let dense = Curve { spread: Some(spread), ..curve("dense", &points) };
    curves(&path, &[panel("dense", vec![dense])]).unwrap();
    assert!(small());
    // Up and down between its ends in every column, as its band does between its own.
    let (panels, _) = read(&path);
    let span = |points: &[(f64, f64)]| {
        let heights = || points.iter().map(|p| panels[0].at(*p).1);
        (heights().fold(INFINITE, f64::min).round(), heights().fold(-INFINITE, f64::max).round())
    };
    assert_eq!((span(&panels[0].lines[0].points), span(&panels[0].bands[0].1)), ((0.0, 6.0), (-1.0, 7.0)));
    for part in panels[0].lines[0].points.chunks(200) {
        assert_eq!(span(part), (0.0, 6.0));
    }

    let dots = (0..200_000).map(|k| (f64::from(k % 7), f64::from(k % 11))).collect();
    scatters(&path, &[row(dots)]).unwrap();
    assert!(small());

    // Of 3,000 columns and rows as many as there are units of length.
    let many = map((0..3000).map(|r| (0..3000).map(|c| f64::from(r / 300 + c / 300)).collect()).collect());
    heat_maps(&path, &[many], "").unwrap();
    let cells: usize =
        elements(&path).iter().filter(|e| e.name == "path").map(|e| e.points().len() / 2).sum();
    assert_eq!(cells, 290 * 900);
}

#[test]
fn dots_that_coincide_are_darker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scatter.svg");
    scatters(&path, &[row(vec![(10.0, 5.0), (3.0, 5.0), (10.001, 5.001), (10.0, 8.0)])]).unwrap();
    let all = elements(&path);
    let mut found: Vec<f64> =
        all.iter().filter(|e| e.name == "circle").map(|e| e.number("fill-opacity")).collect();
    found.sort_by(f64::total_cmp);
    assert_eq!(found, [0.35, 0.35, 0.58]);
}

#[test]
fn names_are_shown_whatever_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let long = "a very long name ".repeat(60_000);
    let names = [
        "a <b> & \"c\" 'd' &amp; ]]>",
        "ρ·x ≤ λ, Ünïcödé, Жук",
        "漢字 and שלום",
        "👍🏽",
        "two\nlines\t\u{1}\u{fffe}",
        " ",
        &long,
    ];
    // What is left of them: one line, cut where it is too long.
    let shown = [names[0], names[1], names[2], names[3], "two lines", "", "a very long name a very"];
    for (name, shown) in names.into_iter().zip(shown) {
        let points = [(0.0, 1.0), (1.0, 0.5)];
        let named = |title: &str| CurvePanel {
            x_label: name.into(),
            y_label: name.into(),
            ..panel(title, vec![curve(name, &points)])
        };
        drawn(&path("curves"), &|path| curves(path, &[named(name), named("")]));
        let map = HeatMap {
            title: name.into(),
            x_label: name.into(),
            y_label: name.into(),
            rows: vec![name.into(), "b".into()],
            values: vec![vec![1.0, 2.0]; 2],
        };
        drawn(&path("maps"), &|path| heat_maps(path, std::slice::from_ref(&map), name));
        let panels = vec![Scatter { title: name.into(), points: points.to_vec() }];
        let row = ScatterRow { x_label: name.into(), y_label: name.into(), panels };
        drawn(&path("scatter"), &|path| scatters(path, std::slice::from_ref(&row)));
        let diagram = RankDiagram {
            title: name.into(),
            ranks: vec![(name.into(), 1.0), ("b".into(), 2.0)],
            difference: Some(3.0),
        };
        drawn(&path("ranks"), &|path| ranks(path, std::slice::from_ref(&diagram)));
        for (file, times) in [("curves", 6), ("maps", 5), ("scatter", 3), ("ranks", 2)] {
            let all = elements(&path(&format!("{file}.svg")));
            // A row's name is cut where it leaves no room for the map.
            let begin: String = shown.chars().take(5).collect();
            let texts = all.iter().filter(|e| e.name == "text" && e.content.starts_with(&begin));
            assert!(shown.is_empty() || texts.count() == times, "{file}: {shown:?}");
            for text in all.iter().filter(|e| e.name == "text") {
                // The font lacks some letters: their length is not prescribed.
                let known = !["漢字", "👍"].iter().any(|letters| text.content.contains(letters));
                assert_eq!(!text.text("textLength").is_empty(), known, "{:?}", text.content);
                assert!(!text.content.is_empty() && (!known || text.number("textLength") > 0.0));
            }
        }
    }
}

#[test]
fn ticks_are_round_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    let labels = |log_y: bool, points: [(f64, f64); 2]| {
        curves(&path, &[CurvePanel { log_y, ..panel("", vec![curve("", &points)]) }]).unwrap();
        let (mut panels, _) = read(&path);
        let Some(axes) = panels.pop() else { panic!("no panel") };
        let powers = axes.y.iter().map(|tick| tick.1).collect::<Vec<_>>();
        (axes.labels, powers)
    };
    let ([x, y], _) = labels(false, [(1.0, 0.0), (20.0, 1.0)]);
    assert_eq!((x, y), (strings("5 10 15 20"), strings("0.0 0.2 0.4 0.6 0.8 1.0")));
    let ([x, y], _) = labels(false, [(1.0, -4e-7), (3.0, 0.0)]);
    assert_eq!((x, y), (strings("1 2 3"), strings("−4e−7 −3e−7 −2e−7 −1e−7 0e−7")));
    let ([x, y], _) = labels(false, [(0.0, 2.0), (0.5, 2.0 + 4e-6)]);
    assert_eq!(x, strings("0.0 0.1 0.2 0.3 0.4 0.5"));
    assert_eq!(y, strings("2.000000 2.000001 2.000002 2.000003 2.000004"));
    let ([x, y], _) = labels(false, [(0.0, -2.5e6), (1e7, 2.5e6)]);
    assert_eq!(x, strings("0.0e7 0.2e7 0.4e7 0.6e7 0.8e7 1.0e7"));
    assert_eq!(y, strings("−2e6 −1e6 0e6 1e6 2e6"));
    let ([_, y], powers) = labels(true, [(0.0, 1e-3), (1.0, 1.0)]);
    assert_eq!((y, powers), (strings("10 10 10 10"), vec![-3.0, -2.0, -1.0, 0.0]));
    let ([_, y], _) = labels(true, [(0.0, 0.31), (1.0, 0.52)]);
    assert_eq!(y, strings("0.35 0.40 0.45 0.50"));
}

fn strings(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn every_range_gets_a_width_and_a_few_ticks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figure.svg");
    let values = [0.0, 1.0, -3.5, 1e-300, 1e300, 5e-324, 1e6, 123_456_789.0];
    for (lo, hi) in values.iter().flat_map(|lo| values.iter().map(move |hi| (*lo, *hi))) {
        let points = [(lo, lo), (hi, hi)];
        let panels = [false, true].map(|log| CurvePanel {
            log_x: log,
            log_y: log,
            ..panel("", vec![curve("", &points)])
        });
        curves(&path, &panels).unwrap();
        let (mut found, _) = read(&path);
        scatters(&path, &[row(points.to_vec())]).unwrap();
        found.extend(read(&path).0);
        assert_eq!(found.len(), 3);
        for panel in found {
            let [left, top, right, bottom] = panel.edges;
            for (ticks, from, to) in [(&panel.x, left, right), (&panel.y, top, bottom)] {
                assert!((1..30).contains(&ticks.len()), "{lo}, {hi}: {ticks:?}");
                assert!(ticks.iter().all(|t| (from..=to).contains(&t.0)), "{lo}, {hi}: {ticks:?}");
                assert!(ticks.windows(2).all(|t| (t[1].0 - t[0].0).abs() > 5.0), "{lo}, {hi}: {ticks:?}");
            }
        }
    }
}

#[test]
fn panels_of_a_row_share_one_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scatter.svg");
    let mut both = row(vec![(0.5, 1.0)]);
    both.panels.extend(row(vec![(2.0, 7.5), (NAN, 99.0)]).panels);
    scatters(&path, &[both]).unwrap();
    let (panels, _) = read(&path);
    assert_eq!(panels[0].x.iter().map(|t| t.1).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let [left, _, right, _] = panels[0].edges;
    let (lo, hi) = (panels[0].at((left, 0.0)).0, panels[0].at((right, 0.0)).0);
    assert!((0.3..0.5).contains(&lo) && (7.5..7.8).contains(&hi), "{lo} to {hi}");
}

#[test]
fn equal_data_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["png", "SVG"] {
        let paths = ["a", "new/folder/b"].map(|name| folder.path().join(name).with_extension(extension));
        for path in &paths {
            curves(path, &[panel("t", vec![curve("a", &[(0.0, 1.0), (1.0, 0.5)])])]).unwrap();
        }
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
    }
}

#[test]
fn errors_name_the_place_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let good = panel("Loss", vec![curve("a", &[(0.0, 1.0)])]);
    let empty = panel("Loss", vec![curve("a", &[])]);
    let mut spread = good.clone();
    spread.curves[0].spread = Some(vec![]);
    let ragged = map(vec![vec![1.0, 2.0], vec![1.0]]);
    let mut unnamed = map(vec![vec![1.0]]);
    unnamed.rows.clear();
    let dots = row(vec![(0.0, 1.0)]);
    let bare = ScatterRow { x_label: "x".into(), ..ScatterRow::default() };
    let cases = [
        (curves(path("a.pdf"), std::slice::from_ref(&good)), "a.pdf: found the extension \"pdf\""),
        (curves(path("noextension"), std::slice::from_ref(&good)), "noextension: found the extension \"\""),
        (curves(path("b.png"), &[]), "b.png: found 0 panels, expected 1 to 24"),
        (curves(path("c.png"), &vec![good.clone(); 25]), "25 panels"),
        (
            curves(path("d.svg"), &[good.clone(), empty]),
            "panel 1 \"Loss\": found 0 points, expected at least 1",
        ),
        (curves(path("e.svg"), &[spread]), "the spread of curve \"a\": found 0 entries, expected 1"),
        (heat_maps(path("f.gif"), &[map(vec![vec![1.0]])], ""), "f.gif"),
        (heat_maps(path("g.svg"), &[], ""), "0 heat maps"),
        (ranks(path("r.svg"), &[]), "0 diagrams"),
        (ranks(path("r.svg"), &[ranked(&[1.0], None)]), "1 methods"),
        (ranks(path("r.svg"), &[ranked(&[1.0, 2.5], None)]), "rank 2.5"),
        (ranks(path("r.svg"), &[ranked(&[NAN, 2.0], None)]), "rank NaN"),
        (ranks(path("r.svg"), &[ranked(&[1.0, 2.0], Some(0.0))]), "difference of 0"),
        (ranks(path("r.svg"), &[ranked(&[1.0, 2.0], Some(NAN))]), "difference of NaN"),
        (heat_maps(path("h.svg"), &[map(vec![])], ""), "0 values"),
        (heat_maps(path("i.svg"), &[map(vec![vec![]])], ""), "0 values"),
        (heat_maps(path("j.png"), &[ragged], ""), "row \"1.dense\": found 1 columns, expected 2"),
        (heat_maps(path("k.png"), &[unnamed], ""), "0 row names, expected 1"),
        (scatters(path("l.jpg"), std::slice::from_ref(&dots)), "l.jpg"),
        (scatters(path("m.png"), &[]), "0 panels"),
        (scatters(path("n.svg"), &vec![dots.clone(); 25]), "25 panels"),
        (scatters(path("o.svg"), &[dots.clone(), bare]), "row 1 \"x\": found 0 panels"),
        (
            scatters(path("p.svg"), &[dots, row(vec![])]),
            "row 1 \"reference\", panel 0 \"AR <1>\": found 0 points",
        ),
    ];
    for (result, part) in cases {
        match result {
            Err(error @ Error::Invalid { .. }) => assert!(error.to_string().contains(part), "{error}"),
            other => panic!("{part}: {other:?}"),
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    std::fs::create_dir(path("folder.png")).unwrap();
    let result = curves(path("folder.png"), &[good]);
    assert!(matches!(&result, Err(Error::Io { path, .. }) if path.ends_with("folder.png")), "{result:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

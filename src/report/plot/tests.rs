//! Tests of the figures: sizes, texts, errors.

use super::*;

fn panel(points: Vec<(f64, f64)>) -> CurvePanel {
    let curve = Curve { label: "a <b> & c".into(), points, spread: None };
    CurvePanel {
        title: "Loss".into(),
        x_label: "epoch".into(),
        y_label: "mse".into(),
        curves: vec![curve],
        log_y: false,
    }
}

fn map(values: Vec<Vec<f64>>) -> HeatMap {
    let rows = (0..values.len()).map(|k| format!("{k}.dense")).collect();
    HeatMap { title: "Gradients".into(), x_label: "epoch".into(), y_label: "layer".into(), rows, values }
}

fn row(points: Vec<(f64, f64)>) -> ScatterRow {
    let panels = vec![Scatter { title: "AR <1>".into(), points }];
    ScatterRow { x_label: "reference".into(), y_label: "predicted".into(), panels }
}

/// Width, height and the number of pixels that are not white.
fn decode(path: &Path) -> (u32, u32, usize) {
    let picture = image::load_from_memory(&std::fs::read(path).unwrap()).unwrap().to_rgb8();
    (picture.width(), picture.height(), picture.pixels().filter(|p| p.0 != [255; 3]).count())
}

#[test]
fn png_has_twice_the_figures_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/curves.PNG");
    let panels = [panel(vec![(1.0, 2.0), (2.0, 1.0)]), panel(vec![(1.0, 0.5), (2.0, 0.7)])];
    curves(&path, &panels).unwrap();
    let size = canvas::Figure::size(&curves::Curves::new(&panels));
    let (width, height, inked) = decode(&path);
    assert_eq!((width, height), ((2.0 * size.0).ceil() as u32, (2.0 * size.1).ceil() as u32));
    assert!(inked > 5_000 && width > height, "{width} {height} {inked}");
    assert!(std::fs::metadata(&path).unwrap().len() < 300_000);

    let path = folder.path().join("maps.png");
    let maps = [map(vec![vec![1.0, 2.0], vec![f64::NAN, f64::NEG_INFINITY]])];
    heat_maps(&path, &maps, "log10 |g|").unwrap();
    let size = canvas::Figure::size(&heat::HeatMaps::new(&maps, "log10 |g|"));
    let (width, height, inked) = decode(&path);
    assert_eq!((width, height), ((2.0 * size.0).ceil() as u32, (2.0 * size.1).ceil() as u32));
    assert!(inked > 30_000, "{inked}");
    assert!(std::fs::metadata(&path).unwrap().len() < 300_000);

    let path = folder.path().join("scatter.png");
    let rows = [row(vec![(1.0, 2.0), (3.0, 2.5)]), row(vec![(0.0, 0.0)])];
    scatters(&path, &rows).unwrap();
    let size = canvas::Figure::size(&scatter::Scatters::new(&rows));
    let (width, height, inked) = decode(&path);
    assert_eq!((width, height), ((2.0 * size.0).ceil() as u32, (2.0 * size.1).ceil() as u32));
    assert!(inked > 5_000 && height > width, "{width} {height} {inked}");
}

#[test]
fn svg_has_titles_and_escaped_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("curves.svg");
    curves(&path, &[panel(vec![(0.0, 1.0), (1.0, 0.5)])]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("<svg width=\"") && text.trim_end().ends_with("</svg>"), "{text}");
    for part in ["Loss", "epoch", "mse", "a &lt;b&gt; &amp; c"] {
        assert!(text.contains(part), "{part} is missing");
    }
    assert_eq!(text.matches("<text ").count(), text.matches("textLength=").count());
    assert!(text.matches("<text ").count() > 10);
    let path = folder.path().join("maps.svg");
    heat_maps(&path, &[map(vec![vec![1.0, 2.0]])], "log10 |g|\u{1}").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for part in ["Gradients", "0.dense", "layer", "log10 |g| "] {
        assert!(text.contains(part), "{part} is missing");
    }
    let path = folder.path().join("scatter.svg");
    scatters(&path, &[row(vec![(0.0, 1.0), (1.0, 0.5)])]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for part in ["AR &lt;1&gt;", "reference", "predicted"] {
        assert!(text.contains(part), "{part} is missing");
    }
    assert_eq!(text.matches("<circle ").count(), 2);
}

#[test]
fn equal_data_give_equal_files() {
    let folder = tempfile::tempdir().unwrap();
    for extension in ["png", "svg"] {
        let paths = ["a", "b"].map(|name| folder.path().join(name).with_extension(extension));
        for path in &paths {
            curves(path, &[panel(vec![(0.0, 1.0), (1.0, 0.5)])]).unwrap();
        }
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
    }
}

#[test]
fn odd_data_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let data = [
        vec![(3.0, 0.25)],
        vec![(0.0, 1.0), (1.0, 1.0), (2.0, 1.0)],
        vec![(0.0, 0.0), (1.0, 0.0)],
        vec![(0.0, nan), (nan, 1.0), (infinite, 2.0)],
        vec![(0.0, 1.0), (1.0, nan), (2.0, 3.0), (3.0, -infinite), (4.0, 1.0), (5.0, 2.0)],
        vec![(0.0, -f64::MAX), (1.0, f64::MAX), (f64::MAX, 0.0)],
        vec![(-1e300, -1e300), (1e300, 1e300)],
        vec![(1e6, 5e-324), (1e6 + 1e-3, 1e-320)],
        vec![(2.0, 1.0), (1.0, 2.0), (1.5, -1.0)],
        (0..300).map(|k| (f64::from(k), f64::from(k % 7) - 3.0)).collect(),
    ];
    for log_y in [false, true] {
        let panels = data.clone().map(|points| {
            let spread = points.iter().map(|p| (p.1 - 1.0, p.1 + 1.0)).collect();
            let mut panel = CurvePanel { log_y, ..panel(points.clone()) };
            panel.curves.push(Curve { label: String::new(), points, spread: Some(spread) });
            panel.curves.push(Curve::default());
            panel
        });
        curves(folder.path().join("curves.svg"), &panels).unwrap();
        curves(folder.path().join("curves.png"), &panels[4..6]).unwrap();
    }
    let rows = data.clone().map(row);
    scatters(folder.path().join("scatter.svg"), &rows).unwrap();
    scatters(folder.path().join("scatter.png"), &rows[2..6]).unwrap();
    let values = [vec![vec![nan]], vec![vec![0.0; 3]; 2], vec![vec![f64::MAX, 5e-324, -f64::MAX]]];
    for values in &values {
        heat_maps(folder.path().join("maps.svg"), &[map(values.clone())], "").unwrap();
    }
    heat_maps(folder.path().join("maps.png"), &values.map(map), "x").unwrap();
    let dense = panel((0..200_000).map(|k| (f64::from(k), f64::from(k % 7))).collect());
    let path = folder.path().join("dense.svg");
    curves(&path, &[dense]).unwrap();
    assert!(std::fs::metadata(path).unwrap().len() < 100_000);
    let many = row((0..200_000).map(|k| (f64::from(k % 7), f64::from(k % 11))).collect());
    let path = folder.path().join("many.svg");
    scatters(&path, &[many]).unwrap();
    assert!(std::fs::metadata(path).unwrap().len() < 100_000);
    let long = (0..300).map(|k| (0..40).map(|c| f64::from(k * c)).collect()).collect();
    heat_maps(folder.path().join("long.svg"), &[map(long)], "a very long label ".repeat(30).as_str())
        .unwrap();
}

#[test]
fn errors_name_the_place_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let good = panel(vec![(0.0, 1.0)]);
    let mut spread = good.clone();
    spread.curves[0].spread = Some(vec![]);
    let ragged = map(vec![vec![1.0, 2.0], vec![1.0]]);
    let mut unnamed = map(vec![vec![1.0]]);
    unnamed.rows.clear();

    let dots = row(vec![(0.0, 1.0)]);
    let bare = ScatterRow { x_label: "x".into(), ..ScatterRow::default() };

    let cases = [
        (curves(path("a.pdf"), std::slice::from_ref(&good)), "a.pdf"),
        (curves(path("noextension"), std::slice::from_ref(&good)), "noextension"),
        (curves(path("b.png"), &[]), "b.png: found 0 panels"),
        (curves(path("c.png"), &vec![good.clone(); 25]), "25 panels"),
        (curves(path("d.svg"), &[good.clone(), panel(vec![])]), "panel 1 \"Loss\": found no points"),
        (curves(path("e.svg"), &[spread]), "a spread of 0 entries"),
        (heat_maps(path("f.gif"), &[map(vec![vec![1.0]])], ""), "f.gif"),
        (heat_maps(path("g.svg"), &[], ""), "0 heat maps"),
        (heat_maps(path("h.svg"), &[map(vec![])], ""), "no values"),
        (heat_maps(path("i.svg"), &[map(vec![vec![]])], ""), "no values"),
        (heat_maps(path("j.png"), &[ragged], ""), "row 1 \"1.dense\": found 1 columns"),
        (heat_maps(path("k.png"), &[unnamed], ""), "0 row names"),
        (scatters(path("l.jpg"), std::slice::from_ref(&dots)), "l.jpg"),
        (scatters(path("m.png"), &[]), "0 panels"),
        (scatters(path("n.svg"), &vec![dots.clone(); 25]), "25 panels"),
        (scatters(path("o.svg"), &[dots.clone(), bare]), "row 1 \"x\": found no panels"),
        (
            scatters(path("p.svg"), &[dots, row(vec![])]),
            "row 1 \"reference\", panel 0 \"AR <1>\": found no points",
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

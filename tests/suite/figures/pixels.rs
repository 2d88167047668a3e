//! Bitmaps show what the SVG of the same figure says.

use super::svg::{elements, read, size};
use super::{COLOURS, curve, far, panel, rgb, viridis};
use autorot::report::plot::{HeatMap, curves, heat_maps};
use image::RgbImage;
use std::path::Path;

fn pixels(path: &Path) -> RgbImage {
    image::open(path).unwrap().to_rgb8()
}

/// The colour at a place of the SVG; two pixels are a unit.
fn colour(picture: &RgbImage, (x, y): (f64, f64)) -> [i32; 3] {
    picture.get_pixel((2.0 * x) as u32, (2.0 * y) as u32).0.map(i32::from)
}

/// Along every curve is its colour, in the gaps of a dashed one and beside it none of it.
#[test]
fn curves_are_drawn_where_the_svg_says() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, png) = (folder.path().join("curves.svg"), folder.path().join("curves.png"));
    let solid = [(0.0, 1.0), (1.0, 3.0), (5.0, 2.0), (9.0, 2.5)];
    let dashed = [(0.0, 0.25), (9.0, 0.75)];
    for path in [&svg, &png] {
        curves(path, &[panel("one", vec![curve("a", &solid), curve("b", &dashed)])]).unwrap();
    }
    let (panels, _) = read(&svg);
    let (width, height) = size(&elements(&svg));
    let picture = pixels(&png);
    assert_eq!((f64::from(picture.width()), f64::from(picture.height())), (2.0 * width, 2.0 * height));
    let has = |at: (f64, f64), wanted: &str| far(colour(&picture, at), rgb(wanted)) < 60;
    assert_eq!(panels[0].lines.len(), 2);
    for (line, wanted) in panels[0].lines.iter().zip(COLOURS) {
        let (mut drawn, mut all) = (0, 0);
        for pair in line.points.windows(2) {
            let (along, down) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
            let beside = [down, -along].map(|d| 6.0 * d / along.hypot(down));
            for share in (3..=97).map(|k| f64::from(k) / 100.0) {
                let at = (pair[0].0 + share * along, pair[0].1 + share * down);
                all += 1;
                drawn += usize::from(has(at, wanted));
                for side in [1.0, -1.0].into_iter().filter(|_| (0.2..0.8).contains(&share)) {
                    let at = (at.0 + side * beside[0], at.1 + side * beside[1]);
                    assert!(!has(at, wanted), "beside {at:?}");
                }
            }
        }
        // Of ten units of length seven are drawn.
        let share = drawn as f64 / all as f64;
        let wanted = if line.dashes == "none" { 0.999..=1.0 } else { 0.6..=0.8 };
        assert!(wanted.contains(&share), "{} of {all} points", drawn);
    }
}

/// Every cell has its colour up to its edges, a missing one two greys, and the bar all colours.
#[test]
fn cells_and_the_bar_have_the_colours_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, png) = (folder.path().join("maps.svg"), folder.path().join("maps.png"));
    let map = HeatMap {
        title: "t".into(),
        x_label: "epoch".into(),
        y_label: "layer".into(),
        rows: vec!["upper".into(), "lower".into()],
        values: vec![vec![-2.0, 0.0, 2.0], vec![1.0, f64::NAN, -1.0]],
    };
    for path in [&svg, &png] {
        heat_maps(path, std::slice::from_ref(&map), "scale").unwrap();
    }
    let (all, picture) = (elements(&svg), pixels(&png));
    let [(left, top), (right, bottom)] =
        all.iter().find(|e| e.name == "rect" && e.text("fill") == "none").unwrap().corners();
    let at = |row: f64, column: f64| {
        colour(&picture, (left + (right - left) * column / 3.0, top + (bottom - top) * row / 2.0))
    };
    for (row, column, quarter) in [(0, 0, 0), (0, 1, 2), (0, 2, 4), (1, 0, 3), (1, 2, 1)] {
        for (down, along) in [(0.03, 0.5), (0.97, 0.5), (0.5, 0.03), (0.5, 0.97), (0.5, 0.5)] {
            let found = at(f64::from(row) + down, f64::from(column) + along);
            assert!(far(found, viridis(quarter).unwrap()) <= 6, "{row}, {column}: {found:?}");
        }
    }
    let greys: Vec<[i32; 3]> = (5..95).map(|k| at(1.5, 1.0 + f64::from(k) / 100.0)).collect();
    assert!(greys.iter().all(|c| c[0] == c[1] && c[1] == c[2] && (0x80..=0xD8).contains(&c[0])), "{greys:?}");
    assert!(greys.contains(&[0xD8; 3]) && greys.iter().any(|c| c[0] < 0xB0), "{greys:?}");
    let [from, to] = all.iter().find(|e| e.text("fill") == "url(#viridis)").unwrap().corners();
    let bar = |share: f64| colour(&picture, ((from.0 + to.0) / 2.0, to.1 - share * (to.1 - from.1)));
    for (share, quarter) in [(0.01, 0), (0.25, 1), (0.5, 2), (0.75, 3), (0.99, 4)] {
        assert!(far(bar(share), viridis(quarter).unwrap()) <= 12, "{share}: {:?}", bar(share));
    }
    // Brighter and brighter upwards.
    let brightness =
        |share: f64| bar(share).iter().zip([2, 5, 1]).map(|(part, weight)| part * weight).sum::<i32>();
    let all: Vec<i32> = (2..99).map(|k| brightness(f64::from(k) / 100.0)).collect();
    assert!(all.is_sorted(), "{all:?}");
}

/// How dark a bitmap is in squares of 12 pixels, from 0 to z, a line a row of them. By square roots: grids are faint.
pub(super) fn ink(path: &Path) -> String {
    let picture = image::open(path).unwrap().to_luma8();
    let row = |y: u32| -> String {
        let square = |x: u32| {
            let pixels = (0..144).map(|i| (12 * x + i % 12, 12 * y + i / 12));
            let dark: u32 = pixels.map(|(x, y)| 255 - u32::from(picture.get_pixel(x, y).0[0])).sum();
            let share = f64::from(dark) / (144.0 * 256.0);
            char::from_digit((36.0 * share.sqrt()) as u32, 36).unwrap()
        };
        (0..picture.width() / 12).map(square).collect()
    };
    (0..picture.height() / 12).map(|y| row(y) + "\n").collect()
}

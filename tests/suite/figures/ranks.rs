//! Diagrams of mean ranks.

use super::svg::{all_lies_inside, elements};
use autorot::report::plot::{RankDiagram, ranks};

#[test]
fn ranks_lie_on_their_line_and_bars_join_what_does_not_differ() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ranks.svg");
    // Not in their order; differences of 1.1 and more count.
    let named = [("d", 4.5), ("a", 1.25), ("c", 3.25), ("b", 2.0), ("e", 4.0)];
    let means = named.map(|(name, rank)| (name.to_owned(), rank)).to_vec();
    let (title, difference) = ("tables".to_owned(), Some(1.1));
    ranks(&path, &[RankDiagram { title, ranks: means, difference }]).unwrap();
    let all = elements(&path);
    all_lies_inside(&all);
    let lines = |thick: bool| {
        all.iter().filter(move |e| e.name == "polyline" && (e.text("stroke-width") == "3") == thick)
    };
    // The longest thin line is that of the ranks, 1 to 5.
    let axis = lines(false).map(|e| e.points()).find(|p| p.len() == 2 && p[0].1 == p[1].1).unwrap();
    let at = |rank: f64| axis[0].0 + (rank - 1.0) / 4.0 * (axis[1].0 - axis[0].0);
    let bars: Vec<_> = lines(true).map(|e| e.points()).collect();
    // The difference itself; then a and b, c and e, e and d: c and d differ by more, and so do b and c.
    let wanted = [(1.0, 2.1, 0.0), (1.25, 2.0, 3.0), (3.25, 4.0, 3.0), (4.0, 4.5, 3.0)];
    assert_eq!(bars.len(), wanted.len());
    for (bar, (from, to, more)) in bars.iter().zip(wanted) {
        assert!((bar[0].0 - (at(from) - more)).abs() < 0.02, "{bar:?}");
        assert!((bar[1].0 - (at(to) + more)).abs() < 0.02, "{bar:?}");
    }
    // Every name stands at the end of the line that begins at its rank.
    for (name, rank) in named {
        let text = all.iter().find(|e| e.content == format!("{name} {rank:.2}")).unwrap();
        let line =
            lines(false).map(|e| e.points()).find(|p| p.len() == 3 && (p[0].0 - at(rank)).abs() < 0.02);
        let line = line.unwrap_or_else(|| panic!("no line at {rank}"));
        let (x, y) = (text.number("x"), text.number("y"));
        assert!((x - line[2].0).abs() < 6.0 && (y - line[2].1).abs() < 6.0, "{name}: {x}, {y}, {line:?}");
        assert_eq!(text.text("text-anchor"), if rank < 3.5 { "end" } else { "start" }, "{name}");
    }
}

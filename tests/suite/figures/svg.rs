//! What stands in the SVG of a figure.

use std::path::Path;

/// One element: its name, and its attributes as text.
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) content: String,
}

impl Element {
    pub(super) fn text(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> f64 {
        self.text(name).parse().unwrap_or_else(|_| panic!("{}: {name} {:?}", self.name, self.text(name)))
    }

    pub(super) fn points(&self) -> Vec<(f64, f64)> {
        let pair = |text: &str| {
            let (x, y) = text.split_once(',').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        };
        self.text("points").split_whitespace().map(pair).collect()
    }
}

/// The elements of an SVG in the order in which they are drawn. What plotters writes has an element a line and no comments.
pub(super) fn elements(path: &Path) -> Vec<Element> {
    let text = std::fs::read_to_string(path).unwrap();
    let element = |part: &str| {
        let (tag, content) = part.split_once('>').unwrap();
        let (name, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut values = rest.split('"');
        let mut attributes = Vec::new();
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            attributes.push((name.trim().trim_end_matches('=').to_owned(), value.to_owned()));
        }
        Element { name: name.to_owned(), attributes, content: content.trim().to_owned() }
    };
    text.split('<').skip(1).filter(|part| !part.starts_with('/')).map(element).collect()
}

/// Width and height of a figure in the coordinates of its elements.
pub(super) fn size(elements: &[Element]) -> (f64, f64) {
    let view = elements.iter().find(|e| e.name == "svg").unwrap().text("viewBox");
    let numbers: Vec<f64> = view.split_whitespace().map(|number| number.parse().unwrap()).collect();
    (numbers[2], numbers[3])
}

/// Nothing is cut off.
#[track_caller]
pub(super) fn all_lies_inside(elements: &[Element]) {
    let (width, height) = size(elements);
    for element in elements {
        let places = match element.name.as_str() {
            "polyline" | "polygon" => element.points(),
            "circle" => vec![(element.number("cx"), element.number("cy"))],
            "text" => vec![(element.number("x"), element.number("y"))],
            // The ground goes beyond the edges.
            "rect" if element.text("fill") != "#FFFFFF" => {
                let corner = (element.number("x"), element.number("y"));
                vec![corner, (corner.0 + element.number("width"), corner.1 + element.number("height"))]
            }
            _ => continue,
        };
        for (x, y) in places {
            let inside = (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
            assert!(inside, "{} {:?} at {x}, {y} of {width} x {height}", element.name, element.content);
        }
    }
}

pub(super) const FRAME: &str = "#555555";
const GRID: [&str; 2] = ["#E4E4E4", "#F2F2F2"];

/// One panel: what its ticks say, and what is drawn in it.
#[derive(Default)]
pub(super) struct Axes {
    /// Left, top, right and bottom edge.
    pub(super) edges: [f64; 4],
    /// Place and value of the ticks below and on the left.
    pub(super) x: Vec<(f64, f64)>,
    pub(super) y: Vec<(f64, f64)>,
    pub(super) texts: Vec<String>,
    pub(super) lines: Vec<(String, Vec<(f64, f64)>)>,
    pub(super) bands: Vec<(String, Vec<(f64, f64)>)>,
    pub(super) dots: Vec<(String, (f64, f64))>,
}

/// What a place means, by the first and the last tick.
fn meaning(ticks: &[(f64, f64)], place: f64) -> f64 {
    let ((a, low), (b, high)) = (ticks[0], ticks[ticks.len() - 1]);
    assert!(a != b && low != high, "{ticks:?}");
    low + (place - a) / (b - a) * (high - low)
}

impl Axes {
    /// The values at a place; of a logarithmic axis their logarithms.
    pub(super) fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (meaning(&self.x, x), meaning(&self.y, y))
    }

    #[track_caller]
    pub(super) fn near(&self, place: (f64, f64), (x, y): (f64, f64)) {
        let found = self.at(place);
        // Coordinates are whole numbers: half of one, and as much for the ticks, of a few thousand.
        let size = |ticks: &[(f64, f64)]| {
            let ((a, low), (b, high)) = (ticks[0], ticks[ticks.len() - 1]);
            2.0 * ((high - low) / (b - a)).abs()
        };
        let near = (found.0 - x).abs() <= size(&self.x) && (found.1 - y).abs() <= size(&self.y);
        assert!(near, "drawn at {found:?}, not at {:?}", (x, y));
    }

    /// A curve of one piece, solid or of one that dashes leave whole, goes through these points.
    #[track_caller]
    pub(super) fn solid(&self, number: usize, colour: &str, points: &[(f64, f64)]) {
        let (found, line) = &self.lines[number];
        assert_eq!((found.as_str(), line.len()), (colour, points.len()), "{line:?}");
        line.iter().zip(points).for_each(|(&place, &point)| self.near(place, point));
    }
}

/// The number of a tick's label, in which a minus is typeset.
fn value(label: &str) -> f64 {
    label.replace('−', "-").parse().unwrap_or_else(|_| panic!("{label:?} is no number"))
}

/// The panels in their order, and the legend: colour and label of its entries.
pub(super) fn read(path: &Path) -> (Vec<Axes>, Vec<(String, String)>) {
    let all = elements(path);
    all_lies_inside(&all);
    let mut panels: Vec<Axes> = Vec::new();
    let (mut legend, mut frame) = (Vec::new(), 0);
    // A tick whose label follows: whether it is of the y axis, and its place.
    let mut tick: Option<(bool, f64)> = None;
    let mut sample: Option<String> = None;
    for (i, element) in all.iter().enumerate() {
        match element.name.as_str() {
            "rect" if element.text("fill") == FRAME => {
                // Four sides: the upper one, the lower, the left, the right.
                let middle = |at: &str, size: &str| element.number(at) + 0.5 * element.number(size);
                if frame % 4 == 0 {
                    panels.push(Axes::default());
                }
                let edges = &mut panels.last_mut().unwrap().edges;
                match frame % 4 {
                    0 => edges[1] = middle("y", "height"),
                    1 => edges[3] = middle("y", "height"),
                    2 => edges[0] = middle("x", "width"),
                    _ => edges[2] = middle("x", "width"),
                }
                frame += 1;
            }
            "polyline" if GRID.contains(&element.text("stroke")) => {}
            "polyline" => {
                let (points, stroke) = (element.points(), element.text("stroke").to_owned());
                let panel = panels.last_mut().unwrap();
                let below = points.iter().all(|p| p.1 > panel.edges[3] + 60.0);
                let ticks = points.len() == 2 && stroke == FRAME;
                if ticks && points[0].0 == points[1].0 && points[0].1 >= panel.edges[3] - 1.0 {
                    tick = Some((false, points[0].0));
                } else if ticks && points[0].1 == points[1].1 && points[1].0 <= panel.edges[0] + 1.0 {
                    tick = Some((true, points[0].1));
                } else if below {
                    sample = Some(stroke);
                } else {
                    panel.lines.push((stroke, points));
                }
            }
            "polygon" => {
                let panel = panels.last_mut().unwrap();
                panel.bands.push((element.text("fill").to_owned(), element.points()));
            }
            "circle" => {
                let place = (element.number("cx"), element.number("cy"));
                panels.last_mut().unwrap().dots.push((element.text("fill").to_owned(), place));
            }
            "text" => {
                let panel = panels.last_mut().unwrap();
                let label = element.content.clone();
                if let Some((upright, place)) = tick.take() {
                    // 10 with an exponent, which is smaller: its value is the logarithm.
                    let next = &all[(i + 1).min(all.len() - 1)];
                    let power = label == "10" && next.name == "text" && next.text("font-size") == "88";
                    let value = value(if power { &next.content } else { &label });
                    if upright { &mut panel.y } else { &mut panel.x }.push((place, value));
                } else if let Some(colour) = sample.take() {
                    legend.push((colour, label));
                } else {
                    panel.texts.push(label);
                }
            }
            _ => {}
        }
    }
    (panels, legend)
}

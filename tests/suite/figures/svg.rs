//! What stands in the SVG of a figure.

use std::path::Path;

/// One element: its name, its attributes as text, and the text in it.
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

    /// The upper left corner and the lower right one of a rectangle.
    pub(super) fn corners(&self) -> [(f64, f64); 2] {
        let [x, y] = ["x", "y"].map(|name| if self.text(name).is_empty() { 0.0 } else { self.number(name) });
        let corner = (x, y);
        [corner, (corner.0 + self.number("width"), corner.1 + self.number("height"))]
    }

    /// The points of a line or an area; of a path those of the rectangles that it is made of, corners as above.
    pub(super) fn points(&self) -> Vec<(f64, f64)> {
        let number = |text: &str| -> f64 { text.parse().unwrap_or_else(|_| panic!("{text:?} is no number")) };
        if self.name == "path" {
            let rectangle = |text: &str| {
                let parts: Vec<f64> = text.split([' ', 'H', 'V']).map(number).collect();
                assert!(parts.len() == 5 && parts[4] == parts[0], "{text:?} is no rectangle");
                [(parts[0], parts[1]), (parts[2], parts[3])]
            };
            return self.text("d").split(['M', 'z']).filter(|t| !t.is_empty()).flat_map(rectangle).collect();
        }
        let pair = |text: &str| text.split_once(',').map(|(x, y)| (number(x), number(y))).unwrap();
        self.text("points").split_whitespace().map(pair).collect()
    }

    /// Both ends of a text at the height of its baseline, and of its letters' tops.
    fn box_of_text(&self) -> Vec<(f64, f64)> {
        // Viewers choose the length of letters that the font lacks.
        let known = !self.text("textLength").is_empty();
        let length = if known { self.number("textLength") } else { 0.0 };
        let (x, y) = (self.number("x"), self.number("y"));
        let before = match self.text("text-anchor") {
            "start" => 0.0,
            "middle" => length / 2.0,
            "end" => length,
            other => panic!("{other:?}"),
        };
        let high = 0.7 * self.number("font-size");
        if self.text("transform").is_empty() {
            vec![(x - before, y), (x - before + length, y - high)]
        } else {
            assert_eq!(self.text("transform"), format!("rotate(-90 {} {})", self.text("x"), self.text("y")));
            vec![(x, y + before), (x - high, y + before - length)]
        }
    }
}

/// The elements in the order in which they are drawn, without definitions.
pub(super) fn elements(path: &Path) -> Vec<Element> {
    let text = std::fs::read_to_string(path).unwrap();
    let (before, after) = text.split_once("<defs>").unwrap_or((&text, ""));
    parsed(before).chain(parsed(after.split_once("</defs>").map_or("", |(_, rest)| rest))).collect()
}

/// The definitions of an SVG.
pub(super) fn definitions(path: &Path) -> Vec<Element> {
    let text = std::fs::read_to_string(path).unwrap();
    parsed(text.split_once("<defs>").unwrap().1.split_once("</defs>").unwrap().0).collect()
}

fn parsed(text: &str) -> impl Iterator<Item = Element> {
    let element = |part: &str| {
        let (tag, content) = part.split_once('>').unwrap();
        let (name, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut values = rest.split('"');
        let mut attributes = Vec::new();
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            attributes.push((name.trim().trim_end_matches('=').to_owned(), value.to_owned()));
        }
        let content = content.trim().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        Element { name: name.to_owned(), attributes, content }
    };
    text.split('<').skip(1).filter(|part| !part.starts_with('/')).map(element)
}

/// Width and height of a figure in the coordinates of its elements.
pub(super) fn size(elements: &[Element]) -> (f64, f64) {
    let root = elements.iter().find(|e| e.name == "svg").unwrap();
    let (width, height) = (root.text("width"), root.text("height"));
    assert_eq!(root.text("viewBox"), format!("0 0 {width} {height}"));
    (root.number("width"), root.number("height"))
}

/// Nothing is cut off.
#[track_caller]
pub(super) fn all_lies_inside(elements: &[Element]) {
    let (width, height) = size(elements);
    for element in elements {
        let places = match element.name.as_str() {
            "polyline" | "path" => element.points(),
            "circle" => vec![(element.number("cx"), element.number("cy"))],
            "text" => element.box_of_text(),
            "rect" => element.corners().to_vec(),
            "svg" => continue,
            other => panic!("no element {other:?} is drawn"),
        };
        for (x, y) in places {
            let inside = (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
            assert!(inside, "{} {:?} at {x}, {y} of {width} x {height}", element.name, element.content);
        }
    }
}

pub(super) const FRAME: &str = "#555555";
const GRID: [&str; 2] = ["#E4E4E4", "#F2F2F2"];

/// A line of a panel.
pub(super) struct Line {
    pub(super) colour: String,
    /// The lengths of its dashes and gaps; `none` for a solid one.
    pub(super) dashes: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// One panel: what its ticks say, and what is drawn in it.
#[derive(Default)]
pub(super) struct Axes {
    /// Left, top, right and bottom edge.
    pub(super) edges: [f64; 4],
    /// Place and value of the ticks below and on the left.
    pub(super) x: Vec<(f64, f64)>,
    pub(super) y: Vec<(f64, f64)>,
    /// What stands beside these.
    pub(super) labels: [Vec<String>; 2],
    pub(super) texts: Vec<String>,
    pub(super) lines: Vec<Line>,
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
        // Coordinates are hundredths: half of one, and as much for the ticks.
        let size = |ticks: &[(f64, f64)]| {
            let ((a, low), (b, high)) = (ticks[0], ticks[ticks.len() - 1]);
            0.02 * ((high - low) / (b - a)).abs()
        };
        let near = (found.0 - x).abs() <= size(&self.x) && (found.1 - y).abs() <= size(&self.y);
        assert!(near, "drawn at {found:?}, not at {:?}", (x, y));
    }

    /// A curve with these dashes goes through these points.
    #[track_caller]
    pub(super) fn curve(&self, number: usize, (colour, dashes): (&str, &str), points: &[(f64, f64)]) {
        let line = &self.lines[number];
        let found = (line.colour.as_str(), line.dashes.as_str(), line.points.len());
        assert_eq!(found, (colour, dashes, points.len()), "{:?}", line.points);
        line.points.iter().zip(points).for_each(|(&place, &point)| self.near(place, point));
    }
}

/// The number of a tick's label, in which a minus is typeset.
fn value(label: &str) -> f64 {
    label.replace('−', "-").parse().unwrap_or_else(|_| panic!("{label:?} is no number"))
}

/// One entry of a legend: colour, dashes and label.
pub(super) type Entry = (String, String, String);

/// The panels in their order, and the legend.
pub(super) fn read(path: &Path) -> (Vec<Axes>, Vec<Entry>) {
    let all = elements(path);
    all_lies_inside(&all);
    let is_frame = |e: &&Element| e.name == "rect" && e.text("stroke") == FRAME;
    let axes = |e: &Element| {
        let [(left, top), (right, bottom)] = e.corners();
        Axes { edges: [left, top, right, bottom], ..Axes::default() }
    };
    let mut panels: Vec<Axes> = all.iter().filter(is_frame).map(axes).collect();
    let lowest = panels.iter().map(|p| p.edges[3]).fold(0.0, f64::max);
    let same = |a: f64, b: f64| (a - b).abs() < 0.02;
    let (mut legend, mut drawn) = (Vec::new(), 0);
    // A tick whose label follows: its panel, whether it is of the y axis, and its place.
    let mut tick: Option<(usize, bool, f64)> = None;
    let mut sample: Option<(String, String)> = None;
    for (i, element) in all.iter().enumerate() {
        let last = drawn.max(1) - 1;
        match element.name.as_str() {
            "rect" if is_frame(&element) => drawn += 1,
            "polyline" if GRID.contains(&element.text("stroke")) => {}
            "polyline" if element.text("stroke").is_empty() => {
                panels[last].bands.push((element.text("fill").to_owned(), element.points()));
            }
            "polyline" => {
                let (points, colour) = (element.points(), element.text("stroke").to_owned());
                let dashes = element.text("stroke-dasharray").to_owned();
                let (from, to) = (points[0], points[points.len() - 1]);
                let tick_of = |upright: bool| {
                    panels.iter().position(|p| {
                        let [left, top, right, bottom] = p.edges;
                        match upright {
                            true => same(to.0, left) && from.1 == to.1 && (top..=bottom).contains(&to.1),
                            false => same(from.1, bottom) && from.0 == to.0 && (left..=right).contains(&to.0),
                        }
                    })
                };
                if colour == FRAME && dashes.is_empty() {
                    let found = [true, false].map(|upright| tick_of(upright).map(|panel| (panel, upright)));
                    let (panel, upright) = found[0].or(found[1]).expect("a tick begins at an axis");
                    tick = Some((panel, upright, if upright { to.1 } else { to.0 }));
                } else if points.iter().all(|p| p.1 > lowest + 6.0) {
                    sample = Some((colour, dashes));
                } else {
                    panels[last].lines.push(Line { colour, dashes, points });
                }
            }
            "circle" => {
                let place = (element.number("cx"), element.number("cy"));
                panels[last].dots.push((element.text("fill").to_owned(), place));
            }
            "text" => {
                let label = element.content.clone();
                if let Some((panel, upright, place)) = tick.take() {
                    // 10 with an exponent, which is smaller: its value is the logarithm.
                    let next = &all[(i + 1).min(all.len() - 1)];
                    let power = next.name == "text" && next.text("font-size") == "8.8";
                    assert!(!power || label == "10", "{label}");
                    let panel = &mut panels[panel];
                    let value = value(if power { &next.content } else { &label });
                    if upright { &mut panel.y } else { &mut panel.x }.push((place, value));
                    panel.labels[usize::from(upright)].push(label);
                } else if let Some((colour, dashes)) = sample.take() {
                    legend.push((colour, dashes, label));
                } else if element.text("font-size") != "8.8" {
                    panels[last].texts.push(label);
                }
            }
            _ => {}
        }
    }
    assert_eq!(drawn, panels.len());
    (panels, legend)
}

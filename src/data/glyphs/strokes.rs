//! The classes' strokes on the unit square, y downwards.

/// One movement of the pen.
pub(super) enum Stroke {
    /// Straight from point to point.
    Line(&'static [[f32; 2]]),
    /// A Catmull-Rom spline through the points; closed if the last is the first.
    Curve(&'static [[f32; 2]]),
}

use Stroke::{Curve, Line};

/// Straight pieces between two points of a stroke: enough for curves, and lines can be bent too.
const PIECES: usize = 5;

impl Stroke {
    /// The points of the stroke with straight lines between them.
    pub fn path(&self) -> Vec<[f32; 2]> {
        let (points, curved) = match *self {
            Line(points) => (points, false),
            Curve(points) => (points, true),
        };
        let last = points.len() - 1;
        let closed = points[0] == points[last];
        let mut path = vec![points[0]];
        for i in 0..last {
            let [b, c] = [points[i], points[i + 1]];
            let a = if i > 0 {
                points[i - 1]
            } else if closed {
                points[last - 1]
            } else {
                b
            };
            let d = if i + 1 < last {
                points[i + 2]
            } else if closed {
                points[1]
            } else {
                c
            };
            for piece in 1..=PIECES {
                let t = piece as f32 / PIECES as f32;
                path.push([0, 1].map(|k| {
                    if curved { spline([a, b, c, d].map(|p| p[k]), t) } else { b[k] + (c[k] - b[k]) * t }
                }));
            }
        }
        path
    }
}

/// The Catmull-Rom spline between `b` (t = 0) and `c` (t = 1).
fn spline([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
}

/// Names and strokes, chosen so that many classes share most of their ink with another one.
pub(super) const CLASSES: [(&str, &[Stroke]); 16] = [
    (
        "2",
        &[
            Curve(&[
                [0.22, 0.3],
                [0.32, 0.13],
                [0.52, 0.08],
                [0.72, 0.17],
                [0.76, 0.34],
                [0.6, 0.56],
                [0.2, 0.92],
            ]),
            Line(&[[0.2, 0.92], [0.82, 0.92]]),
        ],
    ),
    (
        "3",
        &[
            Curve(&[[0.24, 0.18], [0.48, 0.08], [0.71, 0.17], [0.7, 0.37], [0.44, 0.47]]),
            Curve(&[[0.44, 0.47], [0.72, 0.55], [0.78, 0.76], [0.54, 0.92], [0.22, 0.83]]),
        ],
    ),
    ("4", &[Line(&[[0.65, 0.92], [0.65, 0.08], [0.18, 0.65], [0.86, 0.65]])]),
    (
        "5",
        &[
            Line(&[[0.75, 0.09], [0.31, 0.09], [0.26, 0.46]]),
            Curve(&[
                [0.26, 0.46],
                [0.5, 0.39],
                [0.72, 0.49],
                [0.77, 0.7],
                [0.62, 0.88],
                [0.4, 0.92],
                [0.2, 0.82],
            ]),
        ],
    ),
    (
        "6",
        &[Curve(&[
            [0.72, 0.12],
            [0.48, 0.17],
            [0.29, 0.4],
            [0.24, 0.68],
            [0.35, 0.88],
            [0.56, 0.92],
            [0.74, 0.8],
            [0.73, 0.61],
            [0.54, 0.5],
            [0.34, 0.56],
            [0.24, 0.68],
        ])],
    ),
    (
        "8",
        &[
            Curve(&[
                [0.5, 0.08],
                [0.7, 0.17],
                [0.7, 0.36],
                [0.5, 0.46],
                [0.3, 0.36],
                [0.3, 0.17],
                [0.5, 0.08],
            ]),
            Curve(&[
                [0.5, 0.46],
                [0.74, 0.57],
                [0.75, 0.81],
                [0.5, 0.93],
                [0.25, 0.81],
                [0.26, 0.57],
                [0.5, 0.46],
            ]),
        ],
    ),
    (
        "9",
        &[Curve(&[
            [0.28, 0.88],
            [0.52, 0.83],
            [0.71, 0.6],
            [0.76, 0.32],
            [0.65, 0.12],
            [0.44, 0.08],
            [0.26, 0.2],
            [0.27, 0.39],
            [0.46, 0.5],
            [0.66, 0.44],
            [0.76, 0.32],
        ])],
    ),
    ("A", &[Line(&[[0.15, 0.92], [0.5, 0.08], [0.85, 0.92]]), Line(&[[0.28, 0.62], [0.72, 0.62]])]),
    (
        "B",
        &[
            Line(&[[0.25, 0.92], [0.25, 0.08], [0.5, 0.08]]),
            Curve(&[[0.5, 0.08], [0.7, 0.17], [0.7, 0.37], [0.5, 0.47]]),
            Line(&[[0.25, 0.47], [0.5, 0.47]]),
            Curve(&[[0.5, 0.47], [0.76, 0.57], [0.76, 0.81], [0.5, 0.92]]),
            Line(&[[0.25, 0.92], [0.5, 0.92]]),
        ],
    ),
    (
        "C",
        &[Curve(&[
            [0.8, 0.26],
            [0.66, 0.12],
            [0.46, 0.08],
            [0.27, 0.22],
            [0.2, 0.5],
            [0.27, 0.78],
            [0.46, 0.92],
            [0.66, 0.88],
            [0.8, 0.74],
        ])],
    ),
    (
        "E",
        &[
            Line(&[[0.78, 0.08], [0.25, 0.08], [0.25, 0.92], [0.8, 0.92]]),
            Line(&[[0.25, 0.49], [0.68, 0.49]]),
        ],
    ),
    ("F", &[Line(&[[0.8, 0.08], [0.25, 0.08], [0.25, 0.92]]), Line(&[[0.25, 0.49], [0.68, 0.49]])]),
    (
        "G",
        &[
            Curve(&[
                [0.8, 0.26],
                [0.66, 0.12],
                [0.46, 0.08],
                [0.27, 0.22],
                [0.2, 0.5],
                [0.27, 0.78],
                [0.46, 0.92],
                [0.66, 0.88],
                [0.8, 0.74],
            ]),
            Line(&[[0.8, 0.74], [0.8, 0.55], [0.54, 0.55]]),
        ],
    ),
    (
        "K",
        &[
            Line(&[[0.25, 0.08], [0.25, 0.92]]),
            Line(&[[0.78, 0.08], [0.25, 0.57]]),
            Line(&[[0.41, 0.43], [0.82, 0.92]]),
        ],
    ),
    (
        "R",
        &[
            Line(&[[0.25, 0.92], [0.25, 0.08], [0.5, 0.08]]),
            Curve(&[[0.5, 0.08], [0.72, 0.17], [0.72, 0.4], [0.5, 0.5]]),
            Line(&[[0.25, 0.5], [0.5, 0.5], [0.82, 0.92]]),
        ],
    ),
    (
        "S",
        &[Curve(&[
            [0.76, 0.22],
            [0.6, 0.09],
            [0.36, 0.11],
            [0.25, 0.28],
            [0.4, 0.44],
            [0.62, 0.53],
            [0.77, 0.7],
            [0.68, 0.88],
            [0.44, 0.93],
            [0.22, 0.79],
        ])],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_through_the_points() {
        for stroke in CLASSES.iter().flat_map(|(_, strokes)| *strokes) {
            let (Line(points) | Curve(points)) = *stroke;
            let path = stroke.path();
            assert_eq!(path.len(), 1 + PIECES * (points.len() - 1));
            for (a, b) in points.iter().zip(path.iter().step_by(PIECES)) {
                assert!((0..2).all(|k| (a[k] - b[k]).abs() < 1e-6), "{a:?} {b:?}");
            }
            assert!(path.iter().flatten().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}

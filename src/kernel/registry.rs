//! All kernels, with examples of varied sizes and options, for the shader checks and the kernel table. The tidy test fails if a
//! kernel is missing here.

mod convolution;
mod doors;
mod images;
mod lookup;
mod recurrent;

pub(crate) use convolution::geometries;

use super::*;
use crate::{Activation, Frame, LearnL, Rotation, Rule};
use std::sync::Arc;

/// A kernel's name and its examples.
#[derive(Debug)]
pub struct Entry {
    /// The base name of the shader, the twin and the test row.
    pub name: &'static str,
    /// Examples of varied sizes, ragged against every tile, that together cover every path.
    pub examples: Vec<Arc<dyn Kernel>>,
    /// Examples that differ in what all variants share, such as the activation: one variant of each suffices.
    pub options: Vec<Arc<dyn Kernel>>,
    /// Examples as long as a dispatch allows, or too long for a single loop ([`MAX_ROUNDS`]), for every kernel with a loop that
    /// grows with a size.
    pub long: Vec<Arc<dyn Kernel>>,
}

fn kernels<F: Family + 'static>(uses: impl IntoIterator<Item = F>) -> Vec<Arc<dyn Kernel>> {
    uses.into_iter().map(|e| Arc::new(e) as Arc<dyn Kernel>).collect()
}

fn entry<F: Family + 'static>(examples: impl IntoIterator<Item = F>) -> Entry {
    Entry { name: F::NAME, examples: kernels(examples), options: Vec::new(), long: Vec::new() }
}

impl Entry {
    fn options<F: Family + 'static>(mut self, options: impl IntoIterator<Item = F>) -> Self {
        self.options = kernels(options);
        self
    }

    fn long<F: Family + 'static>(mut self, long: impl IntoIterator<Item = F>) -> Self {
        self.long = kernels(long);
        self
    }
}

/// A rotation for examples.
pub fn rotation(rule: Rule, learn: LearnL) -> Rotation {
    Rotation { rule, x_q: 2.0, limit: 4.0, epsilon: 1e-5, learn, detached: false }
}

fn tally(rows: usize, columns: usize, penalties: usize, weighted: bool) -> Tally {
    Tally { batch: rows, rows, columns, penalties, slots: 4, weighted }
}

/// Batch, inputs and units of the product examples: tiny, ragged and deep, and multiples of 4 but of no tile.
pub const SIZES: [(usize, usize, usize); 10] = [
    (1, 1, 1),
    (5, 7, 3),
    (5, 9, 4),
    (6, 8, 5),
    (33, 130, 67),
    (128, 257, 10),
    (9, 4096, 21),
    (4, 4, 4),
    (36, 132, 68),
    (72, 4096, 12),
];

/// All kernels.
pub fn all() -> Vec<Entry> {
    let rotations = [
        rotation(Rule::Diagonal, LearnL::Fixed),
        rotation(Rule::Diagonal, LearnL::PerLayer),
        rotation(Rule::Aligned, LearnL::PerUnit),
        Rotation { detached: true, ..rotation(Rule::Aligned, LearnL::Fixed) },
    ];
    let forward = |(batch, inputs, units), has_bias, rotation, keep_z, activation| DenseForward {
        batch,
        inputs,
        units,
        frame: Frame::default(),
        has_bias,
        rotation,
        keep_z,
        activation,
    };
    let some = Some(rotations[0]);
    let mut dense_forward: Vec<_> =
        SIZES.iter().map(|&size| forward(size, true, some, true, Activation::Sigmoid)).collect();
    dense_forward.push(forward((132, 40, 140), true, some, true, Activation::Sigmoid));
    dense_forward.push(forward((300, 90, 70), true, some, true, Activation::Sigmoid));
    dense_forward.push(forward((5, 7, 3), false, None, false, Activation::Linear));
    dense_forward.push(forward((36, 132, 68), true, Some(rotations[2]), true, Activation::Tanh));
    let frame = Frame { centre: 0.5, deviation: 0.25 };
    for (bias, rotation) in [(true, Some(rotations[2])), (false, some), (true, None)] {
        for size in [SIZES[1], (36, 132, 68)] {
            let forward = forward(size, bias, rotation, true, Activation::Tanh);
            dense_forward.push(DenseForward { frame, ..forward });
        }
    }
    let forward_options = Activation::ALL
        .iter()
        .map(|&a| forward((17, 13, 9), true, some, true, a))
        .chain(rotations.iter().map(|&r| forward((70, 300, 65), false, Some(r), false, Activation::Relu)));

    let backward = |(rows, units), has_bias, activation, rotation, zones| RotateBackward {
        rows,
        units,
        has_bias,
        activation,
        rotation,
        zones,
    };
    let mut rotate_backward: Vec<_> =
        rotations.iter().map(|&r| backward((37, 21), true, Activation::Tanh, Some(r), None)).collect();
    let backward_options =
        Activation::ALL.iter().map(|&a| backward((17, 9), true, a, Some(rotations[0]), None));
    rotate_backward.push(backward((1, 1), false, Activation::Linear, None, None));
    rotate_backward.push(backward((130, 50), true, Activation::Sigmoid, None, None));
    rotate_backward.push(backward((128, 33), false, Activation::Arctan, Some(rotations[2]), None));
    rotate_backward.push(backward((130, 36), true, Activation::Tanh, Some(rotations[2]), None));
    rotate_backward.push(backward((67, 20), true, Activation::Sigmoid, Some(rotations[0]), None));
    rotate_backward.push(backward((4096, 5), true, Activation::Sigmoid, Some(rotations[0]), None));

    let (one, nine) = (Zones::one([1; 3]), Zones::of(&Taps::down(&geometries()[1])));
    for (size, bias, r, zones) in [
        ((1100, 9), true, some, one),
        ((42 * 30, 4), true, Some(rotations[2]), nine),
        ((42 * 70, 3), false, some, nine),
        ((600, 3), true, None, one),
    ] {
        rotate_backward.push(backward(size, bias, Activation::Tanh, r, Some(zones)));
    }

    let scores = [
        ScoreKind::Accuracy,
        ScoreKind::BinaryAccuracy { threshold: 0.25 },
        ScoreKind::TopK { k: 2 },
        ScoreKind::AbsoluteError,
        ScoreKind::SquaredError,
    ];
    let single = vec![
        entry([(3, 5, false), (2, 9000, false), (3, 3, true)].map(|(rows, width, of_pieces)| Largest {
            rows,
            width,
            of_pieces,
        }))
        .long([Largest { rows: 2, width: 300_000, of_pieces: false }]),
        entry([(3, 5, false), (2, 9000, true)].map(|(batch, outputs, ties)| Rank { batch, outputs, ties }))
            .long([Rank { batch: 2, outputs: 300_000, ties: true }]),
        entry([(70, 3), (2, 1)].map(|(batch, pieces)| Hits { batch, pieces, columns: 4, column: 1, k: 3 }))
            .long([Hits { batch: 2, pieces: MAX_ROUNDS, columns: 4, column: 1, k: 3 }]),
        entry(
            [(3, 5, true), (2, 9000, true), (70, 13, false), (2, 4100, false)]
                .map(|(batch, classes, targets)| SoftmaxParts { batch, classes, targets }),
        )
        .long([SoftmaxParts { batch: 2, classes: 300_000, targets: true }]),
        entry(
            [(3, 1, Some(2)), (2, 130, Some(2)), (3, 5, None)]
                .map(|(batch, pieces, columns)| SoftmaxFinish { batch, pieces, columns }),
        )
        .long([SoftmaxFinish { batch: 2, pieces: 100_000, columns: Some(2) }]),
        entry(
            [(1, 1, Some(1), false), (36, 3, Some(4), true), (130, 2, None, true), (70, 9, Some(7), false)]
                .map(|(rows, width, per, counted)| WeighRows {
                    rows,
                    width,
                    at: Strided { first: 1, stride: 11 },
                    per,
                    counted,
                }),
        ),
        entry([(3, 5), (2, 9000)].map(|(batch, classes)| SoftmaxGradient { batch, classes })),
        entry(
            [(1, 1, true), (33, 7, true), (70, 12, true), (5, 3, false)]
                .map(|(batch, outputs, gradient)| CosineLoss { batch, outputs, columns: 2, gradient }),
        ),
        entry([(1, 2), (9, 5), (70, 12), (2, 9000)].map(|(rows, classes)| SoftmaxKernel { rows, classes })),
        entry([(1, 2), (9, 5), (70, 12), (2, 9000)].map(|(rows, classes)| SoftmaxBackward { rows, classes })),
        entry([1, 301, 4100].map(|count| Noise { count, deviation: 0.5, seed: 7 })),
        entry(
            [
                (3, [1, 1, 5, 7], [0, 1, 3, 2]),
                (2, [2, 3, 4, 5], [3, 1, 0, 2]),
                (70, [1, 3, 1, 4], [0, 3, 2, 1]),
                (1, [1, 1, 1, 1], [0, 1, 2, 3]),
            ]
            .map(|(batch, shape, order)| PermuteKernel { batch, shape, order }),
        ),
        entry([PReluOf::Forward, PReluOf::Input, PReluOf::Alpha].into_iter().flat_map(|of| {
            let (yes, no) = (true, false);
            [
                (3, [1, 1, 5, 7], [no; 4]),
                (2, [2, 3, 4, 5], [yes, no, yes, no]),
                (70, [1, 3, 1, 4], [yes, yes, yes, no]),
            ]
            .map(|(batch, shape, shared)| PReluKernel { batch, shape, shared, of })
        })),
        entry([(1, false), (300, true), (4097, false), (4097, true)].map(|(count, shared)| Accumulate {
            count,
            slots: 3,
            shared,
        })),
        entry([1, 300, 4097].map(|count| Adopt { count })),
        entry([(1000, 64), (19, 2)].map(|(rows, slots)| Advance { batch: 17, rows, slots })),
        entry([1, 300, 4097].map(|count| Average { count, momentum: 0.9 })),
        entry(SIZES.map(|(batch, inputs, units)| DenseBackwardInput { batch, inputs, units }))
            .long([DenseBackwardInput { batch: 5, inputs: 6, units: MAX_DEPTH }]),
        entry(SIZES.map(|(batch, inputs, units)| DenseBackwardWeight {
            batch,
            inputs,
            units,
            frame: if inputs > 100 { frame } else { Frame::default() },
            share: match units {
                3 => Share::None,
                67 | 68 => Share::Scale,
                _ => Share::Shift,
            },
            l1: if units == 67 { 0.01 } else { 0.0 },
            l2: if batch > 9 { 0.02 } else { 0.0 },
            bias: matches!(units, 3..=5),
        }))
        .long([DenseBackwardWeight {
            batch: MAX_DEPTH,
            inputs: 5,
            units: 6,
            frame: Frame::default(),
            share: Share::None,
            l1: 0.0,
            l2: 0.0,
            bias: true,
        }]),
        entry(dense_forward).options(forward_options).long([forward(
            (5, MAX_DEPTH, 6),
            true,
            some,
            true,
            Activation::Sigmoid,
        )]),
        entry(
            [
                (1, [1; 2], 0.5, DropoutValues::scaled(0.5)),
                (1000, [1; 2], 0.25, DropoutValues::scaled(0.25)),
                (16_777_003, [1; 2], 0.9, DropoutValues::scaled(0.9)),
                (45, [3, 5], 0.5, DropoutValues::scaled(0.5)),
                (96, [4, 8], 0.3, DropoutValues::scaled(0.3)),
                (301, [1; 2], 0.3, DropoutValues::alpha(0.3)),
            ]
            .map(|(count, shared, rate, values)| DropoutKernel {
                count,
                shared,
                of_ones: count == 1000,
                rate,
                values,
                seed: 9,
            }),
        ),
        entry(
            [(5, 3, 0, 11, 11, None), (7, 2, 4, 5, 23, Some((3, 1))), (9, 8, 3, 6, 17, Some((11, 5)))].map(
                |(batch, width, first_row, rows, order, classes)| Gather {
                    batch,
                    width,
                    first_row,
                    rows,
                    order,
                    classes: classes.map(|(classes, steps)| Classes { classes, steps, rows: 90 }),
                },
            ),
        ),
        entry([(0.0, None, None), (0.5, None, Some(false)), (0.5, Some(3), Some(true))].map(
            |(clip_norm, kind, weighted)| Guard {
                partials: 70,
                columns: 3,
                slots: 4,
                clip_norm,
                kind,
                scores: weighted.map(|weighted| tally(130, 3, 64, weighted)),
            },
        ))
        .long([(200_000, None), (60_000, Some(tally(20_000, 3, 20_000, false)))].map(
            |(partials, scores)| Guard { partials, columns: 3, slots: 4, clip_norm: 0.5, kind: None, scores },
        )),
        entry([3, 4101, 10_000].map(|count| Penalty { count, l1: 0.01, l2: 0.02 })).long([Penalty {
            count: 300_000,
            l1: 0.01,
            l2: 0.02,
        }]),
        entry(rotate_backward).options(backward_options).long([
            backward((100_000, 3), true, Activation::Tanh, some, None),
            backward((300_000, 3), true, Activation::Tanh, some, Some(one)),
        ]),
        entry(scores.map(|kind| Score { kind, batch: 70, outputs: 5, columns: 7, column: 1 })).long(
            [ScoreKind::Accuracy, ScoreKind::TopK { k: 3 }].map(|kind| Score {
                kind,
                batch: 70,
                outputs: 512,
                columns: 2,
                column: 1,
            }),
        ),
        entry(
            [(1, 2, true), (33, 10, true), (70, 130, true), (5, 3, false)]
                .map(|(batch, classes, gradient)| SoftmaxLoss { batch, classes, columns: 2, gradient }),
        )
        .long([SoftmaxLoss { batch: 2, classes: 4096, columns: 2, gradient: true }]),
        entry(
            [
                (1, 1, SumOf::Values),
                (9000, 2, SumOf::Values),
                (70, 3, SumOf::Squares),
                (9000, 2, SumOf::Products),
            ]
            .map(|(count, parts, of)| Sum { count, parts, of, first: 2, stride: 3 }),
        )
        .long([Sum { count: 1_000_001, parts: 1, of: SumOf::Values, first: 0, stride: 1 }]),
        entry([5, 4096, 4101, 10_000].map(|count| SumSquares { count }))
            .long([SumSquares { count: 300_000 }]),
        entry([
            tally(5, 1, 0, false),
            tally(130, 3, 64, false),
            Tally { batch: 150, ..tally(70, 2, 9, true) },
        ])
        .long([tally(90_000, 2, 70_000, true)]),
        entry([(1, 2), (5, 3)].map(|(columns, slots)| GroupShare { columns, slots })),
        entry([(1, 0.0), (300, 0.5), (4097, 0.5)].map(|(count, weight_decay)| TrustRatio {
            count,
            slots: 3,
            weight_decay,
            rate_factor: 0.3,
        })),
    ];
    single
        .into_iter()
        .chain(doors::entries())
        .chain(convolution::entries())
        .chain(images::entries())
        .chain(lookup::entries())
        .chain(recurrent::entries())
        .collect()
}

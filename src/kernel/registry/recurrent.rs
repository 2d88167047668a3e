//! Examples of the kernels for recurrent layers and sequences.

use super::{Entry, entry, rotation};
use crate::kernel::{
    ConvLstmBackward, ConvLstmForward, ConvLstmStep, CopyRows, FoldRotation, GateKernels, MaskRows, Merge,
    MergeBackward, MergeMode, RecurrentBackward, RecurrentForward, RecurrentStep, Stage, StepMask, Strided,
    UnfoldRotation,
};
use crate::{Activation, LearnL, Rotation, Rule};

/// Every stage with example sizes: samples, steps and units, ragged and multiples of 4.
const STAGES: [(Stage, [usize; 3]); 10] = [
    (Stage::SimpleRnn, [5, 3, 7]),
    (Stage::SimpleRnn, [9, 3, 68]),
    (Stage::Lstm, [6, 4, 5]),
    (Stage::Lstm, [33, 3, 36]),
    (Stage::Gru, [5, 3, 67]),
    (Stage::Gru, [8, 3, 12]),
    (Stage::GruGates, [5, 3, 9]),
    (Stage::GruGates, [6, 3, 72]),
    (Stage::GruCandidate, [5, 3, 9]),
    (Stage::GruCandidate, [6, 3, 72]),
];

pub(super) fn entries() -> Vec<Entry> {
    let step = |i: usize| {
        let (stage, [batch, steps, units]) = STAGES[i];
        RecurrentStep {
            batch,
            steps,
            units,
            stage,
            gate: Activation::Sigmoid,
            activation: Activation::Tanh,
            masked: i % 2 == 1,
            dropped: i % 3 == 1,
            initial: false,
            at: 1,
            from: Some(1),
            to: 2,
        }
    };
    let every = || (0..STAGES.len()).map(step);
    // The first step, backwards in time; the same from a given state; other activations.
    let others = || {
        every().step_by(2).flat_map(|step| {
            let first = RecurrentStep { at: step.steps - 1, from: None, to: 0, ..step };
            let given = RecurrentStep { initial: true, masked: !step.masked, ..first };
            let activations =
                RecurrentStep { gate: Activation::HardTanh, activation: Activation::Softsign, ..step };
            [first, given, activations]
        })
    };
    let forward = |(i, step): (usize, RecurrentStep)| RecurrentForward {
        step,
        has_bias: step.stage == Stage::Gru && i % 3 != 2,
        keep: i % 3 != 1,
    };
    let backward = |(i, step): (usize, RecurrentStep)| RecurrentBackward {
        step,
        next: match step.stage {
            Stage::GruGates => Some(step.at),
            _ => (i % 3 != 0).then_some((step.at + 1) % step.steps),
        },
        d_y: match i % 3 {
            0 => Some((0, step.units)),
            1 => Some((step.to * step.units, step.steps * step.units)),
            _ => None,
        },
    };
    let kernels = |(inputs, units, gates), lines, h_q, rotation| GateKernels {
        inputs,
        units,
        gates,
        lines,
        rotation,
        h_q,
    };
    let (diagonal, aligned) =
        (rotation(Rule::Diagonal, LearnL::Fixed), rotation(Rule::Aligned, LearnL::PerUnit));
    let folds = [
        kernels((5, 7, 4), 1, None, diagonal),
        kernels((70, 33, 3), 2, None, Rotation { detached: true, ..diagonal }),
        kernels((300, 20, 1), 1, Some(3.0), rotation(Rule::Aligned, LearnL::PerLayer)),
        kernels((9, 18, 3), 2, Some(3.0), rotation(Rule::Diagonal, LearnL::PerUnit)),
        kernels((130, 68, 4), 0, Some(3.0), aligned),
        kernels((6, 36, 4), 1, None, aligned),
    ];
    let deep = kernels((100_000, 5, 1), 1, None, diagonal);
    let long = RecurrentStep { batch: 2, units: 1024, masked: false, dropped: false, ..step(0) };
    let merges = [
        (MergeMode::Concat, 5, 3, 3),
        (MergeMode::Concat, 70, 8, 8),
        (MergeMode::Concat, 6, 7, 2),
        (MergeMode::Concat, 21, 4, 12),
        (MergeMode::Sum, 9, 5, 5),
        (MergeMode::Mul, 33, 12, 12),
        (MergeMode::Ave, 7, 4, 4),
    ];
    let merges = merges.map(|(mode, rows, features, second)| Merge { mode, rows, features, second });
    let copies = [
        (5, 3, Strided { first: 2, stride: 7 }, Strided { first: 0, stride: 3 }, false),
        (70, 8, Strided { first: 4, stride: 16 }, Strided { first: 12, stride: 20 }, false),
        (9, 7, Strided { first: 0, stride: 7 }, Strided { first: 1, stride: 8 }, true),
    ];
    let images = |batch, positions, filters, (at, first)| ConvLstmStep {
        batch,
        steps: 4,
        positions,
        filters,
        gate: Activation::HardSigmoid,
        activation: Activation::Tanh,
        at,
        first,
    };
    let images = [
        images(3, 7, 5, (0, true)),
        images(2, 9, 8, (2, false)),
        images(5, 3, 6, (3, false)),
        images(2, 4, 4, (3, true)),
    ];
    let of_images = |i: usize| ConvLstmForward {
        step: images[i],
        next: (i != 2).then_some(1),
        to: i.is_multiple_of(2).then_some(i),
        state: i > 0,
        keep: i != 1,
    };
    let of_images_backward = |i: usize| ConvLstmBackward {
        step: images[i],
        last: i > 1,
        output: [None, Some((4, 3)), Some((1, 0)), Some((4, 0))][i],
    };
    vec![
        entry((0..images.len()).map(of_images)),
        entry((0..images.len()).map(of_images_backward)),
        entry(every().enumerate().map(forward))
            .options(others().enumerate().map(forward))
            .long([forward((0, long))]),
        entry(every().enumerate().map(backward))
            .options(others().enumerate().map(backward))
            .long([backward((1, long))]),
        entry(folds.map(|kernels| FoldRotation { kernels, limits: [4.0, 2.0, 3.0, 1.5] }))
            .long([FoldRotation { kernels: deep, limits: [4.0; 4] }]),
        entry(folds.map(|kernels| UnfoldRotation {
            kernels,
            penalty: if kernels.inputs > 9 { [0.01, 0.02] } else { [0.0; 2] },
            recurrent_penalty: if kernels.units > 20 { [0.03, 0.01] } else { [0.0; 2] },
        }))
        .long([UnfoldRotation { kernels: deep, penalty: [0.0; 2], recurrent_penalty: [0.0; 2] }]),
        entry(copies.map(|(rows, width, from, to, reversed)| CopyRows { rows, width, from, to, reversed })),
        entry([(5, 3), (130, 1)].map(|(rows, features)| StepMask { rows, features, value: 0.0 }))
            .long([StepMask { rows: 3, features: 100_000, value: 0.0 }]),
        entry([(5, 3, true), (70, 8, false)].map(|(rows, features, mean)| MaskRows { rows, features, mean })),
        entry(merges),
        entry(merges.map(MergeBackward)),
    ]
}

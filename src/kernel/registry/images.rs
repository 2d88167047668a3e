//! Examples of the kernels for pooling, normalisation, residual blocks and augmentation.

use super::convolution::geometries;
use super::{Entry, entry};
use crate::Activation;
use crate::kernel::{
    ActivateKernel, Centre, FillMode, Groups, Interpolate, Interpolation, MaxPoolBackward, MaxPoolForward,
    MaxPoolGive, NormBackward, NormBackwardSums, NormFinish, NormForward, NormStatistics, RandomTone,
    RandomWarp, RandomWindow, Reduction, RowNormSums, RowStatistics, RunningAverage, SumRows, Tone, Warp,
    WeightNormBackward, WeightNormForward, WindowParts, WindowSum,
};
use crate::shape::Geometry;

/// Rows and channels.
const SIZES: [(usize, usize); 4] = [(5, 3), (70, 12), (2100, 17), (3000, 20)];

/// Rows and channels, with statistics of channels, of rows and of groups.
fn sizes() -> impl Iterator<Item = (usize, usize, Option<Groups>)> {
    let rows = SIZES
        .into_iter()
        .flat_map(|(rows, channels)| [None, Some(Groups::ROWS)].map(|groups| (rows, channels, groups)));
    rows.chain(grouped().map(|(rows, channels, groups)| (rows, channels, Some(groups))))
}

/// Rows and channels in groups.
fn grouped() -> impl Iterator<Item = (usize, usize, Groups)> {
    [(6, 6, 3, 2), (70, 12, 7, 4), (2100, 20, 525, 5), (48, 8, 12, 1)]
        .into_iter()
        .map(|(rows, channels, positions, parts)| (rows, channels, Groups { positions, parts }))
}

fn warps() -> [RandomWarp; 6] {
    let turn = RandomWarp {
        batch: 9,
        size: [7, 6],
        channels: 3,
        warp: Warp::Turn,
        lower: [-0.4, 0.0],
        upper: [0.5, 0.0],
        fill: FillMode::Reflect,
        fill_value: 0.5,
        interpolation: Interpolation::Bilinear,
        seed: 7,
        turned: false,
    };
    let zoom = RandomWarp {
        warp: Warp::Zoom { together: false },
        lower: [-0.7, -0.2],
        upper: [0.9, 1.0],
        channels: 4,
        fill: FillMode::Wrap,
        ..turn
    };
    let shift = RandomWarp { warp: Warp::Shift, lower: [-1.0, -0.3], upper: [0.2, 1.0], ..turn };
    [
        turn,
        zoom,
        shift,
        RandomWarp { fill: FillMode::Constant, channels: 4, interpolation: Interpolation::Nearest, ..turn },
        RandomWarp { warp: Warp::Zoom { together: true }, fill: FillMode::Nearest, ..zoom },
        RandomWarp { fill: FillMode::Constant, batch: 70, size: [1, 5], ..shift },
    ]
}

fn tones() -> [RandomTone; 5] {
    let contrast = RandomTone {
        batch: 9,
        positions: 35,
        channels: 3,
        tone: Tone::Contrast,
        lower: 0.2,
        upper: 1.9,
        limits: Some([-0.5, 0.7]),
        seed: 7,
        gate: false,
    };
    let brightness = RandomTone { tone: Tone::Brightness, lower: -0.4, channels: 4, ..contrast };
    let gate = |tone: RandomTone| RandomTone { gate: true, ..tone };
    [contrast, brightness, gate(contrast), gate(brightness), RandomTone { limits: None, ..contrast }]
}

pub(super) fn entries() -> Vec<Entry> {
    // Windows on a padded grid, overlapping, with gaps, in three dimensions, and over the whole grid.
    let whole = Geometry { input: [1, 6, 5], output: [1; 3], kernel: [1, 6, 5], ..geometries()[5] };
    let gaps = Geometry { before: [0, 0, 1], ..geometries()[6] };
    let tiled = Geometry {
        input: [1, 6, 4],
        output: [1, 3, 2],
        kernel: [1, 2, 2],
        strides: [1, 2, 2],
        ..geometries()[5]
    };
    // Would tile the grid, but shifted: not tiled.
    let shifted = Geometry { before: [0, 1, 0], ..tiled };
    // One window over the whole grid; and windows so dense that each input lies in many.
    let global = |grid| Geometry { input: grid, output: [1; 3], kernel: grid, ..geometries()[5] };
    let dense = Geometry {
        input: [1, 40, 40],
        output: [1, 11, 11],
        kernel: [1, 30, 30],
        strides: [1; 3],
        ..geometries()[5]
    };
    let pools = [geometries()[1], geometries()[2], geometries()[4], gaps, whole, tiled, tiled, shifted];
    let pools = || pools.iter().zip([3, 4, 5, 8, 12, 4, 5, 4]).enumerate();
    let window = RandomWindow {
        batch: 9,
        size: [7, 6],
        window: [7, 6],
        channels: 3,
        first: [-2, -1],
        range: [5, 3],
        mirror: [false, true],
        seed: 7,
        turned: false,
    };
    let crop = RandomWindow {
        window: [5, 4],
        channels: 4,
        first: [0, 0],
        range: [3, 3],
        mirror: [true, true],
        ..window
    };
    // Taps, channels and filters; channels last in every other one.
    let kernels = [[1, 5, 3], [1, 7, 36], [9, 12, 5], [4, 3, 8], [9, 8, 5], [6, 1, 1]];
    let normed = kernels.into_iter().enumerate().map(|(i, [taps, channels, filters])| WeightNormForward {
        taps,
        channels,
        filters,
        turned: i % 2 == 0 && taps > 1,
    });
    let rows = || {
        let of_rows = [(1, 1), (70, 12), (3, 2100)].map(|(rows, channels)| (rows, channels, Groups::ROWS));
        of_rows.into_iter().chain(grouped())
    };
    let long = [(2, 300_000, Groups::ROWS), (100_000, 6, Groups { positions: 100_000, parts: 2 })];
    let sums =
        |rows, channels, groups| RowNormSums { rows, channels, epsilon: 1e-3, scale: rows != 70, groups };
    let activate = |count| ActivateKernel { count, activation: Activation::Tanh };
    vec![
        entry([777, 4101, 40_000].map(activate)),
        entry([777, 4101, 40_000].map(|count| Centre { count, centre: 0.5, factor: 2.0 })),
        entry(pools().map(|(i, (&geometry, channels))| MaxPoolForward { batch: 2 + i, geometry, channels }))
            .long([MaxPoolForward { batch: 2, geometry: global([1, 30, 40]), channels: 3 }]),
        entry(pools().map(|(i, (&geometry, channels))| MaxPoolBackward { batch: 2 + i, geometry, channels }))
            .long([MaxPoolBackward { batch: 2, geometry: global([1, 20, 30]), channels: 3 }]),
        entry(pools().flat_map(|(i, (&geometry, channels))| {
            let part =
                |turned, reduction| WindowParts { batch: 2 + i, geometry, channels, turned, reduction };
            [
                part(false, Reduction::Sum),
                part(i % 2 == 0, Reduction::Mean),
                part(false, Reduction::Max),
                part(false, Reduction::Place),
            ]
        }))
        .long([Reduction::Sum, Reduction::Max].map(|reduction| WindowParts {
            batch: 1,
            geometry: global([1, 300, 301]),
            channels: 1,
            turned: false,
            reduction,
        })),
        entry(pools().map(|(i, (&geometry, channels))| MaxPoolGive { batch: 2 + i, geometry, channels }))
            .long([MaxPoolGive { batch: 2, geometry: dense, channels: 3 }]),
        entry(SIZES.map(|(rows, channels)| NormStatistics { rows, channels }))
            .long([NormStatistics { rows: 300_000, channels: 2 }]),
        entry(SIZES.map(|(rows, channels)| NormFinish { rows, channels }))
            .long([NormFinish { rows: 5_000_000, channels: 2 }]),
        entry(sizes().map(|(rows, channels, groups)| NormForward {
            rows,
            channels,
            epsilon: 1e-3,
            scale: rows != 70,
            center: rows != 2100,
            groups,
        })),
        entry(sizes().map(|(rows, channels, groups)| NormBackwardSums {
            rows,
            channels,
            epsilon: 1e-3,
            groups,
        }))
        .long([NormBackwardSums { rows: 300_000, channels: 2, epsilon: 1e-3, groups: None }]),
        entry(sizes().map(|(rows, channels, groups)| NormBackward {
            rows,
            channels,
            epsilon: 1e-3,
            scale: rows != 70,
            groups,
        })),
        entry(rows().map(|(rows, channels, groups)| RowStatistics { rows, channels, groups }))
            .long(long.map(|(rows, channels, groups)| RowStatistics { rows, channels, groups })),
        entry(rows().map(|(rows, channels, groups)| sums(rows, channels, groups)))
            .long(long.map(|(rows, channels, groups)| sums(rows, channels, groups))),
        entry(normed.clone()),
        entry(normed.enumerate().map(|(i, of)| WeightNormBackward {
            of,
            l1: if i % 2 == 0 { 0.01 } else { 0.0 },
            l2: if i % 3 == 0 { 0.02 } else { 0.0 },
        })),
        entry([window, crop].into_iter().flat_map(|w| [w, RandomWindow { turned: true, ..w }])),
        entry([false, true].into_iter().flat_map(|turned| {
            [(1, 1, 1, 2), (6, 5, 3, 3), (4, 7, 8, 2), (70, 2, 12, 5)]
                .map(|(outer, length, inner, factor)| Interpolate { outer, length, inner, factor, turned })
        }))
        .long([Interpolate { outer: 1, length: 3, inner: 2, factor: 4000, turned: true }]),
        entry(warps().into_iter().flat_map(|w| [w, RandomWarp { turned: true, ..w }])).long([RandomWarp {
            batch: 2,
            size: [45, 60],
            fill: FillMode::Nearest,
            turned: true,
            ..warps()[0]
        }]),
        entry(tones()),
        entry([5, 260].map(|count| RunningAverage { count, momentum: 0.9, factor: 1.25 })),
        entry(
            [(1, 1, 3, false), (1, 130, 20, true), (3, 2100, 18, false)]
                .map(|(parts, rows, columns, squared)| SumRows { parts, rows, columns, squared }),
        )
        .long([
            SumRows { parts: 1, rows: 300_000, columns: 3, squared: false },
            SumRows { parts: 1, rows: 1, columns: 1_048_600, squared: true },
        ]),
        entry(pools().flat_map(|(i, (&geometry, channels))| {
            let sum = WindowSum { batch: 2 + i, geometry, channels, turned: false, mean: true };
            [sum, WindowSum { turned: true, ..sum }, WindowSum { turned: true, mean: false, ..sum }]
        }))
        .long([WindowSum {
            batch: 2,
            geometry: global([1, 30, 40]),
            channels: 3,
            turned: false,
            mean: true,
        }]),
    ]
}

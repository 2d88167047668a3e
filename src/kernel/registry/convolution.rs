//! Examples of the convolution kernels.

use super::{Entry, entry, rotation};
use crate::kernel::{
    ConvBackwardWeight, ConvKernel, Depthwise, DepthwiseBackwardWeight, Epilogue, MAX_DEPTH, Rotate,
    RotateSums, Share, TapShares, TapTotals, Taps, Terms, WeightGradient, WeightedSquares, ZoneSums, Zones,
    chunks,
};
use crate::shape::Geometry;
use crate::{Activation, LearnL, Rotation, Rule};

/// Windows of varied shapes: padded, strided, dilated, larger than their stride and smaller, in one to three dimensions.
pub(crate) fn geometries() -> [Geometry; 8] {
    let geometry = |input, output, kernel, strides, dilation, before| Geometry {
        input,
        output,
        kernel,
        strides,
        dilation,
        before,
    };
    [
        geometry([1, 1, 9], [1, 1, 7], [1, 1, 3], [1; 3], [1; 3], [0; 3]),
        geometry([1, 7, 6], [1, 7, 6], [1, 3, 3], [1; 3], [1; 3], [0, 1, 1]),
        geometry([1, 8, 9], [1, 4, 3], [1, 3, 2], [1, 2, 3], [1; 3], [0, 0, 0]),
        geometry([1, 9, 8], [1, 9, 8], [1, 3, 4], [1; 3], [1, 2, 1], [0, 2, 1]),
        geometry([4, 5, 3], [2, 3, 3], [3, 2, 3], [2, 2, 1], [1; 3], [1, 0, 1]),
        geometry([1, 5, 7], [1, 5, 7], [1; 3], [1; 3], [1; 3], [0; 3]),
        geometry([1, 7, 9], [1, 3, 3], [1, 1, 2], [1, 3, 4], [1; 3], [0, 1, 1]),
        geometry([1, 20, 20], [1, 20, 20], [1, 3, 3], [1; 3], [1; 3], [0, 1, 1]),
    ]
}

/// Channels, filters and groups to go with the geometries.
const CHANNELS: [(usize, usize, usize); 8] =
    [(3, 5, 1), (4, 8, 1), (6, 9, 3), (8, 16, 2), (5, 4, 1), (12, 20, 1), (4, 12, 1), (8, 36, 1)];

pub(super) fn entries() -> Vec<Entry> {
    let epilogue = Epilogue { has_bias: true, zones: None, keep_z: true, activation: Activation::Sigmoid };
    // None, one, or as many as the taps require.
    let zones = |i: usize, taps: &Taps| [None, Some(Zones::one(taps.at)), Some(Zones::of(taps))][i % 3];
    let cases = || geometries().into_iter().zip(CHANNELS).enumerate();
    let conv = |batch, taps: Taps, (channels, filters, groups), turned, epilogue: Epilogue| ConvKernel {
        batch,
        taps,
        channels,
        filters,
        groups,
        turned,
        epilogue,
        terms: None,
    };
    // Each geometry has its own shader, which is slow to compile: two of them cover all variants, by number and by vec4.
    let (mut convs, mut conv_options) = (Vec::new(), Vec::new());
    for (i, (geometry, (channels, filters, groups))) in cases() {
        let epilogue = Epilogue { zones: zones(i, &Taps::down(&geometry)), has_bias: i % 2 == 0, ..epilogue };
        let list = if matches!(i, 2 | 3) { &mut convs } else { &mut conv_options };
        list.push(conv(2 + i % 3, Taps::down(&geometry), (channels, filters, groups), false, epilogue));
        list.push(conv(3, Taps::up(&geometry), (filters, channels, groups), true, Epilogue::default()));
    }
    // Stretches of the depth: the first, a middle one and the last, in both directions.
    for (geometry, terms) in
        [(geometries()[1], (0, 12)), (geometries()[1], (12, 8)), (geometries()[1], (20, 7))]
    {
        let terms = Some(Terms { first: terms.0, len: terms.1 });
        let epilogue = Epilogue { zones: zones(2, &Taps::down(&geometry)), ..epilogue };
        conv_options.push(ConvKernel { terms, ..conv(2, Taps::down(&geometry), (3, 5, 1), false, epilogue) });
        conv_options.push(ConvKernel { terms, ..conv(2, Taps::up(&geometry), (3, 5, 1), true, epilogue) });
    }
    let up = Taps::up(&geometries()[4]);
    let turned_options = conv(3, up, (4, 5, 1), true, Epilogue { zones: zones(2, &up), ..epilogue });
    let down = Taps::down(&geometries()[1]);
    let options = Activation::ALL.iter().map(|&activation| {
        conv(2, down, (3, 5, 1), false, Epilogue { activation, zones: zones(2, &down), ..epilogue })
    });

    let depthwise = |batch, taps: Taps, channels, multiplier, turned, epilogue: Epilogue| Depthwise {
        batch,
        taps,
        channels,
        multiplier,
        turned,
        epilogue,
    };
    let mut depthwises = Vec::new();
    for (i, (geometry, (channels, _, _))) in cases() {
        let (epilogue, m) = (
            Epilogue { zones: zones(i, &Taps::down(&geometry)), has_bias: i % 2 == 0, ..epilogue },
            1 + i.div_ceil(2) % 3,
        );
        depthwises.push(depthwise(2 + i % 3, Taps::down(&geometry), channels, m, false, epilogue));
        depthwises.push(depthwise(3, Taps::up(&geometry), channels, m, true, Epilogue::default()));
    }
    depthwises.push(depthwise(3, down, 8, 1, false, Epilogue { zones: zones(2, &down), ..epilogue }));

    // The last has several partial sums.
    let weights = cases().map(|(i, (geometry, (channels, filters, groups)))| ConvBackwardWeight {
        batch: if i == 7 { 24 } else { 1 + i },
        taps: Taps::down(&geometry),
        channels,
        filters,
        groups,
    });
    let weights: Vec<_> = weights.collect();
    let every = |w: &ConvBackwardWeight| w.groups == 3 || w.batch == 24;

    let rotations = [
        rotation(Rule::Diagonal, LearnL::Fixed),
        rotation(Rule::Diagonal, LearnL::PerLayer),
        rotation(Rule::Aligned, LearnL::PerUnit),
    ];
    let sums = |rows, zones: Option<Zones>, filters, has_bias, rotation| RotateSums {
        chunks: chunks(rows, &zones.unwrap_or(Zones::one([1; 3]))),
        zones: zones.unwrap_or(Zones::one([1; 3])),
        by_zone: false,
        taps: None,
        filters,
        has_bias,
        rotation,
    };
    let gradient = |(splits, taps, channels, filters), turned, share| WeightGradient {
        splits,
        taps,
        channels,
        filters,
        turned,
        share,
        factor: 1.5,
        l1: 0.0,
        l2: 0.0,
    };
    // A line, a window of many taps, and a large two-dimensional one.
    let long = |n: usize, taps: usize, before: usize| Geometry {
        input: [1, 1, n],
        output: [1, 1, n + 2 * before + 1 - taps],
        kernel: [1, 1, taps],
        before: [0, 0, before],
        ..geometries()[0]
    };
    let (line, wide) = (long(70_000, 3, 1), long(4200, 4000, 0));
    let mosaic = Geometry {
        input: [1, 40, 40],
        output: [1, 40, 40],
        kernel: [1, 31, 31],
        before: [0, 15, 15],
        ..geometries()[1]
    };
    let totals = |taps, turned| TapTotals {
        taps,
        channels: 3,
        filters: 5,
        turned,
        squared: false,
        factor: 2.0,
        has_bias: false,
        rotation: None,
        gates: 1,
        limits: [2.0, 4.0, 3.0, 1.5],
    };
    let regularised = WeightGradient { l1: 0.01, l2: 0.02, ..gradient((2, 9, 3, 16), false, Share::Shift) };
    vec![
        entry(convs).options(conv_options.into_iter().chain(options).chain([turned_options])).long([conv(
            3,
            Taps::pointwise([1; 3]),
            (MAX_DEPTH, 5, 1),
            false,
            Epilogue::default(),
        )]),
        entry(weights.iter().copied().filter(every))
            .options(weights.iter().copied().filter(|w| !every(w)))
            .long([ConvBackwardWeight {
                batch: 2,
                taps: Taps::down(&line),
                channels: 3,
                filters: 2,
                groups: 1,
            }]),
        entry(depthwises).long([depthwise(1, Taps::down(&wide), 2, 1, false, Epilogue::default())]),
        entry(cases().map(|(i, (geometry, (channels, _, _)))| DepthwiseBackwardWeight {
            batch: if i == 7 { 24 } else { 1 + i },
            taps: Taps::down(&geometry),
            channels,
            multiplier: 1 + i.div_ceil(2) % 3,
        }))
        .long([DepthwiseBackwardWeight {
            batch: 4,
            taps: Taps::down(&line),
            channels: 3,
            multiplier: 1,
        }]),
        entry(
            rotations.iter().zip([(1, 7), (12, 5), (1, 130)]).map(|(&rotation, (zones, filters))| Rotate {
                zones,
                filters,
                has_bias: zones > 1,
                rotation,
            }),
        ),
        entry([
            sums(1100, zones(1, &down), 9, true, Some(rotations[0])),
            sums(1100, zones(1, &down), 20, true, Some(rotations[2])),
            sums(42 * 30, zones(2, &down), 12, true, Some(rotations[1])),
            sums(60 * 70, zones(2, &up), 3, false, Some(rotations[0])),
            RotateSums { taps: Some(down), ..sums(42 * 30, zones(2, &down), 12, true, Some(rotations[0])) },
            RotateSums { taps: Some(up), ..sums(60 * 70, zones(2, &up), 3, true, Some(rotations[0])) },
            sums(3000, zones(1, &down), 17, true, None),
            RotateSums { by_zone: true, ..sums(42 * 30, zones(2, &down), 12, true, Some(rotations[0])) },
        ])
        .long([RotateSums { chunks: 4096, ..sums(0, None, 3, true, Some(rotations[0])) }]),
        entry(
            [(zones(2, &down), 12), (zones(2, &up), 3)]
                .map(|(zones, filters)| ZoneSums { zones: zones.unwrap_or(Zones::one([1; 3])), filters }),
        )
        .long([ZoneSums { zones: Zones::of(&Taps::down(&line)), filters: 3 }]),
        entry([1, 3, 4].map(|i| TapShares { taps: Taps::down(&geometries()[i]), filters: 4 + i }))
            .long([TapShares { taps: Taps::down(&mosaic), filters: 3 }]),
        entry(
            [(3, 5, false), (70, 6, true), (8, 12, true)]
                .map(|(channels, filters, turned)| WeightedSquares { channels, filters, turned }),
        )
        .long([WeightedSquares { channels: 200_000, filters: 5, turned: false }]),
        entry([1, 3, 4].into_iter().flat_map(|i| {
            let geometry = geometries()[i];
            let totals = |taps, turned, rotation: Option<Rotation>| TapTotals {
                channels: 3 * i + 5,
                filters: 4 + i,
                squared: rotation.is_some_and(|r| r.rule == Rule::Aligned),
                has_bias: i == 3,
                rotation,
                ..totals(taps, turned)
            };
            let whole = Taps::whole(geometry.kernel);
            [
                totals(Taps::down(&geometry), false, Some(rotations[i / 2])),
                totals(Taps::up(&geometry), true, Some(rotations[0])),
                totals(Taps::up(&geometry), false, None),
                TapTotals { filters: 20, channels: 72, ..totals(whole, i == 3, Some(rotations[2])) },
                TapTotals {
                    filters: 20,
                    gates: 4,
                    ..totals(Taps::down(&geometry), false, Some(rotations[i / 2]))
                },
            ]
        }))
        .long([
            TapTotals { channels: 200_000, ..totals(Taps::pointwise([1; 3]), false) },
            TapTotals { channels: 3, ..totals(Taps::down(&mosaic), false) },
        ]),
        entry([
            gradient((1, 9, 3, 16), false, Share::None),
            gradient((3, 9, 3, 16), false, Share::ShiftPerTap),
            gradient((3, 4, 5, 7), false, Share::Scale),
            gradient((2, 4, 8, 12), true, Share::ShiftPerTap),
            gradient((2, 4, 5, 7), true, Share::Scale),
            gradient((2, 2, 16, 4), true, Share::Scale),
            gradient((2, 1, 6, 8), false, Share::ScalePerChannel),
            gradient((2, 1, 6, 9), false, Share::Whole),
            regularised,
        ])
        .long([gradient((4000, 1, 3, 4), false, Share::None)]),
    ]
}

//! Dropout and augmentation against what they are said to do: shares counted, every shift and mirroring found out from pictures
//! whose pixels all differ, anew in every step, and nothing of it in predictions.

use crate::common::{Random, devices};
use crate::probe::Probe;
use autorot::{
    Activation, AlphaDropout, Conv2d, Dense, Device, Dropout, Gru, Initializer, Model, RandomCrop,
    RandomFlip, RandomTranslation, Sequential,
};
use std::collections::BTreeMap;

const ROWS: usize = 500;
const WIDTH: usize = 64;

/// The matrix that changes nothing.
fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|i| f64::from(u8::from(i % (n + 1) == 0))).collect()
}

/// Whether a count of so many draws is what chance gives: within five deviations.
#[track_caller]
fn likely(count: usize, draws: usize, share: f64, what: &str) {
    let (mean, deviation) = (draws as f64 * share, (draws as f64 * share * (1.0 - share)).sqrt());
    assert!(
        (count as f64 - mean).abs() <= 5.0 * deviation,
        "{what}: {count} of {draws}, expected {mean} ± {deviation}"
    );
}

#[test]
fn dropout_keeps_its_share_and_scales_it() {
    for (rate, device) in
        [0.25, 0.5, 0.75].into_iter().flat_map(|rate| devices().into_iter().map(move |d| (rate, d)))
    {
        // A dense layer before it that changes nothing, since what dropout does alone has no parameters to hold.
        let net =
            Sequential::new([WIDTH]).add(Dense::new(WIDTH).use_bias(false)).add(Dropout::new(rate as f32));
        let network = net.network(7).unwrap();
        let mut probe = Probe::new(&device, &network, ROWS, &mut Random::new(1));
        let x: Vec<f64> = (0..ROWS * WIDTH).map(|i| 1.0 + (i % 7) as f64).collect();
        let g = vec![1.0; ROWS * WIDTH];
        probe.set_g(&g);
        let mut masks = Vec::new();
        for step in [0, 1, 2] {
            probe.set_step(step);
            let [y, _, d_x, _] = probe.all(&x, &identity(WIDTH));
            let scale = 1.0 / (1.0 - rate);
            let mask: Vec<bool> = y.iter().map(|&y| y != 0.0).collect();
            for ((y, d_x), (x, &kept)) in y.iter().zip(&d_x).zip(x.iter().zip(&mask)) {
                let factor = if kept { scale } else { 0.0 };
                assert!((y - factor * x).abs() < 1e-5 * factor * x + 1e-12, "{rate}: {y} of {x}");
                // The same numbers are dropped on the way back.
                assert!((d_x - factor).abs() < 1e-5 * factor + 1e-12, "{rate}: {d_x} for {factor}");
            }
            let kept = |m: &[bool]| m.iter().filter(|&&kept| kept).count();
            likely(kept(&mask), mask.len(), 1.0 - rate, "kept");
            // Every column and every row by itself, so that nothing is dropped as a block.
            for column in 0..WIDTH {
                let of: Vec<bool> = mask.iter().skip(column).step_by(WIDTH).copied().collect();
                likely(kept(&of), ROWS, 1.0 - rate, "kept of a column");
            }
            mask.chunks_exact(WIDTH).for_each(|row| likely(kept(row), WIDTH, 1.0 - rate, "kept of a row"));
            masks.push(mask);
        }
        // Two steps drop independently of each other: both keep a number with the square of the chance.
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let both = masks[a].iter().zip(&masks[b]).filter(|(a, b)| **a && **b).count();
            likely(both, ROWS * WIDTH, (1.0 - rate) * (1.0 - rate), "kept in two steps");
        }
    }
}

#[test]
fn two_dropouts_drop_independently() {
    let net = Sequential::new([WIDTH]).add(Dense::new(WIDTH).use_bias(false));
    let network = net.add(Dropout::new(0.5)).add(Dropout::new(0.5)).network(7).unwrap();
    for device in devices() {
        let mut probe = Probe::new(&device, &network, ROWS, &mut Random::new(1));
        let [y, ..] = probe.all(&vec![1.0; ROWS * WIDTH], &identity(WIDTH));
        // What both keep has been scaled twice.
        assert!(y.iter().all(|&y| y == 0.0 || y == 4.0));
        likely(y.iter().filter(|&&y| y != 0.0).count(), y.len(), 0.25, "kept by both");
    }
}

/// `count` numbers whose mean is 0 and whose variance is 1, drawn from a normal distribution (Box and Muller 1958).
fn normal(count: usize) -> Vec<f64> {
    let mut random = Random::new(5);
    let mut uniform = || f64::from(random.signed()) / 2.0 + 0.5;
    let drawn: Vec<f64> = (0..count)
        .map(|_| (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos())
        .collect();
    let (mean, variance) = moments(&drawn);
    drawn.iter().map(|v| (v - mean) / variance.sqrt()).collect()
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64)
}

#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    // Keras' formula: alpha_p = −alpha·scale; a·(x where it is kept, else alpha_p) + b.
    let alpha_p: f64 = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
    let x: Vec<f64> = normal(ROWS * WIDTH);
    for (rate, device) in
        [0.1f64, 0.5].into_iter().flat_map(|rate| devices().into_iter().map(move |d| (rate, d)))
    {
        let a = ((1.0f64 - rate) * (1.0 + rate * alpha_p * alpha_p)).powf(-0.5);
        let b = -a * alpha_p * rate;
        let net = |layer: &dyn Fn(Sequential) -> Sequential| {
            layer(Sequential::new([WIDTH]).add(Dense::new(WIDTH).use_bias(false))).network(7).unwrap()
        };
        let network = net(&|net| net.add(AlphaDropout::new(rate as f32)));
        let mut probe = Probe::new(&device, &network, ROWS, &mut Random::new(1));
        probe.set_g(&vec![1.0; x.len()]);
        let [y, _, d_x, _] = probe.all(&x, &identity(WIDTH));
        let close = |found: f64, wanted: f64| (found - wanted).abs() < 1e-5 * (1.0 + wanted.abs());
        let mut kept = 0;
        for ((&y, &d_x), &x) in y.iter().zip(&d_x).zip(&x) {
            let wanted = if d_x == 0.0 { (a * alpha_p + b, 0.0) } else { (a * x + b, a) };
            assert!(close(y, wanted.0) && close(d_x, wanted.1), "{rate}: {y} and {d_x} of {x}");
            kept += usize::from(d_x != 0.0);
        }
        likely(kept, x.len(), 1.0 - rate, "kept");
        // Five deviations of the mean of so many numbers; the variance's is a little larger.
        let (mean, variance) = moments(&y);
        let deviation = (x.len() as f64).sqrt().recip();
        assert!(
            mean.abs() < 5.0 * deviation && (variance - 1.0).abs() < 10.0 * deviation,
            "{mean}, {variance}"
        );
        // Dropout draws the same numbers, and would not keep the variance.
        let network = net(&|net| net.add(Dropout::new(rate as f32)));
        let mut probe = Probe::new(&device, &network, ROWS, &mut Random::new(1));
        probe.set_g(&vec![1.0; x.len()]);
        let [y, ..] = probe.all(&x, &identity(WIDTH));
        assert!((moments(&y).1 - 1.0 / (1.0 - rate)).abs() < 10.0 * deviation / (1.0 - rate), "{rate}");
    }
}

#[test]
fn deep_networks_of_selu_keep_mean_and_variance() {
    // Klambauer et al. 2017: selu, kernels of variance 1/inputs, alpha dropout.
    let deep = |activation: Activation, initializer: Initializer, rate: f32| {
        let mut net = Sequential::new([WIDTH]);
        for _ in 0..24 {
            let hidden = Dense::new(WIDTH).activation(activation).kernel_initializer(initializer);
            net = net.add(hidden).add(AlphaDropout::new(rate));
        }
        let network = net.network(3).unwrap();
        let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
        let mut probe = Probe::new(&Device::cpu(), &network, ROWS, &mut Random::new(1));
        let [y, ..] = probe.all(&normal(ROWS * WIDTH), &parameters);
        moments(&y)
    };
    for rate in [0.0, 0.1] {
        let (mean, variance) = deep(Activation::Selu, Initializer::LecunNormal, rate);
        assert!(mean.abs() < 0.15 && (0.7..1.4).contains(&variance), "{rate}: {mean}, {variance}");
    }
    // Neither of the two alone does so.
    let (_, variance) = deep(Activation::Tanh, Initializer::LecunNormal, 0.0);
    assert!(variance < 0.1, "tanh: {variance}");
    let (_, variance) = deep(Activation::Selu, Initializer::HeNormal, 0.0);
    assert!(variance > 2.5, "kernels of twice the variance: {variance}");
}

#[test]
fn predictions_drop_nothing() {
    for device in devices() {
        let build = |rate: f32| -> Model {
            Sequential::new([6, 2])
                .input_range(0.0, 1.0)
                .add(Gru::new(5).dropout(rate).recurrent_dropout(rate))
                .add(Dropout::new(rate))
                .add(AlphaDropout::new(rate))
                .add(Dense::new(3))
                .build(&device, 4)
                .unwrap()
        };
        let x = Random::new(2).vector(50 * 12, 1.0);
        assert_eq!(build(0.6).predict(&x).unwrap(), build(0.0).predict(&x).unwrap(), "{}", device.name());
    }
}

const SIZE: [usize; 2] = [5, 7];
const CHANNELS: usize = 2;

/// Pictures without two equal numbers, none of which is 0.
fn pictures(rows: usize) -> Vec<f64> {
    (0..rows * SIZE[0] * SIZE[1] * CHANNELS).map(|i| 1.0 + (i % 4096) as f64).collect()
}

/// What is seen through a window: offset downwards and to the right, and whether mirrored along each axis.
type View = ([i32; 2], [bool; 2]);

/// The picture through a window of this size; zeros outside of it.
fn seen(picture: &[f64], window: [usize; 2], (offset, mirror): View) -> Vec<f64> {
    let mut out = Vec::new();
    for line in 0..window[0] {
        for column in 0..window[1] {
            let turn = |axis: usize, at: usize| if mirror[axis] { window[axis] - 1 - at } else { at };
            let (y, x) = (turn(0, line) as i32 + offset[0], turn(1, column) as i32 + offset[1]);
            let inside = (0..SIZE[0] as i32).contains(&y) && (0..SIZE[1] as i32).contains(&x);
            for channel in 0..CHANNELS {
                let at = (y * SIZE[1] as i32 + x) * CHANNELS as i32 + channel as i32;
                out.push(if inside { picture[at as usize] } else { 0.0 });
            }
        }
    }
    out
}

/// How often each view was taken in three steps, each of which draws anew.
fn views(net: Sequential, window: [usize; 2], candidates: &[View], device: &Device) -> BTreeMap<View, usize> {
    let rows = 600;
    let network = net.network(5).unwrap();
    let x = pictures(rows);
    let mut probe = Probe::new(device, &network, rows, &mut Random::new(1));
    let (mut counts, mut drawn) = (BTreeMap::new(), Vec::new());
    for step in 0..3 {
        probe.set_step(step);
        let [y, ..] = probe.all(&x, &identity(CHANNELS));
        let pictures = x.chunks_exact(SIZE[0] * SIZE[1] * CHANNELS);
        let pairs = pictures.zip(y.chunks_exact(window[0] * window[1] * CHANNELS));
        let view = |(picture, y): (&[f64], &[f64])| -> View {
            let fitting = candidates.iter().find(|view| seen(picture, window, **view) == y);
            *fitting.unwrap_or_else(|| panic!("no view of a picture is {y:?} on {}", device.name()))
        };
        let found: Vec<View> = pairs.map(view).collect();
        found.iter().for_each(|view| *counts.entry(*view).or_default() += 1);
        drawn.push(found);
    }
    // Steps draw independently: two agree about as often as chance has it.
    for pair in drawn.windows(2) {
        let equal = pair[0].iter().zip(&pair[1]).filter(|(a, b)| a == b).count();
        likely(equal, rows, 1.0 / candidates.len() as f64, "equal views in two steps");
    }
    for view in candidates {
        let count = counts.get(view).copied().unwrap_or(0);
        likely(count, 3 * rows, 1.0 / candidates.len() as f64, &format!("{view:?}"));
    }
    counts
}

/// Pictures that a convolution has left as they are.
fn net() -> Sequential {
    let same = Conv2d::new(CHANNELS, 1).use_bias(false);
    Sequential::new([SIZE[0], SIZE[1], CHANNELS]).input_range(0.0, 4096.0).add(same)
}

#[test]
fn flips_mirror_half_of_the_pictures_each_way() {
    let still = ([0, 0], [false; 2]);
    for device in devices() {
        let along = |mirror| ([0, 0], mirror);
        let both = [still, along([true, false]), along([false, true]), along([true, true])];
        views(net().add(RandomFlip::horizontal()), SIZE, &[still, along([false, true])], &device);
        views(net().add(RandomFlip::vertical()), SIZE, &[still, along([true, false])], &device);
        assert_eq!(views(net().add(RandomFlip::both()), SIZE, &both, &device).len(), 4);
    }
}

#[test]
fn translations_and_crops_take_every_place_as_often() {
    let places = |first: [i32; 2], last: [i32; 2]| -> Vec<View> {
        let down = move |y: i32| (first[1]..=last[1]).map(move |x| ([y, x], [false; 2]));
        (first[0]..=last[0]).flat_map(down).collect()
    };
    for device in devices() {
        // Up to one pixel up or down and two to the sides: 3 × 5 places.
        let shifts = places([-1, -2], [1, 2]);
        assert_eq!(views(net().add(RandomTranslation::new([1, 2])), SIZE, &shifts, &device).len(), 15);
        // Windows of 4 × 5 in pictures of 5 × 7: 2 × 3 places.
        let crops = places([0, 0], [1, 2]);
        assert_eq!(views(net().add(RandomCrop::new([4, 5])), [4, 5], &crops, &device).len(), 6);
    }
}

#[test]
fn predictions_see_pictures_as_they_are_and_crops_their_middle() {
    let rows = 3;
    let x = pictures(rows);
    let single: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    for device in devices() {
        let predict = |net: Sequential| -> Vec<f64> {
            let mut model = net.build(&device, 5).unwrap();
            let mut weights = model.weights().unwrap();
            let kernel = identity(CHANNELS).iter().map(|&v| v as f32).collect();
            weights.get_mut("0.conv2d.kernel").unwrap().values = kernel;
            model.set_weights(&weights).unwrap();
            model.predict(&single).unwrap().into_iter().map(f64::from).collect()
        };
        let still = net().add(RandomFlip::both()).add(RandomTranslation::new(2));
        assert_eq!(predict(still), x);
        // Keras' CenterCrop: (5 − 3)/2 = 1 line and (7 − 4)/2 = 1 column from the upper left corner.
        let middle =
            x.chunks_exact(SIZE[0] * SIZE[1] * CHANNELS).flat_map(|p| seen(p, [3, 4], ([1, 1], [false; 2])));
        assert_eq!(predict(net().add(RandomCrop::new([3, 4]))), middle.collect::<Vec<_>>());
        // A part may be one pixel.
        let pixel =
            x.chunks_exact(SIZE[0] * SIZE[1] * CHANNELS).flat_map(|p| seen(p, [1, 1], ([2, 3], [false; 2])));
        assert_eq!(predict(net().add(RandomCrop::new([1, 1]))), pixel.collect::<Vec<_>>());
    }
}

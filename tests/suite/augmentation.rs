//! Augmentation of images: against what Keras makes of them, by hand where images are turned and shifted by whole pixels, by formula where
//! brightness and contrast change; what is drawn, by its limits and its mean; the way back, and what is refused.

use crate::common::{Random, devices};
use crate::files::says;
use crate::golden::golden;
use crate::probe::Probe;
use autorot::extend::Layer;
use autorot::model::Draft;
use autorot::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    options: serde_json::Map<String, serde_json::Value>,
    shape: Vec<usize>,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// A convolution that changes nothing, since what random layers do alone has no parameters to hold, then the layer.
fn behind(shape: &[usize], layer: impl FnOnce(Sequential) -> Sequential) -> (Sequential, Vec<f64>) {
    let channels = shape[2];
    let net = Sequential::new(shape).input_range(0.0, 1.0).add(Conv2d::new(channels, 1).use_bias(false));
    let identity = (0..channels * channels).map(|i| f64::from(u8::from(i % (channels + 1) == 0)));
    (layer(net), identity.collect())
}

/// What the layer makes of images in training, and of a gradient on the way back.
fn changed(
    device: &Device,
    shape: &[usize],
    layer: &dyn Layer,
    x: &[f64],
    g: &[f64],
    step: u32,
) -> [Vec<f64>; 2] {
    let draft = layer.options().into_iter().fold(Draft::new(layer.kind()), |d, (k, v)| d.option(k, v));
    let (net, identity) = behind(shape, |net| net.add_drafts(&[draft]).unwrap());
    let network = net.network(7).unwrap();
    let rows = x.len() / network.input().len();
    let mut probe = Probe::new(device, &network, rows, &mut Random::new(1));
    probe.set_g(g);
    probe.set_step(step);
    let [y, _, d_x, _] = probe.all(x, &identity);
    [y, d_x]
}

#[track_caller]
fn close(found: &[f64], wanted: &[f64], what: &str) {
    assert_eq!(found.len(), wanted.len());
    for (i, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() < 1e-5 * (1.0 + wanted.abs()), "{what}, {i}: {found}, not {wanted}");
    }
}

#[test]
fn images_are_changed_as_in_keras() {
    let Golden { cases } = golden("augmentation.json");
    for device in devices() {
        for case in &cases {
            let options = case.options.clone().into_iter();
            let draft =
                options.fold(Draft::new(&case.kind), |draft, (name, value)| draft.option(name, value));
            let (net, identity) = behind(&case.shape, |net| net.add_drafts(&[draft]).unwrap());
            let mut probe = Probe::new(&device, &net.network(7).unwrap(), 1, &mut Random::new(1));
            let [y, ..] = probe.all(&case.x, &identity);
            close(&y, &case.y, &format!("{} on {}", case.name, device.name()));
        }
    }
}

const SIZE: usize = 5;

/// An image whose numbers all differ.
fn image() -> Vec<f64> {
    (0..SIZE * SIZE).map(|i| 0.01 + i as f64 / 30.0).collect()
}

#[test]
fn quarter_turns_and_whole_pixels_are_exact() {
    let x = image();
    let at = |line: usize, place: usize| x[line * SIZE + place];
    let of = |from: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
        (0..SIZE * SIZE).map(|i| from(i / SIZE, i % SIZE)).collect()
    };
    let last = SIZE - 1;
    // Counter-clockwise: the right edge comes to lie at the top.
    let turned = of(&|line, place| at(place, last - line));
    let half = of(&|line, place| at(last - line, last - place));
    let back = of(&|line, place| at(last - place, line));
    let shift = |line: usize, place: usize| {
        if line < 1 || place + 2 > last { 0.0 } else { at(line - 1, place + 2) }
    };
    let shifted = of(&shift);
    for device in devices() {
        for interpolation in [Interpolation::Bilinear, Interpolation::Nearest] {
            let turn = |factor: f32| {
                let layer = RandomRotation::new((factor, factor)).fill_mode(FillMode::Constant);
                layer.fill_value(9.0).interpolation(interpolation)
            };
            let of = |layer: &dyn Layer| changed(&device, &[SIZE, SIZE, 1], layer, &x, &x, 0);
            for (factor, wanted) in [
                (0.25, &turned),
                (-0.75, &turned),
                (0.5, &half),
                (-0.25, &back),
                (0.75, &back),
                (0.0, &x),
                (1.0, &x),
            ] {
                assert_eq!(of(&turn(factor))[0], single(wanted, &device), "{factor} on {}", device.name());
            }
            // The way back of a permutation is its inverse.
            assert_eq!(of(&turn(0.25))[1], single(&back, &device));
            let layer = RandomTranslation::shares((0.2, 0.2), (-0.4, -0.4)).fill_mode(FillMode::Constant);
            close(&of(&layer.interpolation(interpolation))[0], &shifted, "one down, two to the left");
        }
    }
}

/// Numbers as a device holds them.
fn single(values: &[f64], device: &Device) -> Vec<f64> {
    let exact = device.name().contains("f64");
    values.iter().map(|&v| if exact { v } else { f64::from(v as f32) }).collect()
}

#[test]
fn zooming_by_hand() {
    // A row of five pixels around its middle, 2: twice as far apart, every other pixel, and what lies outside.
    let x = [1.0, 2.0, 4.0, 8.0, 16.0];
    let pixels: [(FillMode, [f64; 5]); 4] = [
        (FillMode::Constant, [0.5, 1.0, 4.0, 16.0, 0.5]),
        (FillMode::Nearest, [1.0, 1.0, 4.0, 16.0, 16.0]),
        // Places −2 and 6: the mirror image has 1 and 3 there, the repetition 3 and 1.
        (FillMode::Reflect, [2.0, 1.0, 4.0, 16.0, 8.0]),
        (FillMode::Wrap, [8.0, 1.0, 4.0, 16.0, 2.0]),
    ];
    for device in devices() {
        for (fill, wanted) in pixels {
            let out = RandomZoom::new((0.0, 0.0)).width_factor((1.0, 1.0)).fill_mode(fill).fill_value(0.5);
            close(&changed(&device, &[1, 5, 1], &out, &x, &x, 0)[0], &wanted, &format!("{fill:?}"));
        }
        let closer = RandomZoom::new((-0.5, -0.5));
        let [y, _] = changed(&device, &[1, 5, 1], &closer, &x, &x, 0);
        close(&y, &[2.0, 3.0, 4.0, 6.0, 8.0], "half as far apart");
    }
}

/// Images of noise, one after another.
fn images(rows: usize, len: usize) -> Vec<f64> {
    Random::new(4).vector(rows * len, 0.5).into_iter().map(|v| 0.5 + f64::from(v)).collect()
}

/// Whether numbers are spread evenly between two limits: all within, the mean and the variance as they should be.
#[track_caller]
fn evenly(drawn: &[f64], lower: f64, upper: f64) {
    let slack = 1e-4 * (upper - lower);
    assert!(drawn.iter().all(|&a| lower - slack <= a && a <= upper + slack), "{drawn:?}");
    let n = drawn.len() as f64;
    let mean = drawn.iter().sum::<f64>() / n;
    let variance = drawn.iter().map(|a| (a - mean) * (a - mean)).sum::<f64>() / n;
    let width = upper - lower;
    let deviation = width / 12f64.sqrt();
    assert!((mean - 0.5 * (lower + upper)).abs() < 5.0 * deviation / n.sqrt(), "mean {mean}");
    // Of an even distribution: the fourth moment is w⁴/80, so the variance's deviation w²·√((1/80 − 1/144)/n).
    let off = 5.0 * width * width * ((1.0 / 80.0 - 1.0 / 144.0) / n).sqrt();
    assert!((variance - deviation * deviation).abs() < off, "variance {variance}");
}

#[test]
fn brightness_and_contrast_follow_their_formulas_with_numbers_spread_evenly() {
    const ROWS: usize = 400;
    let shape = [3, 4, 2];
    let x = images(ROWS, 24);
    let g = Random::new(3).vector(x.len(), 1.0).into_iter().map(f64::from).collect::<Vec<_>>();
    for device in devices() {
        let (mut shifts, mut factors, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for step in 0..2 {
            // Of the range −2..3, so nothing is cut off.
            let bright = RandomBrightness::new((-0.1, 0.3)).value_range(-2.0, 3.0);
            let [y, d_x] = changed(&device, &shape, &bright, &x, &g, step);
            close(&d_x, &g, "the gradient of a sum");
            for (y, x) in y.chunks_exact(24).zip(x.chunks_exact(24)) {
                let shift = y[0] - x[0];
                close(y, &x.iter().map(|x| x + shift).collect::<Vec<_>>(), "brightness");
                shifts.push(shift);
            }
            let contrast = RandomContrast::new((0.5, 0.8)).value_range(-9.0, 9.0);
            let [y, d_x] = changed(&device, &shape, &contrast, &x, &g, step);
            for ((y, d_x), (x, g)) in
                y.chunks_exact(24).zip(d_x.chunks_exact(24)).zip(x.chunks_exact(24).zip(g.chunks_exact(24)))
            {
                let mean = |v: &[f64], c: usize| v.iter().skip(c).step_by(2).sum::<f64>() / 12.0;
                let means = [mean(x, 0), mean(x, 1)];
                // By the pixel farthest from its mean.
                let far = (0..24)
                    .max_by(|&a, &b| (x[a] - means[a % 2]).abs().total_cmp(&(x[b] - means[b % 2]).abs()));
                let far = far.unwrap();
                let a = (y[far] - means[far % 2]) / (x[far] - means[far % 2]);
                let wanted: Vec<f64> =
                    x.iter().enumerate().map(|(i, x)| means[i % 2] + a * (x - means[i % 2])).collect();
                close(y, &wanted, "contrast");
                // ∂ℓ/∂x of m + a·(x − m): a·g, and of the mean's share (1 − a)·(the mean of g).
                let wanted: Vec<f64> =
                    g.iter().enumerate().map(|(i, g_i)| a * g_i + (1.0 - a) * mean(g, i % 2)).collect();
                close(d_x, &wanted, "the gradient of contrast");
                factors.push(a);
            }
            first.push((shifts[step as usize * ROWS], factors[step as usize * ROWS]));
        }
        evenly(&shifts, -0.5, 1.5);
        evenly(&factors, 0.5, 1.8);
        assert!(first[0] != first[1], "steps draw anew");
    }
}

#[test]
fn values_are_kept_in_their_range_and_pass_no_gradient_beyond_it() {
    let x = images(50, 24);
    let g = vec![1.0; x.len()];
    for device in devices() {
        for layer in [&RandomBrightness::new((0.6, 0.6)) as &dyn Layer, &RandomContrast::new((0.0, 9.0))] {
            let [y, d_x] = changed(&device, &[3, 4, 2], layer, &x, &g, 0);
            assert!(y.iter().all(|y| (0.0..=1.0).contains(y)));
            let cut = y.iter().filter(|&&y| y == 0.0 || y == 1.0).count();
            assert!(cut > y.len() / 5 && cut < y.len() * 9 / 10, "{cut} of {}", y.len());
            if layer.kind() == "random_brightness" {
                assert!(y.iter().zip(&d_x).all(|(y, d_x)| *d_x == f64::from(u8::from(*y != 1.0))));
            }
        }
    }
}

#[test]
fn shares_turns_and_zooms_are_spread_evenly_over_images_and_steps() {
    // An image that says where it is seen: its line, and its place.
    let n = 41;
    let one: Vec<f64> = (0..n * n).flat_map(|i| [(i / n) as f64, (i % n) as f64]).collect();
    let rows = 150;
    let x: Vec<f64> = (0..rows).flat_map(|_| one.clone()).collect();
    let middle = (n - 1) as f64 / 2.0;
    let shape = [n, n, 2];
    // Where the output five pixels to the right of the middle looks, relative to the middle.
    let looks = |layer: &dyn Layer, device: &Device| -> Vec<[f64; 2]> {
        let [y, _] = changed(device, &shape, layer, &x, &x, 3);
        let at = 2 * (n / 2 * n + n / 2 + 5);
        y.chunks_exact(one.len()).map(|y| [y[at] - middle, y[at + 1] - middle]).collect()
    };
    for device in devices() {
        let seen = looks(&RandomTranslation::shares((-0.1, 0.2), 0.25), &device);
        let along = |axis: usize, less: f64| {
            seen.iter().map(move |s| (less - s[axis]) / n as f64).collect::<Vec<_>>()
        };
        let (down, across) = (along(0, 0.0), along(1, 5.0));
        evenly(&down, -0.1, 0.2);
        evenly(&across, -0.25, 0.25);
        // Independently of each other.
        let product: f64 = down.iter().zip(&across).map(|(a, b)| (a - 0.05) * b).sum::<f64>() / rows as f64;
        assert!(product.abs() < 5.0 * (0.3 * 0.5 / 12.0) / (rows as f64).sqrt(), "{product}");
        let seen = looks(&RandomRotation::new((-0.1, 0.3)), &device);
        let turns: Vec<f64> = seen.iter().map(|s| s[0].atan2(s[1]) / std::f64::consts::TAU).collect();
        assert!(seen.iter().all(|s| (s[0].hypot(s[1]) - 5.0).abs() < 1e-4));
        evenly(&turns, -0.1, 0.3);
        let seen = looks(&RandomZoom::new((-0.5, 0.2)), &device);
        assert!(seen.iter().all(|s| s[0].abs() < 1e-4));
        evenly(&seen.iter().map(|s| s[1] / 5.0 - 1.0).collect::<Vec<_>>(), -0.5, 0.2);
    }
}

#[test]
fn the_way_back_of_a_warp_is_its_transpose() {
    // Σ g·W(x) = Σ Wᵀ(g)·x for every pair, whatever lies outside (with a constant of 0, so that W is linear).
    let shape = [6, 7, 3];
    let x = images(30, 126);
    let g: Vec<f64> = images(30, 126).into_iter().rev().collect();
    for device in devices() {
        for fill in [FillMode::Reflect, FillMode::Wrap, FillMode::Constant, FillMode::Nearest] {
            for interpolation in [Interpolation::Bilinear, Interpolation::Nearest] {
                let turn = RandomRotation::new(0.5).fill_mode(fill).interpolation(interpolation);
                let zoom =
                    RandomZoom::new(0.7).width_factor(0.9).fill_mode(fill).interpolation(interpolation);
                let zoom = if fill == FillMode::Wrap { RandomZoom::new(0.9).fill_mode(fill) } else { zoom };
                let shift = RandomTranslation::shares(1.0, 0.8).fill_mode(fill).interpolation(interpolation);
                for layer in [&turn as &dyn Layer, &zoom, &shift] {
                    let [y, d_x] = changed(&device, &shape, layer, &x, &g, 1);
                    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
                        let rows = a.chunks_exact(126).zip(b.chunks_exact(126));
                        rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum()).collect()
                    };
                    close(&product(&d_x, &x), &product(&y, &g), &format!("{layer:?} on {}", device.name()));
                }
            }
        }
    }
}

#[test]
fn predictions_leave_images_alone_and_ranges_stay() {
    let augmented = |net: Sequential| {
        net.add(RandomRotation::new(0.5))
            .add(RandomZoom::new(0.5))
            .add(RandomTranslation::shares(0.5, 0.5))
            .add(RandomBrightness::new(0.5))
            .add(RandomContrast::new(0.5))
    };
    let net = || Sequential::new([5, 4, 3]).input_range(0.0, 1.0);
    let rotated = |net: Sequential| net.add(Flatten).add(Dense::new(3).auto_rotate(AutoRotate::new()));
    let x: Vec<f32> = images(3, 60).into_iter().map(|v| v as f32).collect();
    for device in devices() {
        let mut plain = rotated(net()).build(&device, 1).unwrap();
        let mut model = rotated(augmented(net())).build(&device, 2).unwrap();
        let weights = plain.weights().unwrap();
        let mut own = model.weights().unwrap();
        for part in ["kernel", "bias"] {
            own.get_mut(&format!("6.dense.{part}")).unwrap().values =
                weights.get(&format!("1.dense.{part}")).unwrap().values.clone();
        }
        model.set_weights(&own).unwrap();
        assert_eq!(model.predict(&x).unwrap(), plain.predict(&x).unwrap());
    }
    let x_q = |net: Sequential| {
        let network = rotated(net).network(1).unwrap();
        let description = network.description();
        description.layers.last().unwrap().rotation.as_ref().unwrap().x_q
    };
    assert_eq!(x_q(augmented(net())), 2.0);
    let constant = RandomRotation::new(0.1).fill_mode(FillMode::Constant).fill_value(-1.0);
    assert_eq!(x_q(net().add(constant)), 3.0);
}

#[test]
fn nets_learn_behind_every_augmentation() {
    let data = data::Glyphs { train: 200, test: 20, seed: 3 }.load().unwrap();
    let train = data.train.reshape([28, 28, 1]).unwrap();
    for device in devices() {
        let mut model = Sequential::for_data(&train)
            .add(RandomRotation::new(0.03))
            .add(RandomZoom::new(0.1))
            .add(RandomTranslation::shares(0.05, 0.05).fill_mode(FillMode::Constant))
            .add(RandomBrightness::new(0.1))
            .add(RandomContrast::new(0.2))
            .add(Flatten)
            .add(Dense::new(16).activation(Activation::Tanh))
            .add(Dense::new(16))
            .build(&device, 1)
            .unwrap();
        let adam = Adam { learning_rate: 0.01.into(), ..Adam::default() };
        let mut trainer = Trainer::new(adam, Loss::SoftmaxCrossEntropy).batch(20).epochs(8).progress(false);
        let loss = trainer.fit(&mut model, &train, None).unwrap().epochs[7].train_loss;
        assert!(loss < 2.6, "{loss} of ln 16 = 2.77 on {}", device.name());
    }
}

#[test]
fn settings_may_name_factors_and_pixels_as_numbers_or_pairs() {
    let of = |draft: Draft| Draft::complete(&draft, "0").unwrap().options;
    let shift = of(Draft::new("random_translation").option("pixels", 2));
    assert_eq!(shift, RandomTranslation::new(2).options());
    let pair = serde_json::json!([-0.1, 0.3]);
    let shares =
        Draft::new("random_translation").option("height_factor", 0.25).option("width_factor", pair.clone());
    assert_eq!(of(shares), RandomTranslation::shares(0.25, (-0.1, 0.3)).options());
    let zoom = Draft::new("random_zoom").option("height_factor", pair).option("fill_mode", "wrap");
    assert_eq!(of(zoom), RandomZoom::new((-0.1, 0.3)).fill_mode(FillMode::Wrap).options());
    let flat = Draft::new("random_brightness").option("factor", 0.1).option("value_range", 255);
    let net = Sequential::new([2, 2, 1]).add_drafts(&[flat]).unwrap();
    says(net.network(1), &["0.random_brightness", "value_range"]);
}

#[test]
fn impossible_augmentation_is_refused_by_name() {
    let refused = |layer: Box<dyn Layer>, words: &[&str]| {
        says(Sequential::new([4, 5, 1]).input_range(0.0, 1.0).add_boxed(layer).network(1), words);
    };
    refused(Box::new(RandomRotation::new(-0.1)), &["0.random_rotation", "factor", "0.1"]);
    refused(Box::new(RandomRotation::new(f32::NAN)), &["0.random_rotation", "NaN"]);
    refused(Box::new(RandomRotation::new((0.2, 0.1))), &["0.random_rotation", "lower limit first"]);
    refused(
        Box::new(RandomRotation::new(0.1).fill_value(f32::INFINITY)),
        &["0.random_rotation", "fill_value"],
    );
    refused(Box::new(RandomZoom::new((-1.0, 0.0))), &["0.random_zoom", "height_factor", "-0.99"]);
    refused(Box::new(RandomZoom::new(0.1).width_factor(2.0)), &["0.random_zoom", "width_factor"]);
    refused(Box::new(RandomTranslation::shares(0.1, 1.5)), &["0.random_translation", "width_factor"]);
    let both = RandomTranslation::new(1).fill_mode(FillMode::Wrap);
    refused(Box::new(both), &["0.random_translation", "whole pixels"]);
    refused(Box::new(RandomBrightness::new(1.5)), &["0.random_brightness", "factor"]);
    refused(
        Box::new(RandomBrightness::new(0.5).value_range(1.0, 0.0)),
        &["0.random_brightness", "value_range"],
    );
    refused(Box::new(RandomContrast::new(1.5)), &["0.random_contrast", "factor"]);
    refused(Box::new(RandomContrast::new((-0.1, 0.5))), &["0.random_contrast", "factor"]);
    says(Sequential::new([4]).add(RandomRotation::new(0.1)).network(1), &["0.random_rotation"]);
}

#[test]
fn a_gradient_through_too_much_is_refused_and_none_is_needed_behind_inputs() {
    let nearest = || RandomRotation::new(0.1).fill_mode(FillMode::Nearest);
    let data = Dataset::values([90, 90, 1], vec![0.5; 2 * 8100], [1], vec![0.0, 1.0]).unwrap();
    let fit = |net: Sequential| {
        let mut model = net.add(Flatten).add(Dense::new(1)).build(&Device::cpu(), 1).unwrap();
        let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).epochs(1).progress(false);
        trainer.fit(&mut model, &data, None).map(drop)
    };
    let net = || Sequential::new([90, 90, 1]).input_range(0.0, 1.0);
    fit(net().add(nearest())).unwrap();
    says(
        fit(net().add(Conv2d::new(1, 1)).add(nearest())),
        &["1.random_rotation", "before every layer with parameters"],
    );
}

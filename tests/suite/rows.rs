//! Softmax and layer normalisation of rows of any length, against their definitions in double precision.

use crate::common::{Random, assert_norm, devices};
use crate::golden::{Found, Run};
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{Device, LayerNorm, Softmax};
use std::collections::BTreeMap;

/// Rows and their lengths: within what one workgroup adds up, and beyond it in both directions.
const SIZES: [(usize, usize); 5] = [(3, 2), (3, 1000), (3, 4097), (3, 9001), (2500, 6)];

/// Rows of numbers, the second of which lie far from 0.
fn rows_of((rows, width): (usize, usize), random: &mut Random) -> Vec<f64> {
    let far = |i: usize| if i / width == 1 { 1000.0 } else { 0.0 };
    let numbers = random.vector(rows * width, 3.0).into_iter().enumerate();
    numbers.map(|(i, v)| f64::from(v + far(i))).collect()
}

fn run(
    layer: impl Layer + 'static,
    (rows, width): (usize, usize),
    (x, g): (&[f64], &[f64]),
    parameters: &BTreeMap<String, Vec<f64>>,
    device: &Device,
) -> Found {
    let layers: Vec<Box<dyn Layer>> = vec![Box::new(layer)];
    let (input, purpose) = (&[width], Purpose::Train);
    Run { layers, input, batch: rows, purpose, x, g, parameters, states: &[], times: 1 }.on(device)
}

fn all_devices() -> Vec<(Device, f64)> {
    let single = devices().into_iter().map(|device| (device, 3e-5));
    single.chain([(Device::cpu_f64(), 1e-12)]).collect()
}

/// Σ a·b.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn softmax_of_rows_of_any_length() {
    for (device, limit) in all_devices() {
        for size in SIZES {
            let (mut random, width) = (Random::new(size.1 as u64), size.1);
            let x = rows_of(size, &mut random);
            let g: Vec<f64> = random.vector(x.len(), 1.0).into_iter().map(f64::from).collect();
            let found = run(Softmax::new(), size, (&x, &g), &BTreeMap::new(), &device);
            for (row, x) in x.chunks_exact(width).enumerate() {
                let of = |all: &[f64]| all[row * width..][..width].to_vec();
                let shifted: Vec<f64> = x.iter().map(|v| (v - x[0]).exp()).collect();
                let total: f64 = shifted.iter().sum();
                let y: Vec<f64> = shifted.iter().map(|e| e / total).collect();
                let mean = dot(&of(&g), &y);
                let d_x: Vec<f64> = y.iter().zip(of(&g)).map(|(y, g)| y * (g - mean)).collect();
                let what = format!("{size:?} on {}, row {row}", device.name());
                assert_norm(&what, &of(&found.y), &y, limit);
                assert_norm(&format!("{what}: dx"), &of(&found.d_x), &d_x, limit);
                assert!((of(&found.y).iter().sum::<f64>() - 1.0).abs() < limit, "{what}");
            }
        }
        // What would overflow, and shares that vanish.
        let x = [-1e4, 0.0, 1e4, 3e38, -3e38, 3e38];
        let found = run(Softmax::new(), (2, 3), (&x, &[1.0; 6]), &BTreeMap::new(), &device);
        assert_eq!(found.y, [0.0, 0.0, 1.0, 0.5, 0.0, 0.5], "{}", device.name());
        let nan =
            run(Softmax::new(), (2, 2), (&[0.0, f64::NAN, 1.0, 1.0], &[1.0; 4]), &BTreeMap::new(), &device);
        assert!(nan.y[..2].iter().all(|v| v.is_nan()) && nan.y[2..] == [0.5, 0.5], "{:?}", nan.y);
    }
}

#[test]
fn layer_normalisation_of_rows_of_any_length() {
    const EPSILON: f64 = 0.25;
    for (device, limit) in all_devices() {
        for size in SIZES {
            let (mut random, (rows, width)) = (Random::new(size.1 as u64), size);
            let x = rows_of(size, &mut random);
            let mut drawn =
                |count: usize| -> Vec<f64> { random.vector(count, 1.0).into_iter().map(f64::from).collect() };
            let (g, gamma, beta) = (drawn(x.len()), drawn(width), drawn(width));
            let named = [("gamma", &gamma), ("beta", &beta)];
            let parameters = named.map(|(name, values)| (name.to_owned(), values.clone())).into();
            let layer = LayerNorm::new().epsilon(EPSILON as f32);
            let found = run(layer, size, (&x, &g), &parameters, &device);
            let [mut d_gamma, mut d_beta] = [vec![0.0; width], vec![0.0; width]];
            for row in 0..rows {
                let of = |all: &[f64]| all[row * width..][..width].to_vec();
                let (x, g, n) = (of(&x), of(&g), width as f64);
                let mean = x.iter().sum::<f64>() / n;
                let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
                let deviation = (variance + EPSILON).sqrt();
                let normal: Vec<f64> = x.iter().map(|v| (v - mean) / deviation).collect();
                let y: Vec<f64> = (0..width).map(|c| gamma[c] * normal[c] + beta[c]).collect();
                let upstream: Vec<f64> = (0..width).map(|c| gamma[c] * g[c]).collect();
                // Through x itself, through the mean, and through the variance.
                let through = (upstream.iter().sum::<f64>() / n, dot(&upstream, &normal) / n);
                let d_x: Vec<f64> = (0..width)
                    .map(|c| (upstream[c] - through.0 - normal[c] * through.1) / deviation)
                    .collect();
                for c in 0..width {
                    d_gamma[c] += g[c] * normal[c];
                    d_beta[c] += g[c];
                }
                let what = format!("{size:?} on {}, row {row}", device.name());
                assert_norm(&what, &of(&found.y), &y, limit);
                // Two numbers have hardly any gradient, the difference of larger ones.
                let limit = if width == 2 { 10.0 * limit } else { limit };
                assert_norm(&format!("{what}: dx"), &of(&found.d_x), &d_x, limit);
            }
            let what = format!("{size:?} on {}", device.name());
            assert_norm(&format!("{what}: dγ"), &found.gradients["gamma"], &d_gamma, limit);
            assert_norm(&format!("{what}: dβ"), &found.gradients["beta"], &d_beta, limit);
        }
    }
}

#[test]
fn one_number_alone_has_no_softmax_and_an_axis_is_the_last() {
    use crate::files::says;
    use autorot::Sequential;
    use autorot::model::Draft;
    says(Sequential::new([3, 1]).add(Softmax::new()).network(0), &["0.softmax", "[3, 1]", "sigmoid"]);
    let other = Sequential::new([3, 2]).add_drafts(&[Draft::new("softmax").option("axis", 1)]).unwrap();
    says(other.network(0), &["0.softmax", "axis 1", "last"]);
    says(Sequential::new([3]).add(LayerNorm::new().epsilon(0.0)).network(0), &["0.layer_norm", "ε"]);
}

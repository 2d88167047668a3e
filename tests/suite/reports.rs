//! Every number of a report on layers, and of the memory that a summary tells, computed by hand.

use crate::common::devices;
use autorot::model::Weights;
use autorot::train::LayerReport;
use autorot::{
    Activate, Activation, Adam, AutoRotate, BatchNorm, Conv2d, Dataset, Dense, Device, LearnL, Loss, Model,
    Sequential, SimpleRnn, Trainer,
};

fn inspected(model: &mut Model, data: &Dataset, rows: usize) -> Vec<LayerReport> {
    Trainer::new(Adam::default(), Loss::MeanSquaredError).inspect(model, data, rows).unwrap()
}

fn with_weights(net: &Sequential, device: &Device, values: &[(&str, &[f64])]) -> Model {
    let mut model = net.build(device, 0).unwrap();
    let mut weights: Weights = model.weights().unwrap();
    assert_eq!(weights.len(), values.len());
    for (path, values) in values {
        let tensor = weights.get_mut(path).unwrap();
        assert_eq!(tensor.values.len(), values.len(), "{path}");
        tensor.values = values.iter().map(|&v| v as f32).collect();
    }
    model.set_weights(&weights).unwrap();
    model
}

/// Rows that look drawn at random, exact in single precision.
fn numbers(count: usize, factor: usize, scale: f64) -> Vec<f64> {
    (0..count).map(|i| ((i * factor + 5) % 29) as f64 / 16.0 - 0.875).map(|v| scale * v).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// The central differences of a function of several numbers.
fn differences(at: &[f64], of: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    let moved = |i: usize, by: f64| {
        let mut at = at.to_vec();
        at[i] += by;
        of(&at)
    };
    (0..at.len()).map(|i| (moved(i, step) - moved(i, -step)) / (2.0 * step)).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).sum::<f64>() / values.len() as f64
}

#[track_caller]
fn close(found: f64, wanted: f64, what: &str) {
    assert!((found - wanted).abs() <= 2e-4 * wanted.abs() + 1e-7, "{what}: found {found}, wanted {wanted}");
}

#[track_caller]
fn all_close(found: Option<&[f64]>, wanted: Option<&[f64]>, what: &str) {
    match (found, wanted) {
        (None, None) => {}
        (Some(found), Some(wanted)) => {
            assert_eq!(found.len(), wanted.len(), "{what}");
            found.iter().zip(wanted).for_each(|(&f, &w)| close(f, w, what));
        }
        other => panic!("{what}: {other:?}"),
    }
}

const ROWS: usize = 6;
/// x_Q and L of the two rotated layers; the first one's Ls are learnt.
const X_Q: [f64; 2] = [2.0, 1.5];
const L: f64 = 3.0;

/// One pass of a small net: the loss, and the pre-activations of the three layers with an activation.
struct Pass {
    loss: f64,
    z: [Vec<f64>; 3],
}

/// tanh and sigmoid layers of 4 and 3 rotated units, 2 linear outputs, and relu on top, in plain f64: z = ρ·f, ρ = L/(|q| + ε),
/// q = x_Q·ΣW + b.
fn pass(x: &[f64], t: &[f64], p: &[f64]) -> Pass {
    let (k0, rest) = p.split_at(8);
    let (b0, rest) = rest.split_at(4);
    let (lambda, rest) = rest.split_at(4);
    let (k1, rest) = rest.split_at(12);
    let (k2, b2) = rest.split_at(6);
    let f = |x: &[f64], k: &[f64], units: usize, unit: usize| -> f64 {
        x.iter().enumerate().map(|(i, x)| x * k[i * units + unit]).sum()
    };
    let first = rho_0(k0, b0, lambda);
    let second = rho_1(k1);
    let mut out = Pass { loss: 0.0, z: Default::default() };
    for (x, t) in x.chunks_exact(2).zip(t.chunks_exact(2)) {
        let z: Vec<f64> = (0..4).map(|u| first[u] * (f(x, k0, 4, u) + b0[u])).collect();
        let y: Vec<f64> = z.iter().map(|z| z.tanh()).collect();
        let z1: Vec<f64> = (0..3).map(|u| second[u] * f(&y, k1, 3, u)).collect();
        let y1: Vec<f64> = z1.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let z2: Vec<f64> = (0..2).map(|u| f(&y1, k2, 2, u) + b2[u]).collect();
        out.loss += z2.iter().zip(t).map(|(z, t)| (z.max(0.0) - t).powi(2)).sum::<f64>() / (2 * ROWS) as f64;
        for (all, z) in out.z.iter_mut().zip([z, z1, z2]) {
            all.extend(z);
        }
    }
    out
}

fn rho_0(k0: &[f64], b0: &[f64], lambda: &[f64]) -> Vec<f64> {
    let q = |u: usize| X_Q[0] * (k0[u] + k0[4 + u]) + b0[u];
    (0..4).map(|u| lambda[u].exp() / (q(u).abs() + 1e-5)).collect()
}

fn rho_1(k1: &[f64]) -> Vec<f64> {
    let q = |u: usize| X_Q[1] * (0..4).map(|i| k1[3 * i + u]).sum::<f64>();
    (0..3).map(|u| L / (q(u).abs() + 1e-5)).collect()
}

#[test]
fn every_number_of_a_report_is_what_it_says() {
    let (x, t) = (numbers(2 * ROWS, 7, 1.0), numbers(2 * ROWS, 11, 3.0));
    let k0 = [0.5, -0.75, -0.25, 1.0, 0.375, 0.25, 0.625, 0.5];
    let b0 = [0.125, -0.25, -0.5, -0.0625];
    let lambda = [0.5, 1.0, 2.0, 1.25];
    let k1 = [-0.5, -0.25, -0.75, 0.25, 0.5, 0.5, 0.375, 1.0, -0.25, 0.5, -0.5, -0.125];
    let (k2, b2) = ([6.0, -3.0, 2.0, 4.0, -1.5, 5.0], [0.25, -0.5]);
    let p = [&k0[..], &b0, &lambda, &k1, &k2, &b2].concat();
    let gradient = differences(&p, |p| pass(&x, &t, p).loss);
    let (g0, rest) = gradient.split_at(16);
    let (g1, g2) = rest.split_at(12);
    let z = pass(&x, &t, &p).z;
    // By the table's L, whatever the layer's own: tanh 2, sigmoid 4, relu 4.
    let beyond = |z: &[f64], limit: f64| z.iter().filter(|z| z.abs() > limit).count() as f64 / z.len() as f64;
    let shares = [beyond(&z[0], 2.0), beyond(&z[1], 4.0), beyond(&z[2], 4.0)];
    assert!(shares.iter().all(|share| (0.05..0.95).contains(share)), "{shares:?} tell nothing apart");
    assert!(z[0].iter().chain(&z[1]).any(|&z| z < -4.0), "some lie beyond it on the other side");
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let (first, second) = (sorted(rho_0(&k0, &b0, &lambda)), sorted(rho_1(&k1)));
    // The median of four is the mean of the middle two, of three the middle one.
    let rho = [[first[0], 0.5 * (first[1] + first[2]), first[3]], [second[0], second[1], second[2]]];
    let limits = [[0.5f64.exp(), 0.5 * (1f64.exp() + 1.25f64.exp()), 2f64.exp()], [L; 3]];

    let net = Sequential::new([2])
        .input_range(-1.0, 1.0)
        .add(
            Dense::new(4)
                .activation(Activation::Tanh)
                .auto_rotate(AutoRotate::new().x_q(X_Q[0] as f32).learn_l(LearnL::PerUnit)),
        )
        .add(
            Dense::new(3)
                .activation(Activation::Sigmoid)
                .use_bias(false)
                .auto_rotate(AutoRotate::new().x_q(X_Q[1] as f32).l(L as f32)),
        )
        .add(Dense::new(2))
        .add(Activate::new(Activation::Relu));
    let weights: [(&str, &[f64]); 6] = [
        ("0.dense.kernel", &k0),
        ("0.dense.bias", &b0),
        ("0.dense.lambda", &lambda),
        ("1.dense.kernel", &k1),
        ("2.dense.kernel", &k2),
        ("2.dense.bias", &b2),
    ];
    // Rows beyond those that are inspected count for nothing.
    let [more_x, more_t] = [&x, &t].map(|v| [&single(v)[..], &[7.0; 4]].concat());
    let data = Dataset::values([2], more_x, [2], more_t).unwrap();
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        let mut model = with_weights(&net, &device, &weights);
        let reports = inspected(&mut model, &data, ROWS);
        let wanted = [
            ("0.dense", norm(g0), mean(&g0[..8]), Some(shares[0]), Some(&rho[0]), Some(&limits[0])),
            ("1.dense", norm(g1), mean(g1), Some(shares[1]), Some(&rho[1]), Some(&limits[1])),
            ("2.dense", norm(g2), mean(&g2[..6]), None, None, None),
            ("3.activate", 0.0, 0.0, Some(shares[2]), None, None),
        ];
        assert_eq!(reports.len(), wanted.len());
        for (report, (path, norm, mean, saturated, rho, limit)) in reports.iter().zip(wanted) {
            let what = format!("{path} on {}", device.name());
            assert_eq!(report.path, path);
            close(report.gradient_norm, norm, &format!("{what}, norm"));
            close(report.gradient_mean, mean, &format!("{what}, mean"));
            assert_eq!(report.saturated, saturated, "{what}");
            all_close(report.rho.as_ref().map(|r| &r[..]), rho.map(|r| &r[..]), &format!("{what}, ρ"));
            all_close(report.limit.as_ref().map(|r| &r[..]), limit.map(|r| &r[..]), &format!("{what}, L"));
            assert_eq!(report.gradient_by_step, None, "{what}");
        }
    }
}

#[test]
fn of_batch_normalisation_a_report_tells_gammas_gradient() {
    let (rows, columns) = (5, 3);
    let (x, t) = (numbers(rows * columns, 7, 1.0), numbers(rows * columns, 3, 1.0));
    let (gamma, beta) = ([0.5, 2.0, -1.0], [0.25, 0.0, 1.5]);
    let loss = |p: &[f64]| {
        let column = |c: usize| x.iter().skip(c).step_by(columns).copied().collect::<Vec<f64>>();
        let of = |c: usize| {
            let x = column(c);
            let mean = x.iter().sum::<f64>() / rows as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64;
            let y = move |x: f64| p[c] * (x - mean) / (variance + 1e-3).sqrt() + p[columns + c];
            x.into_iter().zip(t.iter().skip(c).step_by(columns)).map(|(x, t)| (y(x) - t).powi(2)).sum::<f64>()
        };
        (0..columns).map(of).sum::<f64>() / (rows * columns) as f64
    };
    let gradient = differences(&[gamma, beta].concat(), loss);
    let data = Dataset::values([columns], single(&x), [columns], single(&t)).unwrap();
    let net = Sequential::new([columns]).add(BatchNorm::new());
    let statistics = ([0.0; 3], [1.0; 3]);
    let weights: [(&str, &[f64]); 4] = [
        ("0.batch_norm.gamma", &gamma),
        ("0.batch_norm.beta", &beta),
        ("0.batch_norm.moving_mean", &statistics.0),
        ("0.batch_norm.moving_variance", &statistics.1),
    ];
    for device in devices() {
        let reports = inspected(&mut with_weights(&net, &device, &weights), &data, rows);
        assert_eq!(reports.len(), 1);
        close(reports[0].gradient_norm, norm(&gradient), "norm");
        close(reports[0].gradient_mean, mean(&gradient[..columns]), "mean");
        assert_eq!((reports[0].saturated, reports[0].rho, reports[0].limit), (None, None, None));
    }
}

#[test]
fn of_a_recurrent_layer_a_report_tells_the_gradient_of_every_step() {
    let (rows, steps) = (2, 3);
    let (x, t) = ([0.5, -1.0, 2.5, 1.25, 0.75, -0.25], [0.25, -0.5]);
    let (w, u) = (1.0, 0.75);
    // h_t = tanh(w·x_t + u·h_{t−1}); δ_3 = ∂ℓ/∂h_3·(1 − h_3²), δ_{t−1} = δ_t·u·(1 − h_{t−1}²).
    let (mut by_step, mut d_w, mut d_u, mut beyond) = ([0.0; 3], 0.0, 0.0, 0);
    for (x, t) in x.chunks_exact(steps).zip(t) {
        let mut h = vec![0.0];
        for x in x {
            let z: f64 = w * x + u * h[h.len() - 1];
            beyond += usize::from(z.abs() > 2.0);
            h.push(z.tanh());
        }
        let mut delta = 2.0 * (h[steps] - t) / rows as f64;
        for step in (0..steps).rev() {
            delta *= 1.0 - h[step + 1] * h[step + 1];
            by_step[step] += delta.abs() / rows as f64;
            d_w += delta * x[step];
            d_u += delta * h[step];
            delta *= u;
        }
    }
    let data = Dataset::values([steps, 1], single(&x), [1], single(&t)).unwrap();
    let net = Sequential::new([steps, 1]).add(SimpleRnn::new(1).use_bias(false));
    let weights: [(&str, &[f64]); 2] =
        [("0.simple_rnn.kernel", &[w]), ("0.simple_rnn.recurrent_kernel", &[u])];
    for device in devices() {
        let reports = inspected(&mut with_weights(&net, &device, &weights), &data, rows);
        assert_eq!(reports.len(), 1);
        close(reports[0].gradient_norm, norm(&[d_w, d_u]), "norm");
        close(reports[0].gradient_mean, mean(&[d_w, d_u]), "mean");
        assert_eq!(reports[0].saturated, Some(beyond as f64 / 6.0));
        all_close(reports[0].gradient_by_step.as_deref(), Some(&by_step[..]), "by step");
    }
}

#[test]
fn a_summary_tells_the_memory_that_is_counted_by_hand() {
    // What the way back of a layer needs at once: its inputs (20,000 numbers a row), its outputs, their gradient and that of its
    // pre-activations (3,000 each); 4 bytes a number, so 116,000 bytes a row, 3.54 MiB for 32 of them. Its parameters are
    // 20,000 × 3,000 + 3,000 numbers, 228.89 MiB.
    let told = |net: Sequential| net.network(0).unwrap().summary();
    let text = told(Sequential::new([20_000]).add(Dense::new(3000)));
    for part in [
        "60003000 trainable parameters",
        "training takes 3.54 MiB of activations for a batch of 32 and 0.111 MiB for each row more",
        "and 228.89 MiB for each of: parameters, gradients, values before the last update, moments",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // The same of a convolution of 3 × 3: 32 × 32 inputs, and three times 30 × 30 pixels of 64 channels, 695,296 bytes a row
    // and 21.22 MiB for 32; parts of the kernel's gradient, less than a hundredth of that, come on top.
    let text = told(Sequential::new([32, 32, 1]).add(Conv2d::new(64, 3).activation(Activation::Relu)));
    for part in ["640 trainable parameters", "training takes 21.2", " and 0.66", "and 0.00 MiB for each of"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

//! Activations far from 0, where formulas overflow or cancel, and of numbers that are none.

use crate::common::{Tolerance, assert_close, devices};
use crate::golden::Run;
use autorot::extend::plan::Purpose;
use autorot::{Activate, Activation, Device};
use std::collections::BTreeMap;

/// σ and σ' of these numbers on a device.
fn both(activation: Activation, z: &[f64], device: &Device) -> (Vec<f64>, Vec<f64>) {
    let found = Run {
        layers: vec![Box::new(Activate::new(activation))],
        input: &[z.len()],
        batch: 1,
        purpose: Purpose::Train,
        x: z,
        g: &vec![1.0; z.len()],
        parameters: &BTreeMap::new(),
        states: &[],
        times: 1,
    }
    .on(device);
    (found.y, found.d_x)
}

/// The formulas of their sources, written for double precision, in which they hold for all numbers of the test.
fn by_definition(activation: Activation, z: f64) -> (f64, f64) {
    // The two numbers of Klambauer et al. 2017 to the digits of their appendix.
    let (scale, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
    let (softplus, logistic) = (z.exp().ln_1p(), 1.0 / (1.0 + (-z).exp()));
    match activation {
        Activation::Selu if z < 0.0 => (scale * alpha * z.exp_m1(), scale * alpha * z.exp()),
        Activation::Selu => (scale * z, scale),
        Activation::Mish => (z * softplus.tanh(), softplus.tanh() + z * logistic / softplus.cosh().powi(2)),
        Activation::Exponential => (z.exp(), z.exp()),
        Activation::Relu6 => (z.clamp(0.0, 6.0), if z > 0.0 && z < 6.0 { 1.0 } else { 0.0 }),
        Activation::LogSigmoid if z < -600.0 => (z, 1.0),
        Activation::LogSigmoid => (-(-z).exp().ln_1p(), 1.0 / (1.0 + z.exp())),
        Activation::Softplus if z > 600.0 => (z, 1.0),
        Activation::Softplus => (softplus, logistic),
        other => panic!("no definition of {other}"),
    }
}

#[test]
fn tails_keep_their_digits() {
    use Activation::{Exponential, LogSigmoid, Mish, Relu6, Selu, Softplus};
    let z = [
        -1000.0, -100.0, -60.0, -20.0, -9.0, -2.5, -2.25, -1.0, -0.125, -1e-4, 0.0, 1e-4, 0.125, 1.0, 2.25,
        2.5, 5.75, 6.0, 6.25, 20.0, 60.0, 80.0,
    ];
    let f64s = (Device::cpu_f64(), Tolerance::new(1e-300, 1e-13));
    // WGSL's eᶻ may be off by 3 + 2|z| units in the last place.
    let f32s = devices().into_iter().map(|device| (device, Tolerance::new(1e-36, 3e-5)));
    for (device, tolerance) in f32s.chain([f64s]) {
        for activation in [Selu, Mish, Exponential, Relu6, LogSigmoid, Softplus] {
            let found = both(activation, &z, &device);
            let wanted: (Vec<f64>, Vec<f64>) = z.iter().map(|&z| by_definition(activation, z)).unzip();
            let what = format!("{activation} on {}", device.name());
            assert_close(&what, &found.0, &wanted.0, tolerance);
            assert_close(&format!("{what}, derivative"), &found.1, &wanted.1, tolerance);
        }
    }
}

#[test]
fn what_is_not_finite_shows_and_what_is_stays() {
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        for &activation in Activation::ALL {
            let what = format!("{activation} on {}", device.name());
            let (y, _) = both(activation, &[0.5, f64::NAN, -0.5], &device);
            assert!(y[1].is_nan() && y[0].is_finite() && y[2].is_finite(), "{what}: {y:?}");
            let (y, slopes) = both(activation, &[-1e30, 1e30], &device);
            let finite = |values: &[f64]| values.iter().all(|v| v.is_finite());
            // Only eᶻ exceeds what a number can hold.
            let held = activation != Activation::Exponential;
            assert_eq!((finite(&y), finite(&slopes)), (held, held), "{what}: {y:?}, {slopes:?}");
        }
    }
}

#[test]
fn names_of_keras_and_pytorch_are_known() {
    for (name, wanted) in [
        ("selu", Activation::Selu),
        ("SELU", Activation::Selu),
        ("Mish", Activation::Mish),
        ("exponential", Activation::Exponential),
        ("exp", Activation::Exponential),
        ("ReLU6", Activation::Relu6),
        ("log_sigmoid", Activation::LogSigmoid),
        ("LogSigmoid", Activation::LogSigmoid),
        ("celu", Activation::Elu),
    ] {
        assert_eq!(Activation::from_name(name).unwrap(), wanted, "{name}");
    }
}

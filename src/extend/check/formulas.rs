//! Element-wise formulas: activations, losses, parameter updates.

use super::{KernelCheck, close, numbers};
use crate::activation::ActivationRule;
use crate::kernel::{
    ActivateKernel, Pointwise, PointwiseLoss, RotateBackward, Update, UpdateRule, clock, rates,
};
use crate::{Activation, Device, Optimizer, Result};

/// The step of the central differences.
const STEP: f64 = 1e-5;

/// The maximum relative error, by norm, of derivatives against central differences.
const LIMIT: f64 = 1e-6;

/// Compares derivatives in f64 with central differences of the values.
fn differences(
    place: &str,
    at: &[f64],
    derivative: impl Fn(usize, f64) -> f64,
    value: impl Fn(usize, f64) -> f64,
) -> Result<()> {
    let found: Vec<f64> = at.iter().enumerate().map(|(i, &x)| derivative(i, x)).collect();
    let wanted =
        at.iter().enumerate().map(|(i, &x)| (value(i, x + STEP) - value(i, x - STEP)) / (2.0 * STEP));
    let remedy = "correct the derivative in Rust";
    close(&format!("{place}: derivative"), &found, &wanted.collect::<Vec<_>>(), LIMIT, remedy)
}

/// Checks an activation in −8..8: its shader against Rust, and its derivative against central differences.
///
/// # Errors
/// What differs, and by how much; the device's errors.
pub fn activation<A: ActivationRule>(device: &Device) -> Result<()> {
    let (activation, count) = (Activation::own::<A>(), 1000);
    let z: Vec<f32> = numbers(1, count).into_iter().map(|v| 8.0 * v).collect();
    let at: Vec<f64> = z.iter().map(|&z| z.into()).collect();
    differences(A::NAME, &at, |_, z| A::derivative(z), |_, z| A::value(z))?;
    KernelCheck::new(ActivateKernel { count, activation }).numbers("x", z.clone()).run(device)?;
    let backward =
        RotateBackward { rows: 100, units: 10, has_bias: false, activation, rotation: None, zones: None };
    KernelCheck::new(backward).numbers("z", z).run(device)
}

/// Checks a formula of single outputs, with outputs in −3..3 and targets in their range (−1..1 if there is none): its shader against Rust,
/// and its derivative against central differences.
///
/// # Errors
/// What differs, and by how much; options out of range; the device's errors.
pub fn pointwise(formula: impl Pointwise, device: &Device) -> Result<()> {
    formula.check()?;
    let (batch, outputs) = (33, 20);
    let x: Vec<f32> = numbers(1, batch * outputs).into_iter().map(|v| 3.0 * v).collect();
    let [min, max] = formula.targets().map_or([-1.0, 1.0], |range| [range.min, range.max]);
    let t: Vec<f32> =
        numbers(2, batch * outputs).into_iter().map(|v| min + (max - min) * 0.5 * (v + 1.0)).collect();
    let at: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    let target = |i: usize| f64::from(t[i]);
    differences(
        &formula.name(),
        &at,
        |i, x| formula.derivative(x, target(i)),
        |i, x| formula.value(x, target(i)),
    )?;
    let kernel =
        PointwiseLoss { formula, batch, outputs, columns: 1, column: 0, gradient: true, summed: false };
    KernelCheck::new(kernel).numbers("x", x).numbers("t", t).run(device)
}

/// Checks an optimiser's rule: its shader against Rust, with parameters and gradients in −1..1, and moments in 0..1.
///
/// # Errors
/// What differs, and by how much; options out of range; the device's errors.
pub fn update_rule(rule: impl UpdateRule, device: &Device) -> Result<()> {
    Optimizer::new(rule.clone()).check()?;
    for count in [777, 780] {
        let kernel = Update {
            rule: rule.clone(),
            count,
            decayed: 500,
            slots: 1,
            weight_decay: 0.01,
            clip_value: 0.9,
            rate_factor: 0.8,
        };
        let kept = |seed| numbers(seed, count).into_iter().map(f32::abs).collect::<Vec<_>>();
        let mut check = KernelCheck::new(kernel)
            .numbers("rates", rates::row([0.1, 0.05, 0.7, 1.4], 1.0, true).map(|rate| rate as f32).into())
            .numbers("control", vec![0.5, 1.0])
            .indices("clock", vec![0; clock::LEN]);
        for (port, seed) in ["moment_1", "moment_2"].into_iter().zip(3..).take(rule.kept().len()) {
            check = check.numbers(port, kept(seed));
        }
        check.run(device)?;
    }
    Ok(())
}

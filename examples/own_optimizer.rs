//! An optimiser of your own: Lion (Chen et al. 2023, arXiv:2302.06675), which keeps one number per parameter.
//!
//! `cargo run --release --example own_optimizer`

use autorot::extend::{Real, UpdateRule, check};
use autorot::{Dense, Device, Flatten, Loss, Optimizer, Result, Sequential, Trainer, data::Glyphs};

/// w −= lr·sign(β₁·m + (1 − β₁)·g); m = β₂·m + (1 − β₂)·g.
#[derive(Clone, Copy, Debug)]
struct Lion {
    beta_1: f32,
    beta_2: f32,
}

impl UpdateRule for Lion {
    const NAME: &'static str = "lion";
    const NUMBERS: &'static [&'static str] = &["beta_1", "beta_2"];
    const WGSL: &'static str = "
fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32> {
    let m = (*kept)[0];
    (*kept)[0] = u.beta_2 * m + (1.0 - u.beta_2) * gradient;
    return w - sizes.x * sign(u.beta_1 * m + (1.0 - u.beta_1) * gradient);
}
";

    fn numbers(&self) -> Vec<f32> {
        vec![self.beta_1, self.beta_2]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m"]
    }

    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [m, _]: [&mut T; 2]) -> T {
        let mix = |beta: f32, m: T| T::of(beta.into()) * m + (T::one() - T::of(beta.into())) * gradient;
        let direction = mix(self.beta_1, *m);
        *m = mix(self.beta_2, *m);
        if direction == T::zero() { w } else { w - size * direction.signum() }
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    let lion = Lion { beta_1: 0.9, beta_2: 0.99 };
    check::update_rule(lion, &device)?;
    let data = Glyphs { train: 1000, test: 200, seed: 1 }.load()?;
    let (hidden, last) =
        (Dense::new(32).activation(autorot::Activation::Tanh), Dense::new(Glyphs::names().len()));
    let mut model = Sequential::for_data(&data.train).add(Flatten).add(hidden).add(last).build(&device, 1)?;
    let optimizer = Optimizer::new(lion).with_learning_rate(0.001).with_weight_decay(0.01);
    let mut trainer = Trainer::new(optimizer, Loss::SoftmaxCrossEntropy).epochs(3).progress(false);
    let history = trainer.fit(&mut model, &data.train, Some(&data.test))?;
    println!(
        "{}: loss by epoch {:.3?}",
        device.name(),
        history.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>()
    );
    Ok(())
}

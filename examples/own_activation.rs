//! An activation of your own: z/√(1 + z²), with its formula once in Rust and once in WGSL.
//!
//! `cargo run --release --example own_activation`

use autorot::extend::{ActivationRule, Real, check};
use autorot::{
    Activation, Adam, AutoRotate, Dense, Device, Flatten, Loss, Range, Result, Sequential, Trainer,
};

struct InverseRoot;

impl ActivationRule for InverseRoot {
    const NAME: &'static str = "inverse_root";
    // Its derivative has fallen to 1/11 there.
    const LIMIT: f32 = 2.0;
    const WGSL: [&'static str; 2] = ["z * inverseSqrt(1.0 + z * z)", "pow(1.0 + z * z, -1.5)"];

    fn range(_input: Option<Range>) -> Option<Range> {
        Range::new(-1.0, 1.0).ok()
    }

    fn value<T: Real>(z: T) -> T {
        z / (T::one() + z * z).sqrt()
    }

    fn derivative<T: Real>(z: T) -> T {
        (T::one() + z * z).powf(T::of(-1.5))
    }
}

fn main() -> Result<()> {
    let device = Device::auto()?;
    check::activation::<InverseRoot>(&device)?;
    let data = autorot::data::Glyphs { train: 1000, test: 200, seed: 1 }.load()?;
    let hidden = Dense::new(32).activation(Activation::own::<InverseRoot>()).auto_rotate(AutoRotate::new());
    let mut model = Sequential::for_data(&data.train)
        .add(Flatten)
        .add(hidden)
        .add(Dense::new(autorot::data::Glyphs::names().len()))
        .build(&device, 1)?;
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).epochs(3).progress(false);
    let history = trainer.fit(&mut model, &data.train, Some(&data.test))?;
    println!(
        "{}: loss by epoch {:.3?}",
        device.name(),
        history.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>()
    );
    Ok(())
}

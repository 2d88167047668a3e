//! A first training: letters and digits drawn by the crate itself, a network with two auto-rotating hidden layers, its accuracy
//! on unseen images, and its prediction for one of them.
//!
//! `cargo run --release --example train`

use autorot::data::Glyphs;
use autorot::{
    Activation, Adam, AutoRotate, Dense, Device, Flatten, LearnL, Loss, Metric, Result, Rule, Sequential,
    Targets, Trainer,
};

fn main() -> Result<()> {
    // 8000 images of 28 × 28 pixels for training and 2000 for testing, of 16 letters and digits.
    let data = Glyphs::default().load()?;

    // The best adapter, or the CPU if there is none. The seed determines the initial weights.
    let device = Device::auto()?;
    let rotation = AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit);
    let hidden = |units| Dense::new(units).activation(Activation::Tanh).auto_rotate(rotation);
    let mut model = Sequential::for_data(&data.train)
        .add(Flatten)
        .add(hidden(100))
        .add(hidden(50))
        .add(Dense::new(16))
        .build(&device, 0)?;

    // Ten passes over the training images, 32 per step. The loss itself applies softmax to the outputs.
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
    trainer = trainer.metric(Metric::Accuracy).batch(32).epochs(10);
    trainer.fit(&mut model, &data.train, Some(&data.test))?;
    let tested = trainer.evaluate(&mut model, &data.test)?;
    println!("test accuracy {:.3}, loss {:.3}, on {}", tested.metrics[0], tested.loss, device.name());

    // The outputs for one image: one number for each of the 16 classes; the largest wins.
    let outputs = model.predict(&data.test.inputs()[..28 * 28])?;
    let best = (0..16).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b])).unwrap_or(0);
    if let Targets::Classes { labels, names, .. } = data.test.targets() {
        println!(
            "the first test image shows {}, the network says {}",
            names[labels[0] as usize], names[best]
        );
    }
    Ok(())
}

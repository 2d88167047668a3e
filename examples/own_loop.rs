//! A training loop of your own: a search for the learning rate, then training with a layer frozen.
//!
//! `cargo run --release --example own_loop`

use autorot::{
    Activation, AutoRotate, Dense, Device, Flatten, Loss, Result, Sequential, Sgd, Trainer, data::Glyphs,
};

fn main() -> Result<()> {
    let device = Device::auto()?;
    let data = Glyphs { train: 2000, test: 200, seed: 1 }.load()?;
    let (train, loss) = (&data.train, Loss::SoftmaxCrossEntropy);
    let mut model = Sequential::for_data(train)
        .add(Flatten)
        .add(Dense::new(32).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()))
        .add(Dense::new(Glyphs::names().len()))
        .build(&device, 1)?;
    let trainer = Trainer::new(Sgd::default(), loss.clone()).batch(50);

    // The learning rate grows at each step until the loss does; a third of the best rate is a good one.
    let mut trial = model.try_clone()?;
    let mut search = trainer.begin(&mut trial, train)?;
    let (mut rate, mut best) = (1e-3, (f64::INFINITY, 1e-3));
    for rows in search.epoch() {
        search.set_learning_rate(rate)?;
        // A loss that is not finite is an error, and ends the search.
        let Ok(now) = search.step(&rows) else { break };
        if now.loss > 2.0 * best.0 {
            break;
        }
        best = if now.loss < best.0 { (now.loss, rate) } else { best };
        rate *= 1.3;
    }
    drop(search);
    println!("{}: learning rate {:.3}", device.name(), best.1 / 3.0);

    let before = model.weights()?;
    let mut training = trainer.begin(&mut model, train)?;
    training.set_learning_rate(best.1 / 3.0)?;
    for epoch in 1..=3 {
        let (mut sum, mut largest) = (0.0, 0.0f64);
        for rows in training.epoch() {
            sum += training.gradients(&rows)?.loss * rows.len() as f64;
            largest = largest
                .max(training.gradient("2.dense.kernel")?.values.iter().fold(0.0, |a, g| a.max(g.abs())));
            for path in ["1.dense.kernel", "1.dense.bias"] {
                let zeros = vec![0.0; training.gradient(path)?.values.len()];
                training.set_gradient(path, &zeros)?;
            }
            training.update()?;
        }
        println!("epoch {epoch}: loss {:.3}, largest gradient {largest:.3}", sum / train.len() as f64);
    }
    drop(training);
    assert_eq!(before["1.dense.kernel"], model.weights()?["1.dense.kernel"], "the frozen layer");
    println!("test loss {:.3}", model.evaluate(&data.test, loss, &[])?.loss);
    Ok(())
}

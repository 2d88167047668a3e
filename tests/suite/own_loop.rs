//! Training loops of the caller's own: the same bits as the trainer's, gradients and rates at hand.

use crate::common::{assert_norm, devices};
use crate::nets::waves;
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Dataset, Dense, Device, Dropout, Error, Loss, Metric, Model,
    Optimizer, Sequential, Sgd, Trainer,
};

fn model(device: &Device, data: &Dataset) -> Model {
    Sequential::for_data(data)
        .add(Dense::new(9).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(BatchNorm::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(data.targets().width()))
        .build(device, 3)
        .unwrap()
}

fn trainer<'a>(optimizer: impl Into<Optimizer>) -> Trainer<'a> {
    Trainer::new(optimizer, Loss::MeanSquaredError)
        .metric(Metric::MeanAbsoluteError)
        .metric(Metric::R2)
        .batch(16)
        .epochs(2)
        .progress(false)
}

#[test]
fn a_loop_over_epochs_gives_the_bits_of_fit() {
    let data = waves(40);
    for device in devices() {
        for resident in [u64::MAX, 0] {
            let trainer =
                || trainer(Adam { learning_rate: 0.01.into(), ..Adam::default() }).resident_bytes(resident);
            let (mut one, mut other) = (model(&device, &data), model(&device, &data));
            let history = trainer().fit(&mut one, &data, None).unwrap();
            let own = trainer();
            let mut training = own.begin(&mut other, &data).unwrap();
            let mut losses = Vec::new();
            for epoch in 0..2 {
                let (mut sum, mut rows_done) = (0.0, 0);
                for (i, rows) in training.epoch().into_iter().enumerate() {
                    // In one call or in two.
                    let found = if i % 2 == epoch {
                        training.step(&rows).unwrap()
                    } else {
                        let found = training.gradients(&rows).unwrap();
                        training.update().unwrap();
                        found
                    };
                    sum += found.loss * rows.len() as f64;
                    rows_done += rows.len();
                }
                losses.push(sum / rows_done as f64);
            }
            drop(training);
            let what = device.name();
            assert_eq!(one.weights().unwrap(), other.weights().unwrap(), "{what}");
            for (found, epoch) in losses.iter().zip(&history.epochs) {
                assert!((found - epoch.train_loss).abs() < 1e-6 * found, "{what}: {found} and {epoch:?}");
            }
            // And both go on alike.
            trainer().fit(&mut one, &data, None).unwrap();
            trainer().fit(&mut other, &data, None).unwrap();
            assert_eq!(one.weights().unwrap(), other.weights().unwrap(), "{what}: going on");
        }
    }
}

#[test]
fn metrics_of_a_step_are_those_of_its_rows() {
    let data = waves(40);
    for device in devices() {
        let mut model =
            Sequential::for_data(&data).add(Dense::new(data.targets().width())).build(&device, 1).unwrap();
        let (own, rows) = (trainer(Sgd::default()), [3, 0, 39, 7, 7, 20]);
        let found = own.begin(&mut model, &data).unwrap().gradients(&rows).unwrap();
        let of_rows = data.select(&rows.map(|row| row as usize)).unwrap();
        let wanted = own.evaluate(&mut model, &of_rows).unwrap();
        assert_norm(&device.name(), &[found.loss], &[wanted.loss], 1e-6);
        assert_norm(&device.name(), &found.metrics, &wanted.metrics, 1e-5);
        let metrics = [Metric::MeanAbsoluteError, Metric::R2];
        let without_trainer = model.evaluate(&of_rows, Loss::MeanSquaredError, &metrics).unwrap();
        assert_eq!(without_trainer, wanted, "{}", device.name());
    }
}

#[test]
fn an_update_is_the_gradient_times_the_rate_that_was_set() {
    let data = waves(24);
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        let mut model =
            Sequential::for_data(&data).add(Dense::new(data.targets().width())).build(&device, 1).unwrap();
        let own = trainer(Sgd::default());
        let mut training = own.begin(&mut model, &data).unwrap();
        assert_eq!(training.learning_rate(), 0.01);
        training.set_learning_rate(0.25).unwrap();
        let before = training.model().exact_weights().unwrap();
        training.gradients(&[1, 2, 3]).unwrap();
        let gradient = training.gradient("0.dense.kernel").unwrap();
        assert_eq!(gradient.shape, before["0.dense.kernel"].shape);
        // The bias stays what it is.
        training.set_gradient("0.dense.bias", &vec![0.0; data.targets().width()]).unwrap();
        training.update().unwrap();
        let after = training.model().exact_weights().unwrap();
        let moved = before["0.dense.kernel"].values.iter().zip(&gradient.values).map(|(w, g)| w - 0.25 * g);
        let moved: Vec<f64> = moved.collect();
        let exact = device.name().contains("f64");
        assert_norm(
            &device.name(),
            &after["0.dense.kernel"].values,
            &moved,
            if exact { 1e-15 } else { 1e-6 },
        );
        assert_eq!(before["0.dense.bias"], after["0.dense.bias"]);
        assert!(gradient.values.iter().any(|&g| f64::from(g as f32) != g) == exact, "digits beyond f32");
    }
}

#[test]
fn a_loop_refuses_what_it_cannot_do() {
    let data = waves(24);
    let mut net = model(&Device::cpu(), &data);
    let own = trainer(Adam::default());
    let mut training = own.begin(&mut net, &data).unwrap();
    let says = |error: Error, parts: &[&str]| {
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "{error}: {part}"));
    };
    says(training.update().unwrap_err(), &["update", "no gradients"]);
    says(training.step(&[]).unwrap_err(), &["0 rows", "1 to 24"]);
    says(training.step(&[3, 24]).unwrap_err(), &["row 24 of 24"]);
    says(training.set_learning_rate(f64::NAN).unwrap_err(), &["learning rate"]);
    training.gradients(&[0, 1]).unwrap();
    says(training.gradient("0.dense.weight").unwrap_err(), &["0.dense.weight", "0.dense.kernel"]);
    says(training.set_gradient("0.dense.bias", &[1.0]).unwrap_err(), &["1 values", "9 for the shape [9]"]);
    // What reads or changes the model in between takes the gradients' memory.
    training.model().weights().unwrap();
    says(training.set_gradient("0.dense.bias", &[0.0; 9]).unwrap_err(), &["no gradients"]);
    says(training.update().unwrap_err(), &["no gradients"]);
    drop(training);
    says(trainer(Adam::default()).accumulate(2).begin(&mut net, &data).unwrap_err(), &["accumulate"]);
    says(trainer(Adam::default()).batch(0).begin(&mut net, &data).unwrap_err(), &["batch"]);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    let data = waves(24);
    for device in devices() {
        let mut net = model(&device, &data);
        let own = trainer(Sgd::default());
        let mut training = own.begin(&mut net, &data).unwrap();
        training.step(&[0, 1, 2]).unwrap();
        let before = training.model().weights().unwrap();
        training.gradients(&[3, 4, 5]).unwrap();
        training.set_gradient("0.dense.bias", &[f64::INFINITY; 9]).unwrap();
        let error = training.update().unwrap_err();
        assert!(matches!(error, Error::NonFinite { step: 2, .. }), "{error}");
        assert_eq!(training.model().weights().unwrap(), before, "{}", device.name());
        training.step(&[3, 4, 5]).unwrap();
        assert_ne!(training.model().weights().unwrap(), before);
    }
}

#[test]
fn a_clone_goes_on_alike_and_by_itself() {
    let data = waves(40);
    for device in devices() {
        let mut one = model(&device, &data);
        trainer(Adam::default()).fit(&mut one, &data, None).unwrap();
        let mut other = one.try_clone().unwrap();
        let (before, x) = (one.weights().unwrap(), data.inputs());
        assert_eq!(other.weights().unwrap(), before);
        assert_eq!(other.predict(x).unwrap(), one.predict(x).unwrap());
        trainer(Adam::default()).fit(&mut other, &data, None).unwrap();
        assert_eq!(one.weights().unwrap(), before, "{}: the first one is another's", device.name());
        trainer(Adam::default()).fit(&mut one, &data, None).unwrap();
        assert_eq!(one.weights().unwrap(), other.weights().unwrap(), "{}", device.name());
    }
}

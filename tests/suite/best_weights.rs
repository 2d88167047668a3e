//! Early stopping leaves the model with the best epoch's weights, in whatever way a training ends.

use crate::common::devices;
use crate::faults::{opened, time_out};
use crate::nets::{assert_trained, waves};
use crate::resume::same;
use autorot::model::Weights;
use autorot::train::Epoch;
use autorot::{
    Activate, Activation, BatchNorm, Dataset, Dense, Device, EarlyStopping, Error, Fault, Interval, Loss,
    Model, Schedule, Sequential, Sgd, Trainer,
};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

/// A net with running statistics.
fn net(device: &Device) -> Model {
    let net = Sequential::new([3]).add(Dense::new(8)).add(BatchNorm::new());
    net.add(Activate::new(Activation::Tanh)).add(Dense::new(2)).build(device, 5).unwrap()
}

/// What a callback saw after every epoch: the validation loss and the weights.
type Seen = Mutex<Vec<(f64, Weights)>>;

/// Learns with a rate that grows until the loss does, and then until it is no number. Notes every epoch; calls `then` once one is clearly
/// worse than the best.
fn trainer<'a>(
    seen: &'a Seen,
    mut then: impl FnMut(&Epoch) -> Result<ControlFlow<()>, Error> + Send + 'a,
) -> Trainer<'a> {
    let rate = Schedule::WarmUp { start: 0.0, rate: 20.0, updates: 1000 };
    Trainer::new(Sgd { learning_rate: rate, ..Sgd::default() }, Loss::MeanSquaredError)
        .batch(8)
        .epochs(1000)
        .progress(false)
        .early_stopping(EarlyStopping { patience: 1000, ..EarlyStopping::default() })
        .callback(move |model: &mut Model, epoch: &Epoch| {
            let loss = epoch.val_loss.unwrap();
            let weights = model.weights()?;
            let mut seen = seen.lock().unwrap();
            seen.push((loss, weights));
            let least = seen.iter().map(|(loss, _)| *loss).fold(f64::INFINITY, f64::min);
            drop(seen);
            if loss > 1.5 * least { then(epoch) } else { go_on(epoch) }
        })
}

fn go_on(_: &Epoch) -> Result<ControlFlow<()>, Error> {
    Ok(ControlFlow::Continue(()))
}

/// The epoch of the least loss, counted from 1, that loss, and the weights; there are worse ones after it.
#[track_caller]
fn best(seen: &Seen) -> (usize, f64, Weights) {
    let seen = seen.lock().unwrap();
    let best = (0..seen.len()).fold(0, |best, i| if seen[i].0 < seen[best].0 { i } else { best });
    let last = &seen[seen.len() - 1].1;
    assert!(best + 1 < seen.len(), "the last of {} epochs is the best", seen.len());
    let mean = "1.batch_norm.moving_mean";
    assert_ne!(seen[best].1[mean], last[mean], "running statistics differ between the epochs");
    assert_trained(&seen[best].1, last);
    (best + 1, seen[best].0, seen[best].1.clone())
}

/// The model has the best weights, and the trainer says so.
#[track_caller]
fn holds_the_best(seen: &Seen, trainer: &Trainer<'_>, model: &mut Model, data: &Dataset) {
    let (epoch, loss, weights) = best(seen);
    assert_eq!(model.weights().unwrap(), weights);
    assert_eq!(trainer.evaluate(model, data).unwrap().loss, loss, "to the bit");
    assert_eq!(trainer.history().restored_epoch, Some(epoch));
    assert_eq!(trainer.best_weights(), Some(&weights));
}

#[test]
fn after_numbers_that_are_none() {
    let data = waves(30);
    for device in devices() {
        let (seen, mut model) = (Seen::default(), net(&device));
        let mut trainer = trainer(&seen, go_on);
        let error = trainer.fit(&mut model, &data, Some(&data)).unwrap_err();
        assert!(matches!(error, Error::NonFinite { .. }), "{error}");
        holds_the_best(&seen, &trainer, &mut model, &data);
    }
}

fn stop(_: &Epoch) -> Result<ControlFlow<()>, Error> {
    Ok(ControlFlow::Break(()))
}

fn fail(_: &Epoch) -> Result<ControlFlow<()>, Error> {
    Err(Error::invalid("callback", "nothing", "something", "try again"))
}

#[test]
fn after_callbacks_that_end_a_training() {
    let data = waves(30);
    for device in devices() {
        // It asks for the end.
        let (seen, mut model) = (Seen::default(), net(&device));
        let mut stopped = trainer(&seen, stop);
        let history = pollster::block_on(stopped.fit_async(&mut model, &data, Some(&data))).unwrap();
        assert_eq!(&history, stopped.history());
        holds_the_best(&seen, &stopped, &mut model, &data);

        // It fails.
        let (seen, mut model) = (Seen::default(), net(&device));
        let mut failed = trainer(&seen, fail);
        let error = pollster::block_on(failed.fit_async(&mut model, &data, Some(&data))).unwrap_err();
        assert!(error.to_string().starts_with("callback"), "{error}");
        holds_the_best(&seen, &failed, &mut model, &data);

        // It panics.
        let (seen, mut model) = (Seen::default(), net(&device));
        let mut panicked = trainer(&seen, |_| panic!("expected in this test"));
        let bytes = model.device_bytes();
        let caught = catch_unwind(AssertUnwindSafe(|| panicked.fit(&mut model, &data, Some(&data))));
        assert!(caught.is_err());
        assert!(model.device_bytes() > bytes, "moments and the like stay");
        holds_the_best(&seen, &panicked, &mut model, &data);
    }
}

#[test]
fn a_training_goes_on_after_them() {
    // What is put back is gone once a training is resumed: it ends as if nothing had happened.
    let data = waves(30);
    let seen = Seen::default();
    let worse = trainer(&seen, stop).fit(&mut net(&Device::cpu()), &data, Some(&data)).unwrap().epochs.len();
    let run = |fails: bool| {
        let (seen, mut model, mut left) = (Seen::default(), net(&Device::cpu()), fails);
        let then = |epoch: &Epoch| if std::mem::take(&mut left) { fail(epoch) } else { go_on(epoch) };
        let mut trainer = trainer(&seen, then).epochs(worse + 1).snapshot_every(Interval::Steps(5));
        let mut history = trainer.fit(&mut model, &data, Some(&data));
        if fails {
            assert_eq!(trainer.history().epochs.len(), worse);
            assert!(history.is_err());
            history = trainer.resume(&mut model, &data, Some(&data));
        }
        (history.unwrap(), model.weights().unwrap())
    };
    let (whole, resumed) = (run(false), run(true));
    same(&resumed.0, &whole.0);
    assert_eq!(resumed.1, whole.1);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn after_faults_of_the_device() {
    let data = waves(30);
    // A device that can still be written to takes them.
    let (_, device) = opened();
    let (seen, mut model) = (Seen::default(), net(&device));
    let mut slow = trainer(&seen, |epoch| {
        time_out(&device)?;
        go_on(epoch)
    });
    let error = slow.fit(&mut model, &data, Some(&data)).unwrap_err();
    assert_eq!(error.fault(), Some(Fault::Timeout), "{error}");
    holds_the_best(&seen, &slow, &mut model, &data);

    // Of one that is lost they are with the trainer.
    let (owned, device) = opened();
    let (seen, mut model) = (Seen::default(), net(&device));
    let mut lost = trainer(&seen, |epoch| {
        owned.destroy();
        go_on(epoch)
    });
    let error = lost.fit(&mut model, &data, Some(&data)).unwrap_err();
    assert_eq!(error.fault(), Some(Fault::Lost), "{error}");
    let (_, loss, weights) = best(&seen);
    assert_eq!(lost.best_weights(), Some(&weights));
    assert_eq!(lost.history().restored_epoch, None, "nothing was restored");
    model.rebuild(&Device::cpu()).unwrap();
    model.set_weights(&weights).unwrap();
    let found = lost.evaluate(&mut model, &data).unwrap().loss;
    assert!((found - loss).abs() < 1e-5 * loss, "{found} {loss}");
}

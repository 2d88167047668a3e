//! Every fault of a device: provoked, named, and trained on after it, on another device, to the same bits.

use crate::broken::{Broken, Lacking, run};
use crate::common::open;
use crate::nets::{assert_trained, wave_model, waves};
use crate::resume::{numbers, same};
use autorot::train::Epoch;
use autorot::{Adam, Device, Error, Fault, Interval, Loss, Metric, Model, Trainer, wgpu};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A wgpu device of the test's own, and the crate's around it.
pub fn opened() -> (wgpu::Device, Device) {
    let (device, queue) = open(wgpu::Features::empty());
    (device.clone(), Device::from_wgpu(device, queue))
}

fn trainer<'a>() -> Trainer<'a> {
    Trainer::new(Adam::default(), Loss::MeanSquaredError)
        .metric(Metric::MeanAbsoluteError)
        .batch(8)
        .epochs(4)
        .progress(false)
        .snapshot_every(Interval::Steps(5))
}

/// A fault in the midst of a training ends it with this error; on a device opened afterwards it ends as without.
fn survives(wanted: Fault, device: &Device, provoke: &(dyn Fn() -> Result<(), Error> + Sync)) {
    let (_, fresh) = opened();
    let data = waves(50);
    let mut undisturbed = wave_model(&fresh);
    let before = undisturbed.weights().unwrap();
    let history = trainer().fit(&mut undisturbed, &data, Some(&data)).unwrap();
    assert_trained(&before, &undisturbed.weights().unwrap());

    let provoked = AtomicBool::new(false);
    let mut trainer = trainer().callback(|_: &mut Model, epoch: &Epoch| {
        if epoch.epoch == 2 && !provoked.swap(true, Ordering::Relaxed) {
            provoke()?;
        }
        Ok(ControlFlow::Continue(()))
    });
    let mut model = wave_model(device);
    let error = trainer.fit(&mut model, &data, Some(&data)).unwrap_err();
    assert_eq!(error.fault(), Some(wanted), "{error}");
    assert!(error.to_string().contains(&wanted.to_string()), "{error}");
    let snapshot = trainer.snapshot().unwrap();
    assert_eq!(snapshot.place(), (2, 3), "after 10 of 28 steps, 7 an epoch");
    assert!(snapshot.weights().tensors().all(|t| t.values.iter().all(|w| w.is_finite())));

    model.rebuild(&fresh).unwrap();
    let resumed = trainer.resume(&mut model, &data, Some(&data)).unwrap();
    same(&resumed, &history);
    assert_eq!(model.state().unwrap(), undisturbed.state().unwrap());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_lost_device() {
    let (owned, device) = opened();
    survives(Fault::Lost, &device, &|| {
        owned.destroy();
        Ok(())
    });
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_device_lost_at_any_time() {
    let data = waves(50);
    for milliseconds in [0, 50, 300, 2000] {
        let (owned, device) = opened();
        let mut model = wave_model(&device);
        let mut trainer = trainer().epochs(1_000_000);
        let destroyer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(milliseconds));
            owned.destroy();
        });
        let error = trainer.fit(&mut model, &data, None).unwrap_err();
        destroyer.join().unwrap();
        assert_eq!(error.fault(), Some(Fault::Lost), "{error}");
        let Some(snapshot) = trainer.snapshot() else {
            assert!(milliseconds < 2000, "no snapshot within 2 seconds");
            continue;
        };
        let epochs = snapshot.place().0;
        let (_, fresh) = opened();
        model.rebuild(&fresh).unwrap();
        let mut trainer = trainer.epochs(epochs);
        let resumed = trainer.resume(&mut model, &data, None).unwrap();
        let mut undisturbed = wave_model(&fresh);
        same(&resumed, &self::trainer().epochs(epochs).fit(&mut undisturbed, &data, None).unwrap());
        assert_eq!(model.state().unwrap(), undisturbed.state().unwrap());
    }
}

/// Waits too short a time for the device, which it is soon: software adapters are often done with work that they are handed.
pub fn time_out(device: &Device) -> Result<(), Error> {
    let hurried = device.clone().with_timeout(Duration::ZERO);
    (0..200).try_for_each(|_| run(&hurried, Broken::Slow))
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_loss_at_which_waiting_panics() {
    // wgpu panics where the driver tells of a loss while it waits, and so does it here for a callback of the owner's. Where the
    // device is done so soon that the callback is run by a submission instead, it is tried again.
    let weights = |destroyed: bool| {
        let (owned, queue) = open(wgpu::Features::empty());
        let device = Device::from_wgpu(owned.clone(), queue.clone());
        let mut model = wave_model(&device);
        assert_eq!(time_out(&device).unwrap_err().fault(), Some(Fault::Timeout));
        queue.on_submitted_work_done(move || {
            if destroyed {
                owned.destroy();
            }
            panic!("expected in this test");
        });
        catch_unwind(AssertUnwindSafe(|| model.weights()))
    };
    assert!(weights(false).is_err(), "the owner's panic is the owner's");
    let caught = (0..50).find_map(|_| weights(true).ok()).expect("a panic that is caught");
    assert_eq!(caught.unwrap_err().fault(), Some(Fault::Lost));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn every_call_on_a_lost_device_says_so() {
    let (owned, device) = opened();
    let data = waves(20);
    let mut model = wave_model(&device);
    model.predict(data.inputs()).unwrap();
    let (weights, state) = (model.weights().unwrap(), model.state().unwrap());
    owned.destroy();
    let lost = |what: &str, result: Result<(), Error>| {
        let error = result.expect_err(what);
        assert_eq!(error.fault(), Some(Fault::Lost), "{what}: {error}");
    };
    for time in ["first", "second"] {
        lost(time, model.predict(data.inputs()).map(drop));
        lost(time, model.predict(&data.inputs()[..3]).map(drop));
        lost(time, model.weights().map(drop));
        lost(time, model.set_weights(&weights));
        lost(time, model.set_state(&state));
        lost(time, trainer().fit(&mut model, &data, None).map(drop));
        lost(time, trainer().evaluate(&mut model, &data).map(drop));
        lost(time, trainer().inspect(&mut model, &data, 8).map(drop));
    }
    let build = |device: &Device| autorot::Sequential::new([3]).add(autorot::Dense::new(2)).build(device, 0);
    lost("build", build(&device).map(drop));
    lost("rebuild", model.rebuild(&device));
    // The model is where it was, and can still be moved.
    model.rebuild(&Device::cpu()).unwrap();
    model.set_state(&state).unwrap();
    assert_eq!(model.weights().unwrap(), weights);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_rejected_shader() {
    let (_, device) = opened();
    let error = run(&device, Broken::Syntax).unwrap_err().to_string();
    assert!(error.contains("broken") && error.contains("no_such_function"), "{error}");
    survives(Fault::Shader, &device, &|| run(&device, Broken::Syntax));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_misuse() {
    let (_, device) = opened();
    survives(Fault::Validation, &device, &|| run(&device, Lacking));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_device_that_takes_too_long() {
    let (_, device) = opened();
    survives(Fault::Timeout, &device, &|| time_out(&device));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn what_the_devices_owner_set_stays_untouched() {
    let (owned, device) = opened();
    let (errors, losses) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = |counter: &Arc<AtomicUsize>| {
        let counter = counter.clone();
        move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (error, loss) = (count(&errors), count(&losses));
    owned.on_uncaptured_error(Arc::new(move |_: wgpu::Error| error()));
    owned.set_device_lost_callback(move |_, _| loss());
    let scopes = [
        owned.push_error_scope(wgpu::ErrorFilter::Validation),
        owned.push_error_scope(wgpu::ErrorFilter::Internal),
        owned.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
    ];
    let data = waves(50);
    let mut model = wave_model(&device);
    let history = trainer().fit(&mut model, &data, Some(&data)).unwrap();
    assert!(numbers(&history).iter().all(|v| v.is_finite()));
    model.predict(data.inputs()).unwrap();
    run(&device, Broken::Syntax).unwrap_err();
    run(&device, Lacking).unwrap_err();
    for scope in scopes.into_iter().rev() {
        assert!(pollster::block_on(scope.pop()).is_none());
    }
    owned.destroy();
    assert_eq!(model.weights().unwrap_err().fault(), Some(Fault::Lost));
    owned.poll(wgpu::PollType::Poll).unwrap();
    assert_eq!(errors.load(Ordering::SeqCst), 0, "errors that reached the owner");
    assert_eq!(losses.load(Ordering::SeqCst), 1, "calls of the owner's callback");
}

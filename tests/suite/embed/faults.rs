//! A device that is lost under an application that trains on it.

use super::Host;
use crate::nets;
use autorot::embed::{Backward, Forward, Learner, Saver};
use autorot::{Adam, Fault, Loss, Sgd, Trainer, wgpu};
use std::sync::atomic::Ordering;

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_lost_device_is_named_and_training_goes_on_from_a_saved_state() {
    let none = wgpu::Features::empty();
    let host = Host::open(none);
    let other = Host::open(none);
    let data = nets::waves(64);
    // An epoch is two steps.
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(32).seed(3);
    let mut undisturbed = nets::wave_model(&other.autorot());
    let mut learner = Learner::new(&trainer, &mut undisturbed, &data).unwrap();
    other.train(&mut learner, &mut undisturbed, 20);
    let wanted = undisturbed.weights().unwrap();

    let mut model = nets::wave_model(&host.autorot());
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    let mut saver = Saver::new(&mut model).unwrap();
    assert_eq!(saver.poll(&mut model).unwrap(), None);
    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 12).unwrap();
    saver.encode(&mut model, &mut encoder).unwrap();
    host.submit(encoder);
    host.wait();
    let state = saver.poll(&mut model).unwrap().unwrap();
    assert_eq!((state.steps(), state.epochs()), (12, 6));
    assert_eq!(state, model.state().unwrap(), "what is saved without waiting is what is saved with it");
    assert_eq!(state.weights(), model.weights().unwrap());

    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 3).unwrap();
    host.submit(encoder);
    host.device.destroy();
    let met = (0..3).find_map(|_| {
        let mut encoder = host.encoder();
        let encoded = learner.encode(&mut model, &mut encoder, 1);
        host.submit(encoder);
        encoded.and_then(|()| learner.poll(&mut model)).err()
    });
    let error = met.expect("an error from one of the next frames");
    assert_eq!(error.fault(), Some(Fault::Lost), "{error}");
    for made in [
        Forward::new(&mut model, 4, None).map(drop),
        Backward::new(&mut model, 4, None, Sgd::default()).map(drop),
        Learner::new(&trainer, &mut model, &data).map(drop),
        model.weights().map(drop),
    ] {
        assert_eq!(made.unwrap_err().fault(), Some(Fault::Lost));
    }

    model.rebuild(&other.autorot()).unwrap();
    let error = learner.encode(&mut model, &mut other.encoder(), 1).unwrap_err().to_string();
    assert!(error.contains("moved to another device"), "{error}");
    model.set_state(&state).unwrap();
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    other.train(&mut learner, &mut model, 8);
    assert_eq!(model.weights().unwrap(), wanted);
    assert_eq!(host.uncaptured.load(Ordering::Relaxed) + other.uncaptured.load(Ordering::Relaxed), 0);
}

//! Checkpoints in files: what is kept, what continues, what is refused.

use crate::nets::{wave_network, waves};
use autorot::train::{Checkpoints, Control, Snapshot};
use autorot::*;
use std::ops::ControlFlow;
use std::path::Path;

/// The error's text has all of these.
fn says<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{text:?} does not name {word:?}"));
}

fn trainer<'a>(epochs: usize) -> Trainer<'a> {
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(8).epochs(epochs);
    trainer.snapshot_every(Interval::Steps(3)).progress(false)
}

fn model() -> Model {
    wave_network().build(&Device::cpu(), 3).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let all =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.collect();
    all.sort();
    all
}

/// 40 rows in batches of 8: five steps an epoch.
fn data() -> Dataset {
    waves(40)
}

#[test]
fn the_newest_and_the_best_stay() {
    let (dir, data) = (tempfile::tempdir().unwrap(), data());
    let folder = dir.path().join("run");
    let mut whole = model();
    let history = trainer(4).fit(&mut whole, &data, None).unwrap();
    let mut model = model();
    let checkpoints = Checkpoints::new(&folder).keep(2);
    let with = trainer(4).checkpoint(checkpoints.clone()).fit(&mut model, &data, None).unwrap();
    let losses = |history: &History| history.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>();
    assert_eq!(losses(&with), losses(&history));
    assert_eq!(model.weights().unwrap(), whole.weights().unwrap(), "checkpoints change nothing");
    // Snapshots after steps 3 of an epoch at the latest and at the ends of epochs: 20 is the last, and the loss falls to the end.
    let all = names(&folder);
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(
        (&*all[0], &*all[2], &*all[3]),
        ("best.safetensors", "checkpoint-0000000020.safetensors", "lock")
    );
    let newest = Checkpoints::list(&folder).unwrap().remove(0);
    let mut loaded = Model::load(&newest, &Device::cpu()).unwrap();
    assert_eq!(loaded.weights().unwrap(), whole.weights().unwrap(), "a checkpoint is a model file");
    let best = Snapshot::load(folder.join("best.safetensors"), &loaded).unwrap();
    let lowest = losses(&history).iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
    assert_eq!(best.history().epochs.len(), lowest + 1);

    // A new training does not begin there, and the one that has ended does not go on unless it is given more epochs.
    let mut again = crate::checkpoints::model();
    says(
        trainer(4).checkpoint(checkpoints).fit(&mut again, &data, None),
        &["checkpoint-0000000020", "resume_from"],
    );
    let resumed = trainer(4).resume_from(&folder, &mut again, &data, None).unwrap();
    assert_eq!(losses(&resumed), losses(&history));
    assert_eq!(again.weights().unwrap(), whole.weights().unwrap());
    says(trainer(3).resume_from(&folder, &mut again, &data, None), &["epochs", "at least 4"]);
    let mut longer = crate::checkpoints::model();
    let wanted = trainer(6).fit(&mut longer, &data, None).unwrap();
    let found = trainer(6).resume_from(&folder, &mut again, &data, None).unwrap();
    assert_eq!((losses(&found), again.weights().unwrap()), (losses(&wanted), longer.weights().unwrap()));
    assert!(names(&folder).contains(&"checkpoint-0000000030.safetensors".to_owned()));
    says(
        trainer(2).resume_from(dir.path().join("none"), &mut again, &data, None),
        &["none", "no checkpoint"],
    );
}

#[test]
fn a_control_stops_after_the_step_at_hand_with_a_checkpoint() {
    let (dir, data) = (tempfile::tempdir().unwrap(), data());
    let mut whole = model();
    let history = trainer(5).fit(&mut whole, &data, None).unwrap();
    let control = Control::new();
    let from_callback = control.clone();
    // Asked for during the end of the second epoch: the third does not begin.
    let stop = move |_: &mut Model, epoch: &train::Epoch| {
        if epoch.epoch == 2 {
            from_callback.stop();
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut stopped = model();
    let mut stopping = trainer(5).callback(stop).control(&control).checkpoint(dir.path());
    let result = stopping.fit(&mut stopped, &data, None);
    assert!(matches!(result, Err(Error::Interrupted { step: 10 })), "{result:?}");
    // In memory the same trainer goes on, since it has stopped.
    let mut other = trainer(5).control(&control).from_snapshot(stopping.snapshot().unwrap().clone());
    assert_eq!(other.resume(&mut stopped, &data, None).unwrap().epochs.len(), 5);
    assert_eq!(stopped.weights().unwrap(), whole.weights().unwrap());
    drop(stopping);
    let mut other = model();
    let resumed = trainer(5).resume_from(dir.path(), &mut other, &data, None).unwrap();
    assert_eq!(resumed.epochs.len(), 5);
    assert_eq!(resumed.epochs[4].train_loss, history.epochs[4].train_loss);
    assert_eq!(other.weights().unwrap(), whole.weights().unwrap());
    // Before the first step: after it.
    let dir = tempfile::tempdir().unwrap();
    let (control, mut early) = (Control::new(), model());
    control.stop();
    let result = trainer(5).control(&control).checkpoint(dir.path()).fit(&mut early, &data, None);
    assert!(matches!(result, Err(Error::Interrupted { step: 1 })), "{result:?}");
    assert!(Checkpoints::list(dir.path()).unwrap()[0].ends_with("checkpoint-0000000001.safetensors"));
    let mut other = model();
    trainer(5).resume_from(dir.path(), &mut other, &data, None).unwrap();
    assert_eq!(other.weights().unwrap(), whole.weights().unwrap());
}

#[test]
fn what_differs_is_refused_by_name() {
    let (dir, data) = (tempfile::tempdir().unwrap(), data());
    trainer(1).checkpoint(dir.path()).fit(&mut model(), &data, None).unwrap();
    let resume = |trainer: Trainer<'_>, mut model: Model, data: &Dataset| {
        let mut trainer = trainer.epochs(3);
        trainer.resume_from(dir.path(), &mut model, data, None).map(drop)
    };
    resume(trainer(1).batch(4), model(), &data)
        .map_or_else(|e| says::<()>(Err(e), &["batch"]), |()| panic!("batch"));
    let inputs = data.inputs().iter().map(|x| x + 1e-3).collect();
    says(resume(trainer(1), model(), &data.with_inputs(inputs).unwrap()), &["training data", "fingerprint"]);
    says(resume(trainer(1), wave_network().build(&Device::cpu(), 4).unwrap(), &data), &["seed"]);
    let other =
        Sequential::new([3]).input_range(-1.0, 1.0).add(Dense::new(2)).build(&Device::cpu(), 3).unwrap();
    says(resume(trainer(1), other, &data), &["0.dense"]);
    let mut adam =
        Trainer::new(Adam { beta_1: 0.8, ..Adam::default() }, Loss::MeanSquaredError).batch(8).epochs(3);
    says(adam.resume_from(dir.path(), &mut model(), &data, None), &["beta_1"]);
    // Two at once.
    let inner = |_: &mut Model, _: &train::Epoch| {
        says(
            trainer(9).resume_from(dir.path(), &mut model(), &waves(40), None),
            &["running", "another folder"],
        );
        Ok(ControlFlow::Continue(()))
    };
    trainer(3).callback(inner).resume_from(dir.path(), &mut model(), &data, None).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_costs_no_training() {
    let (dir, data) = (tempfile::tempdir().unwrap(), data());
    let folder = dir.path().join("run");
    // A folder stands where a checkpoint is to go: the last one, whose error is returned, or another.
    let block = |model: &mut Model, epoch: &train::Epoch| {
        if epoch.epoch == 2 {
            let name = format!("checkpoint-{:010}.safetensors", model.state()?.steps());
            std::fs::create_dir(folder.join(name)).unwrap();
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut blocked = model();
    says(
        trainer(2).callback(block).checkpoint(&*folder).fit(&mut blocked, &data, None),
        &["checkpoint-0000000010"],
    );
    std::fs::remove_dir_all(&folder).unwrap();
    let spoil = |model: &mut Model, epoch: &train::Epoch| {
        let name = format!("checkpoint-{:010}.safetensors", model.state()?.steps());
        match epoch.epoch {
            1 => std::fs::create_dir(folder.join(name)).unwrap(),
            2 => std::fs::remove_dir(folder.join("checkpoint-0000000005.safetensors")).unwrap(),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut trained = model();
    trainer(3).callback(spoil).checkpoint(&*folder).fit(&mut trained, &data, None).unwrap();
    assert!(names(&folder).contains(&"checkpoint-0000000015.safetensors".to_owned()));
    // A file that was changed is refused by its checksum.
    let newest = Checkpoints::list(&folder).unwrap().remove(0);
    let mut bytes = std::fs::read(&newest).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    std::fs::write(&newest, bytes).unwrap();
    says(Snapshot::load(&newest, &trained).map(drop), &["checkpoint-0000000015", "checksum"]);
}

#[test]
fn checkpoints_of_another_course_make_room_or_are_refused() {
    let (dir, data) = (tempfile::tempdir().unwrap(), data());
    let mut whole = model();
    trainer(4).fit(&mut whole, &data, None).unwrap();
    trainer(4).checkpoint(Checkpoints::new(dir.path()).keep(9)).fit(&mut model(), &data, None).unwrap();
    // The newest is spoilt, the best gone, and a killed process has left something: the training continues from the one before.
    let all = Checkpoints::list(dir.path()).unwrap();
    let bytes = std::fs::read(&all[0]).unwrap();
    std::fs::write(&all[0], &bytes[..bytes.len() / 2]).unwrap();
    std::fs::remove_file(dir.path().join("best.safetensors")).unwrap();
    std::fs::write(dir.path().join(".checkpoint-0000000020.safetensors.x1"), b"half").unwrap();
    let mut other = model();
    trainer(4).resume_from(dir.path(), &mut other, &data, None).unwrap();
    assert_eq!(other.weights().unwrap(), whole.weights().unwrap());
    let left = names(dir.path());
    assert!(left.contains(&"checkpoint-0000000020.aside".to_owned()), "{left:?}");
    assert!(left.contains(&"checkpoint-0000000020.safetensors".to_owned()), "written again: {left:?}");
    assert!(left.contains(&"best.safetensors".to_owned()), "{left:?}");
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
    // From memory into a folder of another training, whose steps are fewer and more than its own.
    let mut one = Trainer::new(Sgd::default(), Loss::MeanSquaredError).batch(8).epochs(4).progress(false);
    one = one.snapshot_every(Interval::Steps(7));
    let mut third = model();
    one.fit(&mut third, &data, None).unwrap();
    says(one.checkpoint(dir.path()).resume(&mut third, &data, None), &["another training", "another folder"]);
    assert_eq!(names(dir.path()), left, "nothing was touched");
}

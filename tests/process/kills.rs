//! A training in a process of its own that is killed over and over: what is left always continues, to the same bits.

use autorot::train::{Checkpoints, Control};
use autorot::*;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The variable that makes a test of this file the process to be killed: device, and folder of the training.
const CHILD: &str = "AUTOROT_TEST_KILLED";

/// Where the process leaves what it ended with.
const ENDED: &str = "ended.safetensors";

fn synthetic(rows: usize, seed: usize) -> Dataset {
    let inputs = (0..rows * 6 * 6).map(|i| ((i + seed) * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows).map(|i| ((i + seed) * 31 % 3) as u32).collect();
    Dataset::classes([6, 6, 1], inputs, labels, ["a", "b", "c"].map(String::from).to_vec()).unwrap()
}

fn trainer<'a>(epochs: usize, control: &Control) -> Trainer<'a> {
    let schedule = Schedule::Cosine { peak: 0.01, updates: 200, floor: 0.01, warm_up: 10, start: 0.0 };
    let stopping = EarlyStopping { patience: epochs / 2, ..EarlyStopping::default() };
    Trainer::new(Adam { learning_rate: schedule, ..Adam::default() }, Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .batch(8)
        .accumulate(2)
        .epochs(epochs)
        .early_stopping(stopping)
        .control(control)
        .snapshot_every(Interval::Steps(3))
        .progress(false)
}

/// Trains in a folder from the beginning, or from what is there; returns the history without times, and the model's bits.
fn train(device: &Device, folder: &Path, epochs: usize, control: &Control) -> Result<(String, Vec<u8>)> {
    let (rows, validation) = (synthetic(56, 0), synthetic(24, 500));
    let mut model = Sequential::for_data(&rows)
        .add(RandomTranslation::new([1, 1]))
        .add(
            Conv2d::new(4, 3)
                .activation(Activation::Tanh)
                .auto_rotate(AutoRotate::new().learn_l(LearnL::PerUnit)),
        )
        .add(BatchNorm::new())
        .add(Flatten)
        .add(Dropout::new(0.3))
        .add(Dense::new(3))
        .build(device, 5)
        .unwrap();
    let mut trainer = trainer(epochs, control);
    // On the CPU rows are read when they are needed.
    let numbered = data::Indexed::new(rows.len(), |numbers: &[usize]| rows.select(numbers))?;
    let train: &dyn data::Source = if device.name() == "cpu" { &numbered } else { &rows };
    let history = if Checkpoints::list(folder).unwrap().is_empty() {
        trainer.checkpoint(folder).fit(&mut model, train, Some(&validation))
    } else {
        trainer.resume_from(folder, &mut model, train, Some(&validation))
    };
    let history = history?;
    let epochs: Vec<_> =
        history.epochs.iter().map(|e| (e.epoch, e.train_loss, e.val_loss, e.learning_rate)).collect();
    let told = format!("{epochs:?} {:?}", history.restored_epoch);
    Ok((told, model.to_bytes()?))
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "run by the tests that kill it"]
fn the_process_that_is_killed() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (device, folder) = task.split_once(' ').unwrap();
    let folder = Path::new(folder);
    let control = Control::on_ctrl_c().unwrap();
    match train(&Device::named(device).unwrap(), folder, epochs(device), &control) {
        Ok((history, bytes)) => {
            store::write(folder.join("history"), history.as_bytes()).unwrap();
            store::write(folder.join(ENDED), &bytes).unwrap();
        }
        Err(error) => std::process::exit(if matches!(error, Error::Interrupted { .. }) { 3 } else { 4 }),
    }
}

/// So many that a training takes about a second.
fn epochs(device: &str) -> usize {
    if device == "cpu" { 300 } else { 60 }
}

/// Starts the process.
fn start(device: &str, folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::the_process_that_is_killed", "--ignored"])
        .env(CHILD, format!("{device} {}", folder.display()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the training ends with that nothing interrupts.
fn undisturbed(device: &str) -> (String, Vec<u8>) {
    let whole = tempfile::tempdir().unwrap();
    train(&Device::named(device).unwrap(), whole.path(), epochs(device), &Control::new()).unwrap()
}

/// Kills a training at least so often; returns how often.
fn kill(device: &str, least: usize) -> usize {
    let (history, bytes) = undisturbed(device);
    let (mut kills, mut runs, mut random) = (0, 0, 0x9e37_79b9_u64);
    let mut longest = 400;
    while kills < least {
        let folder = tempfile::tempdir().unwrap();
        runs += 1;
        loop {
            let mut child = start(device, folder.path());
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            std::thread::sleep(Duration::from_millis((random >> 33) % longest));
            if child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                kills += 1;
                // Every one that has its name is whole.
                let mut model = None;
                for path in Checkpoints::list(folder.path()).unwrap() {
                    model = Some(Model::load(&path, &Device::cpu()).unwrap_or_else(|e| panic!("{e}")));
                }
                drop(model);
            }
            assert!(child.wait().is_ok());
            if folder.path().join(ENDED).exists() {
                break;
            }
            // So that it comes to an end.
            longest += 10;
        }
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(String::from_utf8(read("history")).unwrap(), history, "run {runs} after {kills} kills");
        assert!(read(ENDED) == bytes, "other bits in run {runs} after {kills} kills");
        longest = 400;
    }
    println!("{device}: {kills} kills in {runs} trainings");
    kills
}

/// Takes a minute: cargo test --release --test process -- --ignored killed_training
#[test]
#[ignore = "25 kills, which take half a minute; .ci/run runs them"]
fn a_killed_training_ends_with_the_same_bits_on_the_cpu() {
    let _alone = crate::alone();
    kill("cpu", 25);
}

/// As the one before it.
#[test]
#[ignore = "25 kills, which take half a minute; .ci/run runs them"]
fn a_killed_training_ends_with_the_same_bits_on_a_gpu() {
    let _alone = crate::alone();
    kill("gpu", 25);
}

/// cargo test --release --test process -- --ignored --nocapture three_hundred
#[test]
#[ignore = "300 kills, which take one and a half minutes; run by hand"]
fn three_hundred_kills() {
    let _alone = crate::alone();
    kill("cpu", 200);
    kill("gpu", 100);
}

#[test]
#[cfg_attr(not(unix), ignore = "sends a signal")]
fn ctrl_c_ends_a_training_with_a_checkpoint() {
    let _alone = crate::alone();
    let (history, bytes) = undisturbed("cpu");
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("cpu", folder.path());
    while Checkpoints::list(folder.path()).unwrap().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(3), "the training was interrupted");
    assert!(start("cpu", folder.path()).wait().unwrap().success());
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(String::from_utf8(read("history")).unwrap(), history);
    assert!(read(ENDED) == bytes, "other bits");
}

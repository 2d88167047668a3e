//! Training by real processes that MPI starts: the same bits as one, and ends within seconds whatever happens to a rank.
//!
//! `cargo test --release --features cli,mpi --test mpi`, where `mpirun` is installed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod kills;

use autorot::data::PadSequences;
use autorot::train::Checkpoints;
use autorot::train::processes::{Mpi, Processes, together};
use autorot::*;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Whether a GPU is tested, too.
const WITH_GPU: bool = !cfg!(feature = "tests-without-gpu");

/// The variable that makes a test of this file one of the processes: what it does, on which device, in which folder.
const CHILD: &str = "AUTOROT_TEST_RANK";

/// What a process leaves: its history without times, and its weights.
const HISTORY: &str = "history";
const MODEL: &str = "ended.safetensors";

/// Numbers that look random.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|i| ((i + seed) * 7919 % 1009) as f32 / 504.5 - 1.0).collect()
}

fn classes(shape: &[usize], rows: usize, seed: usize) -> Dataset {
    let inputs = numbers(rows * shape.iter().product::<usize>(), seed);
    let labels = (0..rows).map(|i| ((i + seed) * 31 % 3) as u32).collect();
    Dataset::classes(shape, inputs, labels, ["a", "b", "c"].map(String::from).to_vec()).unwrap()
}

fn sequences(rows: usize, seed: usize) -> Dataset {
    let sequences: Vec<Vec<f32>> = (0..rows).map(|i| numbers(3 * (1 + i * 7 % 9), seed + i)).collect();
    let labels = (0..rows).map(|i| (i * 31 % 3) as u32).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    PadSequences::new(3, -9.0).steps(9).classes(&sequences, labels, names).unwrap()
}

/// The data for training and validation of a task, and its network.
fn task(name: &str) -> (Dataset, Dataset, Sequential) {
    let dense =
        |units: usize| Dense::new(units).activation(Activation::Sigmoid).auto_rotate(AutoRotate::critical());
    match name {
        "convolutions" => {
            let (train, test) = (classes(&[12, 12, 1], 120, 0), classes(&[12, 12, 1], 40, 500));
            let conv =
                |filters| Conv2d::new(filters, 3).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
            let net = Sequential::for_data(&train)
                .add(conv(4))
                .add(BatchNorm::new())
                .add(Dropout::new(0.3))
                .add(conv(6).strides(2))
                .add(BatchNorm::new().synchronized(true))
                .add(Flatten)
                .add(Dense::new(3));
            (train, test, net)
        }
        "sequences" => {
            let (train, test) = (sequences(120, 0), sequences(40, 77));
            let lstm = Lstm::new(8).auto_rotate(AutoRotate::new());
            let net = Sequential::for_data(&train).add(Masking::new(-9.0)).add(lstm).add(Dense::new(3));
            (train, test, net)
        }
        _ => {
            let (train, test) = (classes(&[20], 200, 0), classes(&[20], 60, 500));
            let net = Sequential::for_data(&train).add(dense(32)).add(dense(32)).add(Dense::new(3));
            (train, test, net)
        }
    }
}

/// Does what the variable says, as one of the processes.
fn work(words: &str) -> Result<()> {
    let mut words = words.splitn(4, ' ');
    let mut word = || words.next().unwrap();
    let (name, device, epochs, folder) = (word(), word(), word(), word());
    let folder = Path::new(folder);
    let own: Arc<dyn Processes> = Arc::new(Mpi::new()?);
    let first = own.rank() == 0;
    let checkpoints = folder.join("checkpoints");
    let (mut model, train, test, is_new) = together(&own, || {
        let (train, test, net) = task(name);
        let model = net.build(&Device::named(device)?, 5)?;
        Ok((model, train, test, Checkpoints::list(&checkpoints)?.is_empty()))
    })?;
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .batch(32)
        .epochs(epochs.parse().unwrap())
        .snapshot_every(Interval::Steps(3))
        .progress(false)
        // One rank is not like the others.
        .seed(u64::from(name == "odd" && own.rank() == 1))
        .processes(own.clone());
    let history = match is_new {
        true => trainer.checkpoint(&checkpoints).fit(&mut model, &train, Some(&test))?,
        false => trainer.resume_from(&checkpoints, &mut model, &train, Some(&test))?,
    };
    together(&own, || {
        if !first {
            return Ok(());
        }
        let epochs = history.epochs.iter();
        let figures: Vec<_> =
            epochs.map(|e| (e.epoch, e.train_loss, e.val_loss, &e.train_metrics, &e.val_metrics)).collect();
        store::write(folder.join(HISTORY), format!("{figures:?}").as_bytes())?;
        store::write(folder.join(MODEL), &model.to_bytes()?)
    })
}

/// One test at a time starts processes, since the others' would slow its own down.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Not a test: one of the processes.
#[test]
#[ignore = "run by the others, through mpirun"]
fn one_of_the_processes() {
    let Ok(words) = std::env::var(CHILD) else { return };
    if let Err(error) = work(&words) {
        panic!("{error}");
    }
}

/// Processes of this program, started by `mpirun`.
fn start(size: usize, what: &str, device: &str, epochs: usize, folder: &Path) -> Child {
    Command::new("mpirun")
        .args(["-n", &size.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["one_of_the_processes", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(CHILD, format!("{what} {device} {epochs} {}", folder.display()))
        // As root, and with more processes than cores, none of them bound to one.
        .envs([("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")])
        .envs([("OMPI_MCA_rmaps_base_oversubscribe", "1"), ("OMPI_MCA_hwloc_base_binding_policy", "none")])
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("mpirun: {e}: install openmpi-bin, as tests/run does"))
}

/// What processes have left.
fn left(folder: &Path) -> (String, Vec<u8>) {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    (String::from_utf8(read(HISTORY)).unwrap(), read(MODEL))
}

/// Trains with so many processes; returns what they have left.
fn trained(size: usize, what: &str, device: &str, epochs: usize, folder: &Path) -> (String, Vec<u8>) {
    let ended = start(size, what, device, epochs, folder).wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{size} processes on {device}: {told}");
    left(folder)
}

#[test]
fn two_and_four_processes_have_the_bits_of_one() {
    let _alone = alone();
    for device in ["cpu"].into_iter().chain(WITH_GPU.then_some("gpu")) {
        for what in ["dense", "convolutions", "sequences"] {
            let dir = tempfile::tempdir().unwrap();
            let of = |size: usize| trained(size, what, device, 2, &dir.path().join(size.to_string()));
            let (history, weights) = of(1);
            for size in [2, 4] {
                let (others_history, others) = of(size);
                assert_eq!(others_history, history, "{what} on {device}, {size} processes");
                assert!(others == weights, "{what} on {device}, {size} processes: other weights");
            }
        }
    }
}

#[test]
fn a_rank_with_other_options_is_refused_by_name() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let begin = Instant::now();
    let ended = start(4, "odd", "cpu", 2, dir.path()).wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success());
    for word in ["rank 1 on ", "trainer option seed: found 1, expected 0, as rank 0"] {
        assert!(told.contains(word), "{told}");
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

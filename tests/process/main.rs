//! What training takes of the process, in one of its own: no more memory for many steps than for few, and little of the
//! host's time while a GPU works; and what comes of a device that has no memory left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod kills;

use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, Interval, LearnL, Loss, Metric, Sequential, Trainer,
};

use autorot::data::{Indexed, Source};
use autorot::extend::kernel::Element;
use autorot::train::Epoch;
use autorot::{Error, Fault, Model};
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Whether a GPU is tested, too.
const WITH_GPU: bool = !cfg!(feature = "tests-without-gpu");

/// What is measured is the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that Linux tells of this process; no test here runs elsewhere.
fn told(file: &str, place: usize) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}: mount /proc"));
    text.split_whitespace()
        .nth(place)
        .and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("{file}: {text}"))
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    told("/proc/self/statm", 1) * 4096
}

/// Nanoseconds that this thread was on a processor.
fn on_processor() -> u64 {
    told("/proc/thread-self/schedstat", 0)
}

fn gpu() -> Device {
    Device::gpu().unwrap_or_else(|error| {
        panic!("no GPU to test on: {error}: run tests/run, or cargo test --features tests-without-gpu")
    })
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn steps_take_no_more_memory() {
    let _alone = alone();
    take_no_more_memory(&[2_000, 18_000]);
}

/// Takes minutes: cargo test --release --test process -- --ignored --nocapture
#[test]
#[ignore = "a soak of 100,000 steps, which takes ten minutes"]
fn a_hundred_thousand_steps_take_no_more_memory_than_ten_thousand() {
    let _alone = alone();
    take_no_more_memory(&[10_000; 10]);
}

/// Trains for so many steps at a time; after the first of them nothing may grow.
fn take_no_more_memory(intervals: &[usize]) {
    const STEPS: usize = 100;
    let rows = 4 * STEPS;
    let inputs = (0..rows * 8).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows as u32).map(|i| i * 31 % 3).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::classes([8], inputs, labels, names).unwrap();
    for device in std::iter::once(Device::cpu()).chain(WITH_GPU.then(gpu)) {
        let begin = Instant::now();
        let rotate = AutoRotate::new().learn_l(LearnL::PerUnit);
        let mut model = Sequential::for_data(&data)
            .add(Dense::new(8).activation(Activation::Sigmoid).auto_rotate(rotate))
            .add(Dense::new(3))
            .build(&device, 1)
            .unwrap();
        let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
            .metric(Metric::Accuracy)
            .batch(4)
            .snapshot_every(Interval::Steps(50))
            .progress(false);
        let (mut first, mut done) = (None, 0);
        for &steps in intervals {
            trainer = trainer.epochs(steps / STEPS);
            trainer.fit(&mut model, &data, None).unwrap();
            done += steps;
            let now = (model.device_bytes(), resident());
            let (bytes, memory) = *first.get_or_insert(now);
            let (name, seconds) = (device.name(), begin.elapsed().as_secs());
            println!("{name}: {done} steps, {seconds} s, {} bytes on the device, {} resident", now.0, now.1);
            assert_eq!(bytes, now.0, "bytes on {name}");
            let growth = now.1.saturating_sub(memory);
            // 100 bytes a step would be 1.8 MB in the shorter run.
            assert!(growth < 1 << 20, "{name}: {growth} bytes more of {memory} after {done} steps");
        }
    }
}

/// The most memory that the process has had since it was last asked to forget.
fn peak(forget: bool) -> u64 {
    if forget {
        std::fs::write("/proc/self/clear_refs", "5").unwrap_or_else(|e| panic!("clear_refs: {e}"));
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// 820 MB of rows that are read when they are needed, 3 MB a step. The window on the device and the rows that are kept for a step that
/// fails, of two submissions, may take 64 MiB each; a few steps more wait.
#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn rows_that_are_not_in_memory_take_little_of_it() {
    const WIDTH: usize = 4096;
    let _alone = alone();
    let rows = Indexed::new(50_000, |rows: &[usize]| {
        let row = |&row: &usize| (0..WIDTH).map(move |i| ((row * 31 + i * 7) % 101) as f32 / 101.0);
        Dataset::values([WIDTH], rows.iter().flat_map(row).collect(), [1], vec![0.5; rows.len()])
    });
    let rows = rows.unwrap();
    for device in std::iter::once(Device::cpu()).chain(WITH_GPU.then(gpu)) {
        let mut model = Sequential::for_data(rows.sample()).add(Dense::new(1)).build(&device, 1).unwrap();
        let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).batch(200);
        trainer = trainer.progress(false).snapshot_every(Interval::Never);
        let before = peak(true);
        trainer.fit(&mut model, &rows, None).unwrap();
        let more = (peak(false) - before) >> 20;
        println!("{}: {more} MiB more", device.name());
        assert!(more < 400, "{}: {more} MiB more", device.name());
    }
}

/// Preparing and submitting 784-512×4 steps: the time of this thread, in which a software adapter does none of its work.
#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn the_host_has_little_to_do() {
    let _alone = alone();
    let device = gpu();
    let rows = 128 * 32;
    let inputs = (0..rows * 784).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows as u32).map(|i| i * 31 % 10).collect();
    let data = Dataset::classes([784], inputs, labels, (0..10).map(|c| c.to_string()).collect()).unwrap();
    let mut model = Sequential::for_data(&data);
    for _ in 0..4 {
        model = model.add(Dense::new(512).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()));
    }
    let mut model = model.add(Dense::new(10)).build(&device, 0).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false).epochs(1);
    trainer.fit(&mut model, &data, None).unwrap();
    let (begin, before) = (Instant::now(), on_processor());
    trainer.fit(&mut model, &data, None).unwrap();
    let (all, after) = (begin.elapsed().as_nanos() as f64, on_processor());
    let share = (after - before) as f64 / all;
    println!("{}: the host takes {:.1} % of a step", device.name(), 100.0 * share);
    assert!(share < 0.2, "{share}");
}

/// Limits the addresses that this process may use to so many bytes more than now, or lifts the limit.
fn limit_addresses(more: Option<u64>) {
    let soft =
        more.map_or("unlimited".into(), |more| (told("/proc/self/statm", 0) * 4096 + more).to_string());
    let id = std::process::id().to_string();
    let status = Command::new("prlimit").args(["--pid", &id, &format!("--as={soft}:")]).status();
    let done = status.as_ref().is_ok_and(|status| status.success());
    assert!(
        done,
        "prlimit, of Debian's package util-linux, could not limit the process's addresses: {status:?}"
    );
}

/// Buffers as large as may be, until there is no memory for one. A software adapter's memory is this process's addresses,
/// which can be limited; nothing is written, so that no memory is really taken.
fn allocate_absurdly(device: &Device) -> Result<(), Error> {
    let mut executor = device.executor();
    let largest = device.largest_binding().unwrap_or(0).min(4 << 30) as usize / 4;
    (0..256).try_for_each(|i| executor.allocate(&format!("absurd {i}"), Element::Float, largest))
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn training_goes_on_after_a_device_had_no_memory_left() {
    let _alone = alone();
    let (device, fresh) = (gpu(), gpu());
    if device.traits().software {
        limit_addresses(Some(1 << 30));
    }
    let inputs = (0..50 * 8).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let data = Dataset::values([8], inputs, [1], (0..50).map(|i| i as f32 / 50.0).collect()).unwrap();
    let net = Sequential::for_data(&data).add(Dense::new(1));
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(8).epochs(4).progress(false);
    let mut undisturbed = net.build(&fresh, 0).unwrap();
    let history = trainer().fit(&mut undisturbed, &data, None).unwrap();

    let mut model = net.build(&device, 0).unwrap();
    let mut had_none = false;
    let mut trainer =
        trainer().snapshot_every(Interval::Steps(5)).callback(|_: &mut Model, epoch: &Epoch| {
            if epoch.epoch == 2 && !std::mem::replace(&mut had_none, true) {
                allocate_absurdly(&device)?;
            }
            Ok(ControlFlow::Continue(()))
        });
    let error = trainer.fit(&mut model, &data, None).unwrap_err();
    if device.traits().software {
        limit_addresses(None);
    }
    assert_eq!(error.fault(), Some(Fault::OutOfMemory), "{error}");
    assert!(error.to_string().contains("absurd"), "{error}");
    assert_eq!(trainer.snapshot().unwrap().place(), (2, 3));
    model.rebuild(&fresh).unwrap();
    let resumed = trainer.resume(&mut model, &data, None).unwrap();
    let losses = |h: &autorot::History| h.epochs.iter().map(|e| e.train_loss.to_bits()).collect::<Vec<_>>();
    assert_eq!(losses(&resumed), losses(&history));
    assert_eq!(model.state().unwrap(), undisturbed.state().unwrap());
}

//! What training takes of the process, in one of its own: no more memory for many steps than for few, and little of the
//! host's time while a GPU works.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, LearnL, Loss, Metric, Sequential, Trainer,
};

use std::time::Instant;

/// Bytes of this process in memory, where the system tells.
fn resident() -> Option<u64> {
    let pages: u64 =
        std::fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// Nanoseconds that this thread was on a processor, where the system tells.
fn on_processor() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}

fn gpu() -> Option<Device> {
    match Device::gpu() {
        Ok(gpu) => return Some(gpu),
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{error}"),
        Err(error) => println!("SKIPPED on a GPU: {error}"),
    }
    None
}

#[test]
fn training_is_frugal() {
    twenty_thousand_steps_take_no_more_memory_than_two_thousand();
    the_host_has_little_to_do();
}

fn twenty_thousand_steps_take_no_more_memory_than_two_thousand() {
    const STEPS: usize = 100;
    let rows = 4 * STEPS;
    let inputs = (0..rows * 8).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows as u32).map(|i| i * 31 % 3).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::classes([8], inputs, labels, names).unwrap();
    for device in [Some(Device::cpu()), gpu()].into_iter().flatten() {
        let rotate = AutoRotate::new().learn_l(LearnL::PerUnit);
        let mut model = Sequential::for_data(&data)
            .add(Dense::new(8).activation(Activation::Sigmoid).auto_rotate(rotate))
            .add(Dense::new(3))
            .build(&device, 1)
            .unwrap();
        let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
            .metric(Metric::Accuracy)
            .batch(4)
            .progress(false);
        trainer = trainer.epochs(2_000 / STEPS);
        trainer.fit(&mut model, &data, None).unwrap();
        let before = (model.device_bytes(), resident());
        trainer = trainer.epochs(18_000 / STEPS);
        trainer.fit(&mut model, &data, None).unwrap();
        let after = (model.device_bytes(), resident());
        assert_eq!(before.0, after.0, "bytes on {}", device.name());
        if let (Some(before), Some(after)) = (before.1, after.1) {
            let growth = after.saturating_sub(before);
            println!("{}: {growth} bytes more after 18,000 further steps", device.name());
            // 100 bytes a step would be 1.8 MB.
            assert!(growth < 1 << 20, "{}: {growth} bytes more of {before}", device.name());
        }
    }
}

/// Preparing and submitting 784-512×4 steps: the time of this thread, in which a software adapter does none of its work.
fn the_host_has_little_to_do() {
    let Some(device) = gpu() else { return };
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
    if let (Some(before), Some(after)) = (before, after) {
        let share = (after - before) as f64 / all;
        println!("{}: the host takes {:.1} % of a step", device.name(), 100.0 * share);
        assert!(share < 0.2, "{share}");
    }
}

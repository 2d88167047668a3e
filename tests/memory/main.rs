//! Long training takes no more memory than short training: in a process of its own, since that is what is measured.

use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, LearnL, Loss, Metric, Sequential, Trainer,
};

/// Bytes of this process in memory, where the system tells.
fn resident() -> Option<u64> {
    let pages: u64 =
        std::fs::read_to_string("/proc/self/statm").ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[test]
fn twenty_thousand_steps_take_no_more_memory_than_two_thousand() {
    const STEPS: usize = 100;
    let rows = 4 * STEPS;
    let inputs = (0..rows * 8).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let labels = (0..rows as u32).map(|i| i * 31 % 3).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::classes([8], inputs, labels, names).unwrap();
    let mut devices = vec![Device::cpu()];
    match Device::gpu() {
        Ok(gpu) => devices.push(gpu),
        Err(error) if std::env::var("REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{error}"),
        Err(error) => println!("SKIPPED on a GPU: {error}"),
    }
    for device in devices {
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

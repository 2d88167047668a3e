//! `cargo bench --bench steps`: whole training steps, classic and auto-rotating, on the CPU and, where there is one, on the
//! best adapter. An iteration is an epoch of 32 steps each.

#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::{Adam, AutoRotate, Device, Loss, Trainer};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use workloads::STEPS;

fn steps(c: &mut Criterion) {
    for device in [Some(Device::cpu()), Device::gpu().ok()].into_iter().flatten() {
        let mut group = c.benchmark_group(device.name());
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(3));
        // The larger nets take a software adapter minutes.
        let large = ["1024x4", "2048x4", "conv 64-128-256", "deep", " batch "];
        for workload in workloads::all().iter().filter(|w| !large.iter().any(|part| w.name.contains(part))) {
            group.throughput(Throughput::Elements((workload.batch * STEPS) as u64));
            let data = workload.data().expect("the rows are well formed");
            for (kind, rotate) in [("classic", None), ("auto-rotating", Some(AutoRotate::new()))] {
                let mut model = workload.model(&device, &data, rotate).expect("the net is well formed");
                group.bench_function(BenchmarkId::new(&workload.name, kind), |b| {
                    b.iter_custom(|times| {
                        let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
                        let mut trainer =
                            trainer.batch(workload.batch).progress(false).epochs(times as usize);
                        let history = trainer.fit(&mut model, &data, None).expect("training works");
                        Duration::from_secs_f64(history.epochs.iter().map(|e| e.seconds).sum())
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);

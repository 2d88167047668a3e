//! `cargo bench --bench kernels`: single kernels on the CPU and, where there is one, on the best adapter.
//!
//! Fused forward products of the sizes in `workloads`, without those that take a software adapter minutes.

#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::time::Duration;
use workloads::{PRODUCTS, product, product_name};

fn products(c: &mut Criterion) {
    for device in [Some(Device::cpu()), Device::gpu().ok()].into_iter().flatten() {
        let mut group = c.benchmark_group(device.name());
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(2));
        for size in PRODUCTS.into_iter().filter(|&(m, k, n)| m * k * n <= 1 << 30) {
            let (mut executor, program) = product(&device, size).expect("a product fits any device");
            let (m, k, n) = size;
            // Elements a second are multiply-adds a second.
            group.throughput(Throughput::Elements((m * k * n) as u64));
            group.bench_function(BenchmarkId::from_parameter(product_name(size)), |b| {
                b.iter_custom(|times| {
                    let begin = std::time::Instant::now();
                    for _ in 0..times {
                        executor.run(program, 1).expect("the device works");
                    }
                    pollster::block_on(executor.read("y", 0, 1)).expect("the device works");
                    begin.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);

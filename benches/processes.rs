//! `cargo bench --bench processes -- [DEVICE]`: what it costs one process to cut a step into eight micro-batches, beside a step that is not
//! cut and one of eight accumulated gradients. The CPU by default.
//!
//! With the feature `mpi`, started by `mpirun -n 2 target/release/deps/processes-…`, what a step takes when several processes share it; `RUST_LOG=info`
//! tells what the sums took, how much of that was hidden, and the bytes.

mod say;
#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::{Adam, AutoRotate, Device, Loss, Model, Result, Trainer};
use say::say;
use workloads::{STEPS, Workload, median};

/// The nets that are timed, as they are named in the benchmark.
const NETS: [&str; 3] = ["784-512x4-10", "784-2048x4-10", "conv 64-128-256"];

/// How often each way is timed, in turn.
const ROUNDS: usize = 7;

/// Micro-batches of a step.
const PARTS: usize = 8;

/// A way to train, and what its steps took in milliseconds.
struct Way {
    what: &'static str,
    set: Set,
    model: Model,
    times: Vec<f64>,
}

type Set = fn(Trainer<'static>, usize) -> Trainer<'static>;

const WAYS: [(&str, Set); 3] = [
    ("step", |trainer, batch| trainer.batch(batch)),
    ("step of 8 accumulated gradients", |trainer, batch| trainer.batch(batch / PARTS).accumulate(PARTS)),
    ("step of 8 micro-batches", |trainer, batch| trainer.batch(batch).micro_batches(PARTS)),
];

fn time(workload: &Workload, device: &Device, ways: &[(&'static str, Set)]) -> Result<Vec<Way>> {
    let data = workload.data()?;
    let data = data.select(&(0..(STEPS / 4 * workload.batch).min(data.len())).collect::<Vec<_>>())?;
    let way = |&(what, set): &(&'static str, Set)| {
        let model = workload.model(device, &data, Some(AutoRotate::new()))?;
        Ok(Way { what, set, model, times: Vec::new() })
    };
    let mut ways = ways.iter().map(way).collect::<Result<Vec<_>>>()?;
    for _ in 0..ROUNDS {
        for way in &mut ways {
            let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false).epochs(2);
            let history = (way.set)(trainer, workload.batch).fit(&mut way.model, &data, None)?;
            way.times.push(history.epochs[1].seconds * 1e3 / (data.len() / workload.batch) as f64);
        }
    }
    Ok(ways)
}

#[cfg(feature = "mpi")]
fn together() -> Result<bool> {
    use autorot::train::processes::{Mpi, Processes, device_for};
    if !["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(false);
    }
    env_logger::init();
    static OWN: std::sync::OnceLock<std::sync::Arc<dyn Processes>> = std::sync::OnceLock::new();
    let own = OWN.get_or_init(|| std::sync::Arc::new(Mpi::new().expect("MPI starts")));
    let device = device_for(own, None)?;
    for name in NETS {
        let workload = workloads::named(name)?;
        let set: Set = |trainer, batch| {
            let trainer = trainer.batch(batch).micro_batches(PARTS);
            OWN.get().cloned().into_iter().fold(trainer, Trainer::processes)
        };
        for way in time(&workload, &device, &[("step of 8 micro-batches", set)])? {
            if own.rank() == 0 {
                let ms = median(way.times);
                say(format_args!("{name}: {} processes: {}: {ms:.2} ms", own.size(), way.what))?;
            }
        }
    }
    Ok(true)
}

#[cfg(not(feature = "mpi"))]
fn together() -> Result<bool> {
    Ok(false)
}

fn main() -> Result<()> {
    if together()? {
        return Ok(());
    }
    let given = std::env::args().skip(1).find(|given| !given.starts_with("--"));
    let device = Device::named(given.as_deref().unwrap_or("cpu"))?;
    say(format_args!("{}: {}", device.name(), device.why()))?;
    for name in NETS {
        let workload = workloads::named(name)?;
        for way in time(&workload, &device, &WAYS)? {
            say(format_args!("{name}: {}: {:.2} ms", way.what, median(way.times)))?;
        }
    }
    Ok(())
}

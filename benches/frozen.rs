//! `cargo bench --bench frozen -- [DEVICE]`: what a training step takes when the layers below are frozen, beside a step of all layers
//! and a forward pass alone. The CPU by default.

mod say;
#[allow(dead_code, reason = "shared with the other benches")]
mod workloads;

use autorot::{Adam, AutoRotate, Dataset, Device, Loss, Model, Result, Trainer};
use say::say;
use std::time::Instant;
use workloads::{STEPS, Workload, median};

/// The nets that are timed, as they are named in the benchmark.
const NETS: [&str; 3] = ["784-1024x4-10", "conv 64-128-256", "study conv 16-32-64 bn"];

/// How often each net is timed, in turn.
const ROUNDS: usize = 7;

/// A net of which the first layers are frozen.
struct Case {
    what: String,
    model: Model,
    milliseconds: Vec<f64>,
}

fn cases(device: &Device, workload: &Workload, data: &Dataset) -> Result<Vec<Case>> {
    let model = || workload.model(device, data, Some(AutoRotate::new()));
    let weights = model()?.weights()?;
    let mut layers: Vec<&str> =
        weights.paths().filter_map(|path| path.rsplit_once('.')).map(|(layer, _)| layer).collect();
    layers.dedup();
    layers.sort_by_key(|layer| layer.split('.').next().and_then(|number| number.parse::<usize>().ok()));
    let all = layers.len();
    let case = |frozen: usize| {
        let mut model = model()?;
        layers[..frozen].iter().try_for_each(|layer| model.set_trainable(layer, false))?;
        let what = format!("step, {frozen} of {all} layers with parameters frozen");
        Ok(Case { what, model, milliseconds: Vec::new() })
    };
    [0, all / 2, all - 1].into_iter().map(case).collect()
}

fn main() -> Result<()> {
    let given = std::env::args().skip(1).find(|given| !given.starts_with("--"));
    let device = Device::named(given.as_deref().unwrap_or("cpu"))?;
    say(format_args!("{}: {}", device.name(), device.why()))?;
    for name in NETS {
        let workload = &workloads::named(name)?;
        let data = workload.data()?;
        let data = data.select(&(0..(STEPS / 2 * workload.batch).min(data.len())).collect::<Vec<_>>())?;
        let steps = data.len().div_ceil(workload.batch) as f64;
        let trainer = || {
            let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
            trainer.batch(workload.batch).progress(false).epochs(2)
        };
        let mut cases = cases(&device, workload, &data)?;
        let mut forward = Vec::new();
        for _ in 0..ROUNDS {
            for case in &mut cases {
                let history = trainer().fit(&mut case.model, &data, None)?;
                case.milliseconds.push(history.epochs[1].seconds * 1e3 / steps);
            }
            let begin = Instant::now();
            trainer().evaluate(&mut cases[0].model, &data)?;
            forward.push(begin.elapsed().as_secs_f64() * 1e3 / steps);
        }
        for case in cases {
            say(format_args!("{name}: {}: {:.2} ms", case.what, median(case.milliseconds)))?;
        }
        say(format_args!("{name}: evaluation: {:.2} ms", median(forward)))?;
    }
    Ok(())
}

//! Trains classic and auto-rotating networks side by side, from common initial weights, and compares them: the
//! experiment of the arpkeras notebook as a program.
//!
//! `cargo run --release --example compare -- --help`

mod figures;
mod options;
mod report;

use autorot::report::plot::HeatMap;
use autorot::{
    Activation, AutoRotate, Dense, Device, Flatten, LearnL, Loss, Metric, Result, Rule, Sequential, Split,
    Trainer,
};
use clap::Parser;
use options::Options;
use report::{Point, Run};
use std::ops::ControlFlow;

/// What is compared: name in the report, title, and auto-rotation of the hidden layers.
const VARIANTS: [(&str, &str); 4] = [
    ("classic", "classic"),
    ("arp", "auto-rotating"),
    ("arp-learn-l", "auto-rotating, L learnt per layer"),
    ("arp-aligned", "aligned, L learnt per unit"),
];

/// Rows of the training part on which gradients are looked at after every epoch.
const PROBE_ROWS: usize = 512;

fn rotation(variant: &str) -> Option<AutoRotate> {
    match variant {
        "arp" => Some(AutoRotate::new()),
        "arp-learn-l" => Some(AutoRotate::new().learn_l(LearnL::PerLayer)),
        "arp-aligned" => Some(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit)),
        _ => None,
    }
}

fn main() {
    env_logger::init();
    if let Err(error) = run(&Options::parse()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

fn run(options: &Options) -> Result<()> {
    options.check()?;
    let device = match &options.device {
        Some(name) => Device::named(name)?,
        None => Device::auto()?,
    };
    println!("device: {}: {}", device.name(), device.why());
    let data = options.load()?;
    println!(
        "data:   {}, {} training and {} test rows of {:?}",
        options.data_name(),
        data.train.len(),
        data.test.len(),
        data.train.shape()
    );
    let mut runs = Vec::new();
    for seed in 0..options.seeds {
        for (variant, _) in VARIANTS {
            let run = train(options, &device, &data, variant, seed)?;
            println!("{}", run.line());
            runs.push(run);
            // After every training, so that one that fails costs no other.
            report::save(&options.out.join("report.json"), &device.name(), options.data_name(), &runs)?;
        }
    }
    println!("\n{}", report::table(&runs));
    figures::curves(&options.out, &runs)?;
    figures::gradients(&options.out, &runs)?;
    println!(
        "written to {}: report.json, curves.png, curves.svg, gradients.png, gradients.svg",
        options.out.display()
    );
    Ok(())
}

/// One variant from one seed: equal seeds start from equal kernels and see the rows in equal order.
fn train(options: &Options, device: &Device, data: &Split, variant: &'static str, seed: u64) -> Result<Run> {
    let activation = Activation::from_name(&options.activation)?;
    let mut model = Sequential::for_data(&data.train).add(Flatten);
    for &units in &options.hidden {
        model = model.add(Dense::new(units).activation(activation).auto_rotate(rotation(variant)));
    }
    let mut model = model.add(Dense::new(data.train.targets().width())).build(device, seed)?;
    if seed == 0 && options.summary {
        println!("\n{variant}\n{}", model.summary());
    }

    let probe = Trainer::new(options.optimizer()?, Loss::SoftmaxCrossEntropy);
    let mut gradients: Vec<(String, Vec<f64>)> = Vec::new();
    let mut saturated = 0.0;
    let history = Trainer::new(options.optimizer()?, Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .epochs(options.epochs)
        .batch(options.batch)
        .seed(seed)
        .callback(|model: &mut autorot::Model, _: &autorot::train::Epoch| {
            let layers = probe.inspect(model, &data.train, PROBE_ROWS)?;
            for (i, layer) in layers.iter().enumerate() {
                if gradients.len() == i {
                    gradients.push((layer.path.clone(), Vec::new()));
                }
                gradients[i].1.push(layer.gradient_mean.log10());
            }
            // The output layer has no region to leave.
            let hidden = &layers[..layers.len() - 1];
            saturated = hidden.iter().filter_map(|l| l.saturated).sum::<f64>() / hidden.len() as f64;
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, Some(&data.test))?;

    let (rows, values) = gradients.into_iter().unzip();
    let seconds: f64 = history.epochs.iter().map(|e| e.seconds).sum();
    let steps: usize = history.epochs.iter().map(|e| e.steps).sum();
    let point = |e: &autorot::train::Epoch| Point {
        train_loss: e.train_loss,
        val_loss: e.val_loss.unwrap_or(f64::NAN),
        val_accuracy: e.val_metrics.first().copied().unwrap_or(f64::NAN),
    };
    Ok(Run {
        variant,
        seed,
        step_ms: 1e3 * seconds / steps as f64,
        epochs: history.epochs.iter().map(point).collect(),
        epoch_seconds: seconds / history.epochs.len() as f64,
        saturated,
        gradients: HeatMap {
            title: report::title(variant).to_owned(),
            x_label: "epoch".into(),
            y_label: "layer".into(),
            rows,
            values,
        },
    })
}

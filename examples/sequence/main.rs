//! Trains recurrent networks, classic and auto-rotating (AR), side by side from common initial weights: on spoken
//! vowels, on the adding problem, and on images that come row by row. Tells how they do and how far back in time
//! gradients reach.
//!
//! `cargo run --release --example sequence -- --help`

#[path = "../common/mod.rs"]
mod common;
mod options;
mod report;
#[path = "../common/say.rs"]
mod say;
mod task;

use autorot::{Cell, Dense, Device, Masking, Model, Recurrent, Result, Sequential, Trainer};
use common::gradients::PROBE_ROWS;
use common::run::by_turns;
use options::Options;
use report::{Extra, Run};
use say::say;
use task::Task;

fn main() {
    common::main(Options::check, run);
}

fn run(options: &Options) -> Result<()> {
    let device = options.training.device()?;
    let task = options.source.load()?;
    let cells = options.cells();
    let mut runs = Vec::new();
    for seed in 0..options.training.seeds {
        for &cell in &cells {
            for run in train(options, &device, &task, cell, seed)? {
                say!("{}", report::line(&task, &run));
                runs.push(run);
            }
            // After every pair, so that one that fails costs no other.
            report::save(options, &device.name(), &task, &cells, &runs)?;
        }
    }
    say!("\n{}\n", report::table(&task, &cells, &runs));
    report::verdicts(&task, &cells, &runs).iter().for_each(|line| say!("{line}"));
    report::draw(&options.training.out, &task, &cells, &runs)?;
    say!(
        "\nwritten to {}: report.json, curves.png, curves.svg, gradients.png, gradients.svg",
        options.training.out.display()
    );
    Ok(())
}

/// The classic and the auto-rotating network of a cell: twins that take turns.
fn train(options: &Options, device: &Device, task: &Task, cell: Cell, seed: u64) -> Result<Vec<Run>> {
    let optimizer = options.optimizer()?;
    let trainer = || options.training.trainer_for(task.loss, optimizer, seed);
    let mut models = Vec::new();
    for rotated in report::TWINS {
        let model = build(options, device, task, (cell, rotated), seed)?;
        if seed == 0 && options.summary {
            say!("\n{}\n{}", report::variant(cell, rotated).0, model.summary());
        }
        models.push(model);
    }
    let mut gradients = || -> Result<Vec<Vec<f64>>> {
        models.iter_mut().map(|model| gradient_by_step(&trainer(), model, task)).collect()
    };
    let before = gradients()?;
    let names = report::TWINS.map(|rotated| report::variant(cell, rotated).0);
    let histories = by_turns(trainer(), options.training.epochs, &names, &mut models, &task.split)?;
    let mut gradients = before.into_iter();
    let mut runs = Vec::new();
    for ((rotated, model), history) in report::TWINS.into_iter().zip(&mut models).zip(&histories) {
        let extra = Extra {
            seconds: history.epochs.iter().map(|e| e.seconds).collect(),
            gradients_before: gradients.next().unwrap_or_default(),
            gradients_after: gradient_by_step(&trainer(), model, task)?,
        };
        runs.push(Run::new(report::variant(cell, rotated).0, seed, history, extra));
    }
    Ok(runs)
}

fn build(
    options: &Options,
    device: &Device,
    task: &Task,
    (cell, rotated): (Cell, bool),
    seed: u64,
) -> Result<Model> {
    let data = &task.split.train;
    let rotation = rotated.then(|| options.rotation.auto_rotate());
    let mut model = Sequential::for_data(data);
    if let Some(value) = data.mask_value() {
        model = model.add(Masking::new(value));
    }
    let layer =
        Recurrent::new(cell, options.units).auto_rotate(rotation).rotated_part(options.rotated_part());
    model.add(layer).add(Dense::new(data.targets().width())).build(device, seed)
}

/// mean |∂ℓ/∂z_t| of the recurrent layer for every time step, over those of the first training rows that have the step.
fn gradient_by_step(trainer: &Trainer<'_>, model: &mut Model, task: &Task) -> Result<Vec<f64>> {
    let data = &task.split.train;
    let rows = PROBE_ROWS.min(data.len());
    let reports = trainer.inspect(model, data, rows)?;
    let gradients = reports.into_iter().find_map(|layer| layer.gradient_by_step).unwrap_or_default();
    // Its own mean counts all rows.
    let share = |t: usize| rows as f64 / task.rows_with_step(rows, t) as f64;
    Ok(gradients.into_iter().enumerate().map(|(t, g)| g * share(t)).collect())
}

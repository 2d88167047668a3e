//! Trains recurrent networks, classic and auto-rotating (AR), side by side from common initial weights, unless critical auto-rotation
//! has its own: on spoken vowels, on the adding problem, and on images read row by row. Reports their results and how far back in time
//! gradients reach.

mod options;
mod report;
mod task;

use crate::given::Given;
use crate::gradients::PROBE_ROWS;
use crate::run::{self, Run, by_turns, from_every_seed};
use crate::say::say;
use autorot::{Cell, Dense, Device, Masking, Model, Recurrent, Result, Sequential, Trainer};
pub use options::Options;
use report::{Extra, TWINS, variant};
use task::Task;

pub fn run(options: &Options, given: &Given) -> Result<()> {
    options.check(given)?;
    let training = &options.training;
    let device = training.device()?;
    let task = options.source.load()?;
    let cells = options.cells();
    let train = |cell, seed| train(options, &device, &task, cell, seed);
    let line = |run: &_| report::line(&task, run);
    let save = |runs: &[_]| report::save(options, &device, &task, &cells, runs);
    let runs = from_every_seed(training.seeds, &cells, train, line, save)?;
    say!("\n{}\n", report::table(&task, &cells, &runs));
    report::verdicts(&task, &cells, &runs).iter().for_each(|line| say!("{line}"));
    report::draw(&training.out(), &task, &cells, &runs)?;
    say!("\n{}", training.written(&["curves", "gradients"]));
    Ok(())
}

/// Trains the classic and the auto-rotating network of a cell: twins that take turns.
fn train(options: &Options, device: &Device, task: &Task, cell: Cell, seed: u64) -> Result<Vec<Run<Extra>>> {
    let training = &options.training;
    let optimizer = options.optimizer()?;
    let trainer = || training.trainer_for(&task.loss, &optimizer, seed);
    let names = TWINS.map(|rotated| variant(cell, rotated).0);
    let mut models = Vec::new();
    for (rotated, name) in TWINS.into_iter().zip(names) {
        let model = build(options, device, task, (cell, rotated), seed)?;
        training.summarize(seed, name, &model);
        models.push(model);
    }
    let gradients = |models: &mut [Model]| -> Result<Vec<Vec<f64>>> {
        models.iter_mut().map(|model| gradient_by_step(&trainer(), model, task)).collect()
    };
    let before = gradients(&mut models)?;
    let histories = by_turns(trainer(), training.epochs, &names, &mut models, &task.split)?;
    let after = gradients(&mut models)?;
    let courses = names.into_iter().zip(histories).zip(before.into_iter().zip(after));
    let run = |((name, history), (gradients_before, gradients_after))| {
        let extra = Extra { seconds: run::seconds(&history), gradients_before, gradients_after };
        Run::new(name, seed, &history, extra)
    };
    Ok(courses.map(run).collect())
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

/// mean |∂ℓ/∂z_t| of the recurrent layer for each time step, over those of the first training rows that have the step.
fn gradient_by_step(trainer: &Trainer<'_>, model: &mut Model, task: &Task) -> Result<Vec<f64>> {
    let data = &task.split.train;
    let rows = PROBE_ROWS.min(data.len());
    let reports = trainer.inspect(model, data, rows)?;
    let gradients = reports.into_iter().find_map(|layer| layer.gradient_by_step).unwrap_or_default();
    // The reported mean is over all rows.
    let share = |t: usize| rows as f64 / task.rows_with_step(rows, t) as f64;
    Ok(gradients.into_iter().enumerate().map(|(t, g)| g * share(t)).collect())
}

//! The table, its findings in words, the report and the figures.

use super::Options;
use super::task::Task;
use crate::run::{Point, Run, Statistic, median, of, time_ratio};
use crate::{figures, report};
use autorot::data::AddingProblem;
use autorot::report::plot::{self, Curve, CurvePanel};
use autorot::{Cell, Device, Result};
use comfy_table::Table;
use serde::Serialize;
use std::path::Path;

/// What is recorded besides the losses.
#[derive(Serialize)]
pub struct Extra {
    /// Seconds of training, epoch by epoch.
    pub seconds: Vec<f64>,
    /// mean |∂ℓ/∂z_t| for each time step, before the first epoch and after the last.
    pub gradients_before: Vec<f64>,
    pub gradients_after: Vec<f64>,
}

/// Classic, then auto-rotating.
pub const TWINS: [bool; 2] = [false, true];

/// A network's name in the report, and its title.
pub fn variant(cell: Cell, rotated: bool) -> (&'static str, &'static str) {
    let names = match cell {
        Cell::SimpleRnn => ["simple_rnn", "simple_rnn-ar"],
        Cell::Lstm => ["lstm", "lstm-ar"],
        Cell::Gru { .. } => ["gru", "gru-ar"],
    };
    (names[usize::from(rotated)], ["classic", "auto-rotating"][usize::from(rotated)])
}

fn title(cell: Cell) -> &'static str {
    match cell {
        Cell::SimpleRnn => "SimpleRNN",
        Cell::Lstm => "LSTM",
        Cell::Gru { .. } => "GRU",
    }
}

/// The mean squared error below which the adding problem counts as solved.
const SOLVED: f64 = 0.01;

/// A network's results over the seeds.
#[derive(Serialize)]
struct Outcome {
    cell: &'static str,
    rotated: bool,
    test_loss: Statistic,
    /// For classifiers.
    test_accuracy: Statistic,
    /// Milliseconds per epoch: the median of each training.
    epoch_ms: Statistic,
    /// This network's time divided by its classic twin's: the median over the epochs, which they trained by turns.
    time_ratio: Statistic,
    seeds: usize,
    /// Trainings that end with a test loss below [`SOLVED`].
    solved: usize,
    /// The epochs until the test loss is first below it, over the trainings that get there.
    epochs_to_solve: Statistic,
}

impl Outcome {
    fn of(cell: Cell, rotated: bool, runs: &[Run<Extra>]) -> Self {
        let (all, classic) = (of(runs, variant(cell, rotated).0), of(runs, variant(cell, false).0));
        let over = |value: &dyn Fn(&Run<Extra>) -> f64| Statistic::of(all.clone().map(value));
        let ratio = |(a, b): (&Run<Extra>, &Run<Extra>)| time_ratio(&a.extra.seconds, &b.extra.seconds);
        let epochs: Vec<f64> = all.clone().filter_map(solved_after).map(|epoch| epoch as f64).collect();
        Self {
            cell: cell.name(),
            rotated,
            test_loss: over(&|r| r.last().val_loss),
            test_accuracy: over(&|r| r.last().val_accuracy),
            epoch_ms: over(&|r| 1e3 * median(r.extra.seconds.clone())),
            time_ratio: Statistic::of(all.clone().zip(classic).map(ratio)),
            seeds: all.clone().count(),
            solved: all.clone().filter(|r| r.last().val_loss < SOLVED).count(),
            epochs_to_solve: Statistic::of(epochs.into_iter()),
        }
    }
}

/// The first epoch after which the test loss is below [`SOLVED`].
fn solved_after(run: &Run<Extra>) -> Option<usize> {
    run.epochs.iter().position(|e| e.val_loss < SOLVED).map(|epoch| epoch + 1)
}

/// One training, in one line.
pub fn line(task: &Task, run: &Run<Extra>) -> String {
    if task.classifies() {
        return run.line();
    }
    let solved =
        solved_after(run).map_or(String::new(), |epoch| format!("  below {SOLVED} after epoch {epoch}"));
    let (seed, name, loss) = (run.seed, run.variant, run.last().val_loss);
    format!("seed {seed}  {name:13} test MSE {loss:.5}  {:.2} s per epoch{solved}", run.epoch_seconds)
}

/// One row per network.
pub fn table(task: &Task, cells: &[Cell], runs: &[Run<Extra>]) -> Table {
    let mut header = vec!["network"];
    if task.classifies() {
        header.extend(["test loss", "test accuracy"]);
    } else {
        header.extend(["test MSE", "below 0.01 in the end", "epochs to get below 0.01"]);
    }
    header.extend(["ms an epoch", "time, this / classic"]);
    let row = |(&cell, rotated): (&Cell, bool)| {
        let Outcome {
            test_loss, test_accuracy, epoch_ms, time_ratio, seeds, solved, epochs_to_solve, ..
        } = Outcome::of(cell, rotated, runs);
        let mut row = vec![format!("{}, {}", title(cell), variant(cell, rotated).1)];
        if task.classifies() {
            row.extend([format!("{test_loss:.3}"), format!("{test_accuracy:.3}")]);
        } else {
            row.extend([format!("{test_loss:.4}"), format!("{solved} of {seeds}")]);
            row.push(format!("{epochs_to_solve:.1}"));
        }
        row.extend([format!("{epoch_ms:.0}"), format!("{time_ratio:.2}")]);
        row
    };
    report::table(&header, cells.iter().flat_map(|cell| TWINS.map(|rotated| (cell, rotated))).map(row))
}

/// Whether auto-rotation helps, one line per cell.
pub fn verdicts(task: &Task, cells: &[Cell], runs: &[Run<Extra>]) -> Vec<String> {
    let line = |&cell: &Cell| {
        let twins = TWINS.map(|rotated| Outcome::of(cell, rotated, runs));
        let (what, [a, b]) = if task.classifies() {
            ("accuracy", twins.each_ref().map(|o| o.test_accuracy))
        } else {
            ("MSE", twins.each_ref().map(|o| o.test_loss))
        };
        let better = if task.classifies() { b.mean > a.mean } else { b.mean < a.mean };
        let idle = !task.classifies() && [a, b].iter().all(|o| o.mean > 0.9 * AddingProblem::MEAN_LOSS);
        let verb = match (idle, better) {
            (true, _) => "does not help, since neither twin learns more than the mean of all answers",
            (_, true) => "is better",
            (_, false) => "is not better",
        };
        let doubt = match twins[0].seeds {
            1 => ", from one seed",
            _ if a.is_near(b) => ", a difference within the spread of the seeds",
            _ => "",
        };
        let (title, a, b) = (title(cell), a.mean, b.mean);
        format!(
            "{title}: auto-rotation {verb}, test {what} {b:.4} against {a:.4} for the classic twin{doubt}."
        )
    };
    let mut lines: Vec<String> = cells.iter().map(line).collect();
    if !task.classifies() {
        lines
            .push(format!("Always answering with the mean gives an MSE of {:.4}.", AddingProblem::MEAN_LOSS));
    }
    lines
}

/// Writes `report.json`.
pub fn save(
    options: &Options,
    device: &Device,
    task: &Task,
    cells: &[Cell],
    runs: &[Run<Extra>],
) -> Result<()> {
    #[derive(Serialize)]
    struct Told<'a> {
        task: &'a str,
        options: &'a Options,
        results: Vec<Outcome>,
    }
    let twins = cells.iter().flat_map(|&cell| TWINS.map(|rotated| (cell, rotated)));
    let there = twins.filter(|&(cell, rotated)| of(runs, variant(cell, rotated).0).next().is_some());
    let results = there.map(|(cell, rotated)| Outcome::of(cell, rotated, runs)).collect();
    report::save(&options.training, device, &Told { task: &task.name, options, results }, runs)
}

/// Draws the figures.
pub fn draw(out: &Path, task: &Task, cells: &[Cell], runs: &[Run<Extra>]) -> Result<()> {
    let mut panels = Vec::new();
    let mut row = |name: &str, unit: &str, log_y: bool, value: fn(&Point) -> f64| {
        for &cell in cells {
            let title = format!("{}: {name}", title(cell));
            let twins = TWINS.map(|rotated| variant(cell, rotated));
            let panel = figures::panel((&title, unit), &twins, runs, value);
            panels.push(CurvePanel { log_y, ..panel });
        }
    };
    if task.classifies() {
        row("test loss", "cross-entropy", false, |p| p.val_loss);
        row("test accuracy", "accuracy", false, |p| p.val_accuracy);
    } else {
        row("training loss", "mean squared error", true, |p| p.train_loss);
        row("test loss", "mean squared error", true, |p| p.val_loss);
    }
    figures::curves(out, &panels)?;
    let panels: Vec<CurvePanel> = cells.iter().map(|&cell| gradient_panel(cell, runs)).collect();
    figures::twice(out, "gradients", |path| plot::curves(path, &panels))
}

/// The size of the gradients over time for a cell's twins, before and after training, averaged over the seeds.
fn gradient_panel(cell: Cell, runs: &[Run<Extra>]) -> CurvePanel {
    let curve = |rotated: bool, when: &str, gradients: fn(&Extra) -> &[f64]| {
        let (name, title) = variant(cell, rotated);
        let all: Vec<&[f64]> = of(runs, name).map(|run| gradients(&run.extra)).collect();
        let steps = all.first().map_or(0, |first| first.len());
        let mean = |t: usize| all.iter().map(|run| run[t]).sum::<f64>() / all.len() as f64;
        Curve {
            label: format!("{title}, {when}"),
            points: (0..steps).map(|t| ((t + 1) as f64, mean(t))).collect(),
            spread: None,
        }
    };
    let twins = |rotated| {
        let before = curve(rotated, "before training", |e| &e.gradients_before);
        [before, curve(rotated, "after training", |e| &e.gradients_after)]
    };
    CurvePanel {
        title: title(cell).to_owned(),
        x_label: "time step".into(),
        y_label: "mean |∂ℓ/∂z| of the step".into(),
        curves: TWINS.into_iter().flat_map(twins).collect(),
        log_y: true,
        ..CurvePanel::default()
    }
}

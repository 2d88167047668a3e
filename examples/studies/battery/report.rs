//! The tables, the report and the figures.

use super::nets::Net;
use super::options::{Options, Scaling};
use super::outcome::{SHARE, Scored, Task, scored, trainings};
use super::ranks::{Friedman, critical_difference, friedman, mean_ranks};
use super::records::Record;
use crate::run::Statistic;
use crate::say::say;
use crate::{figures, given, report};
use autorot::report::plot::{self, Curve, CurvePanel, RankDiagram};
use autorot::{Device, Error, Result, store};
use comfy_table::Table;
use serde::Serialize;

/// Tasks over which arms are ranked: those of one scaling, and of one net or of all.
#[derive(Serialize)]
struct Group {
    scaling: Scaling,
    /// `None` for all nets.
    net: Option<Net>,
    tasks: Vec<Task>,
    /// The arms that every task has, with their mean ranks.
    ranks: Vec<(String, f64)>,
    friedman: Option<Friedman>,
    /// By how much mean ranks must differ: Nemenyi's at a level of 5 %.
    critical_difference: Option<f64>,
}

/// Groups of at least two tasks.
fn groups(options: &Options, results: &[Scored]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for &scaling in &options.scalings {
        for net in options.nets.iter().map(|&net| Some(net)).chain([None]) {
            let belongs = |task: &Task| task.scaling == scaling && net.is_none_or(|net| task.net == net);
            // All nets are one net where there is only one.
            let new = |group: &Group| groups.iter().all(|known| known.tasks != group.tasks);
            let group = Group::of(scaling, net, results, belongs).filter(new);
            groups.extend(group);
        }
    }
    groups
}

impl Group {
    fn of(
        scaling: Scaling,
        net: Option<Net>,
        results: &[Scored],
        belongs: impl Fn(&Task) -> bool,
    ) -> Option<Self> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut arms: Vec<String> = Vec::new();
        for Scored { task, arm, .. } in results.iter().filter(|result| belongs(&result.task)) {
            if !tasks.contains(task) {
                tasks.push(task.clone());
            }
            if !arms.contains(arm) {
                arms.push(arm.clone());
            }
        }
        let score = |task: &Task, arm: &str| {
            let result = results.iter().find(|result| result.task == *task && result.arm == arm);
            result.map(|result| result.test.mean)
        };
        arms.retain(|arm| tasks.iter().all(|task| score(task, arm).is_some()));
        if tasks.len() < 2 || arms.len() < 2 {
            return None;
        }
        let of_task = |task: &Task| arms.iter().filter_map(|arm| score(task, arm)).collect();
        let scores: Vec<Vec<f64>> = tasks.iter().map(of_task).collect();
        Some(Self {
            scaling,
            net,
            friedman: friedman(&scores),
            critical_difference: critical_difference(arms.len(), tasks.len()),
            ranks: arms.into_iter().zip(mean_ranks(&scores)).collect(),
            tasks,
        })
    }

    fn title(&self) -> String {
        let nets = self.net.map_or_else(|| "all nets".to_owned(), |net| net.to_string());
        format!("{nets}, inputs by {}, {} tasks", given::word(self.scaling), self.tasks.len())
    }

    fn tests(&self) -> String {
        let friedman = self.friedman.map_or_else(
            || "no arm differs on any task".to_owned(),
            |Friedman { chi_square, p, f, f_p }| {
                format!("Friedman χ² {chi_square:.2}, p {p:.2e}; Iman and Davenport F {f:.2}, p {f_p:.2e}")
            },
        );
        let difference =
            self.critical_difference.map_or_else(String::new, |d| format!("; critical difference {d:.2}"));
        format!("{friedman}{difference}")
    }

    fn diagram(&self) -> RankDiagram {
        RankDiagram { title: self.title(), ranks: self.ranks.clone(), difference: self.critical_difference }
    }
}

/// Prints the results, and writes `report.json`, `results.md` and the figures.
pub fn write(options: &Options, device: &Device, records: &[Record]) -> Result<()> {
    let arms: Vec<&str> = options.arms.iter().map(|arm| arm.name).collect();
    let results = scored(records, &arms, &options.rates);
    let groups = groups(options, &results);
    let out = &options.training.out();
    let mut text = String::from("# Battery\n");
    for group in &groups {
        text += &format!("\n## {}\n\n{}\n\n{}\n", group.title(), group.tests(), of_group(group, &results));
    }
    text += &format!("\n## Test scores\n\n{}\n", of_tasks(&results, &arms));
    say!("{text}");
    store::write(out.join("results.md"), text.as_bytes())?;
    save(options, device, &results, &groups)?;
    let mut drawn = Vec::new();
    if !groups.is_empty() {
        let diagrams: Vec<RankDiagram> = groups.iter().map(Group::diagram).collect();
        figures::twice(out, "ranks", |path| plot::ranks(path, &diagrams))?;
        drawn.push("ranks");
    }
    let panels = |panel: &dyn Fn(Scaling) -> CurvePanel| -> Vec<CurvePanel> {
        options.scalings.iter().map(|&scaling| panel(scaling)).collect()
    };
    figures::twice(out, "rates", |path| {
        plot::curves(path, &panels(&|scaling| rates(options, records, scaling)))
    })?;
    drawn.push("rates");
    if !options.shares.is_empty() {
        let rows = panels(&|scaling| rows(options, records, &results, scaling));
        figures::twice(out, "rows", |path| plot::curves(path, &rows))?;
        drawn.push("rows");
    }
    say!("{}, results.md, results.jsonl", options.training.written(&drawn));
    Ok(())
}

/// One row per arm, from the best rank to the worst.
fn of_group(group: &Group, results: &[Scored]) -> Table {
    let mut ranks = group.ranks.clone();
    ranks.sort_by(|a, b| a.1.total_cmp(&b.1));
    let row = |(arm, rank): (String, f64)| {
        let of = |result: &&Scored| result.arm == arm && group.tasks.contains(&result.task);
        let all: Vec<&Scored> = results.iter().filter(of).collect();
        let epochs =
            Statistic::of(all.iter().filter_map(|result| result.epochs).collect::<Vec<_>>().into_iter());
        let (reached, seeds) =
            all.iter().fold((0, 0), |(a, b), result| (a + result.reached, b + result.seeds));
        let score = Statistic::of(all.iter().map(|result| result.test.mean));
        vec![
            arm,
            format!("{rank:.2}"),
            format!("{:.3}", score.mean),
            format!("{epochs:.1}"),
            format!("{reached} of {seeds}"),
        ]
    };
    let learnt = format!("trainings that reach {SHARE} of the best");
    let header = ["arm", "mean rank", "mean test score", "epochs to get there", learnt.as_str()];
    report::table(&header, ranks.into_iter().map(row))
}

/// One row per task: the test scores of all arms.
fn of_tasks(results: &[Scored], arms: &[&str]) -> Table {
    let mut tasks: Vec<&Task> = Vec::new();
    for Scored { task, .. } in results {
        if !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    let row = |task: &Task| {
        let score = |arm: &&str| {
            let result = results.iter().find(|result| result.task == *task && result.arm == *arm);
            result.map_or_else(|| "–".to_owned(), |result| format!("{:.3}", result.test.mean))
        };
        std::iter::once(task.to_string()).chain(arms.iter().map(score)).collect()
    };
    let header: Vec<&str> = ["task"].into_iter().chain(arms.iter().copied()).collect();
    report::table(&header, tasks.into_iter().map(row))
}

fn save(options: &Options, device: &Device, results: &[Scored], groups: &[Group]) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a> {
        device: String,
        options: &'a Options,
        groups: &'a [Group],
        results: &'a [Scored],
    }
    let path = options.training.out().join("report.json");
    let report = Report { device: device.name(), options, groups, results };
    let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::io(&path, e.into()))?;
    store::write(&path, &text)
}

/// A curve per arm: the mean over the tasks of a scaling of the mean test score over the seeds, where `scores` has one for every task.
fn panel(
    options: &Options,
    (title, x_label): (String, &str),
    scores: impl Fn(&str) -> Vec<(f64, Vec<f64>)>,
) -> CurvePanel {
    let curve = |name: &'static str| {
        let mean = |(x, scores): (f64, Vec<f64>)| (x, Statistic::of(scores.iter().copied()).mean);
        Curve { label: name.to_owned(), points: scores(name).into_iter().map(mean).collect(), spread: None }
    };
    CurvePanel {
        title,
        x_label: x_label.to_owned(),
        y_label: "mean test score".into(),
        curves: options.arms.iter().map(|arm| curve(arm.name)).collect(),
        log_x: false,
        log_y: false,
    }
}

fn of_scaling(records: &[Record], scaling: Scaling) -> Vec<Task> {
    super::outcome::tasks(records).into_iter().filter(|task| task.scaling == scaling).collect()
}

/// Test scores over the rates: how much an arm depends on its own.
fn rates(options: &Options, records: &[Record], scaling: Scaling) -> CurvePanel {
    let tasks = of_scaling(records, scaling);
    let title = format!("Rates, inputs by {}", given::word(scaling));
    panel(options, (title, "log₁₀ learning rate"), |arm| {
        let at = |&rate: &f64| {
            let tests = tasks.iter().map(|task| mean_test(&trainings(records, (task, arm), (rate, 1.0))));
            (rate.log10(), tests.filter(|test| test.is_finite()).collect())
        };
        options.rates.iter().map(at).collect()
    })
}

/// Test scores over the share of the training rows, at the rates that were best on all of them.
fn rows(options: &Options, records: &[Record], results: &[Scored], scaling: Scaling) -> CurvePanel {
    let mut shares = options.shares.clone();
    shares.push(1.0);
    shares.sort_by(f64::total_cmp);
    let title = format!("Rows, inputs by {}", given::word(scaling));
    panel(options, (title, "share of the training rows"), |arm| {
        let of = |result: &&Scored| result.arm == arm && result.task.scaling == scaling;
        let at = |&share: &f64| {
            let tests = results
                .iter()
                .filter(of)
                .map(|result| mean_test(&trainings(records, (&result.task, arm), (result.rate, share))));
            (share, tests.filter(|test| test.is_finite()).collect())
        };
        shares.iter().map(at).collect()
    })
}

/// NaN without trainings.
fn mean_test(trainings: &[&Record]) -> f64 {
    Statistic::of(trainings.iter().map(|record| record.outcome.test)).mean
}

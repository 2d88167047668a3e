//! Evaluation by several processes: each its own micro-batches of every batch, the sums over all along the same tree.

use super::micro::Dealt;
use super::share::Share;
use super::wire::strange;
use super::{Team, tree::Tree};
use crate::data::{Order, Source};
use crate::device::{Program, Values};
use crate::model::Ending;
use crate::plan::arena::keys;
use crate::plan::{Course, Purpose};
use crate::real::Numbers;
use crate::train::compile::Compiler;
use crate::train::evaluate::evaluation;
use crate::train::feed::Feed;
use crate::train::pace::clock_words;
use crate::train::rows::Rows;
use crate::train::step::Scored;
use crate::train::{Evaluation, Trainer};
use crate::{Metric, Model, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The programs that evaluate this process's share of a data set.
#[derive(Debug)]
pub(in crate::train) struct SharedEvaluator {
    team: Arc<Team>,
    dealt: Dealt,
    feed: Feed,
    /// The rows of the data set and of a batch.
    rows: usize,
    batch: usize,
    variation: Vec<f64>,
    metrics: Vec<Metric>,
    /// By number of rows.
    programs: HashMap<usize, Program>,
    columns: usize,
    scored: Scored,
    tallies: String,
}

impl SharedEvaluator {
    pub(in crate::train) fn new(
        trainer: &Trainer<'_>,
        share: &Share,
        model: &mut Model,
        data: &dyn Source,
        compiler: &mut Compiler,
    ) -> Result<Self> {
        let recipe = trainer.recipe();
        let task = recipe.task_for(&model.network, data.sample());
        let (columns, scored, tallies) = (task.columns(), task.scored, task.tallies());
        task.allocate(model)?;
        let (rows, metrics) = (data.len(), recipe.metrics.clone());
        let variation = match metrics.contains(&Metric::R2) {
            true => Metric::variation_of(data, (Order::plain(rows), rows), scored.outputs)?,
            false => Vec::new(),
        };
        let batch = recipe.batch.min(rows);
        let feed =
            Feed::new(model, "validation", data, Some(trainer.resident_bytes), (share.rows_of(batch), 1))?;
        let (team, dealt, programs) = (share.team.clone(), share.dealt, HashMap::new());
        let mut evaluator =
            Self { team, dealt, feed, rows, batch, variation, metrics, programs, columns, scored, tallies };
        match evaluator.bind(trainer, model, compiler) {
            Ok(()) => Ok(evaluator),
            Err(error) => {
                evaluator.close(model);
                Err(error)
            }
        }
    }

    /// Where each batch begins, and how many rows it has.
    fn batches(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (rows, batch) = (self.rows, self.batch);
        (0..rows).step_by(batch).map(move |first| (first, batch.min(rows - first)))
    }

    fn bind(&mut self, trainer: &Trainer<'_>, model: &mut Model, compiler: &mut Compiler) -> Result<()> {
        for rows in self.batches().flat_map(|(first, rows)| self.dealt.own(first, rows)).map(|own| own.rows) {
            if rows == 0 || self.programs.contains_key(&rows) {
                continue;
            }
            let task = trainer.recipe().task(&model.network, &self.feed);
            let (plan, _) = task.record(&model.network, &self.feed, rows, Purpose::Infer, Ending::None)?;
            self.programs.insert(rows, compiler.bind(model, &plan)?);
        }
        Ok(())
    }

    /// Evaluates the data; the same on every process.
    pub(in crate::train) async fn run(&self, model: &mut Model, data: &mut Rows<'_>) -> Result<Evaluation> {
        model.begin_sequences(Course::Evaluation)?;
        let blocks = self.dealt.blocks(0, self.batches());
        data.begin(&self.feed, &mut *model.executor, Order::plain(self.rows), blocks.into_iter())?;
        let mut own = Vec::new();
        for (first, rows) in self.batches() {
            let range = self.dealt.range(first, rows);
            let mut cursor = range.start;
            if !range.is_empty() {
                (cursor, _) = data.stage(&self.feed, model, range.start, std::iter::once(range.len()))?;
            }
            let mut coming = Vec::new();
            for micro in self.dealt.own(first, rows) {
                let Some(&program) = self.programs.get(&micro.rows).filter(|_| micro.rows > 0) else {
                    coming.push(None);
                    continue;
                };
                let words = clock_words(model.steps, cursor + micro.first - range.start);
                let executor = &mut *model.executor;
                executor.write(keys::CLOCK, 0, Values::U32(&words))?;
                executor.run(program, 1)?;
                coming.push(Some(executor.read(&self.tallies, 0, self.columns)));
            }
            let mut tree = Tree::default();
            for tallies in coming {
                let tallies = match tallies {
                    Some(tallies) => tallies.await?,
                    None => vec![0.0; self.columns],
                };
                tree.push(Numbers::Double(tallies), 1.0);
            }
            if let Some(Numbers::Double(sums)) = tree.take() {
                own.extend(sums);
            }
        }
        let Numbers::Double(all) = self.team.sum(Numbers::Double(own))? else {
            return Err(strange("tallies of another precision"));
        };
        let mut sums = vec![0.0; self.columns];
        for row in all.chunks_exact(self.columns) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let count = self.scored.count(&sums, self.rows);
        Ok(evaluation(&sums, &self.metrics, &self.variation, self.scored, count))
    }

    /// Frees what the device held for the evaluation.
    pub(in crate::train) fn close(self, model: &mut Model) {
        self.programs.values().for_each(|&program| model.executor.release(program));
        self.feed.free(&mut *model.executor);
    }
}

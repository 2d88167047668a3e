//! How much the targets vary that count, which R² compares errors with.

use super::Recipe;
use super::feed::Feed;
use super::pace::clock_words;
use super::rows::Rows;
use crate::data::Order;
use crate::device::Values;
use crate::kernel::{CopyRows, CopyRowsPorts, Element, Strided};
use crate::metric::Variation;
use crate::plan::arena::keys;
use crate::plan::{Course, Plan, Purpose, Recorder};
use crate::{Dataset, Metric, Model, Result};

/// Where a step's mask is read.
const MASK: &str = "mask of targets";

/// Σ(t − mean t)² of each output over the targets of the first `count` rows of an order, without masked steps; empty if no metric
/// needs it.
pub(super) async fn variation(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    rows: &mut Rows<'_>,
    (order, count): (Order, usize),
) -> Result<Vec<f64>> {
    if !recipe.metrics.contains(&Metric::R2) {
        return Ok(Vec::new());
    }
    let scored = recipe.task(&model.network, feed).scored;
    if !scored.masked {
        return Metric::variation_of(rows.source(), (order, count), scored.outputs);
    }
    let mut variation = Variation::new(scored.outputs);
    let batch = recipe.batch.min(count);
    let sizes = (0..count).step_by(batch).map(|first| batch.min(count - first));
    let indices = if feed.is_resident() { order.indices() } else { Vec::new() };
    rows.begin(feed, &mut *model.executor, order, sizes.clone())?;
    let mut first = 0;
    for size in sizes {
        let (cursor, staged) = rows.stage(feed, model, first, std::iter::once(size))?;
        let mask = mask(recipe, model, feed, size, cursor).await?;
        match (staged.first(), rows.source().in_memory()) {
            (Some(block), _) => variation.add(block, Some(&mask)),
            (None, Some(data)) => variation.add(&chosen(data, &indices[first..first + size])?, Some(&mask)),
            (None, None) => {}
        }
        first += size;
    }
    Ok(variation.totals())
}

/// [`variation`] of a step whose rows are on the device.
pub(super) async fn variation_of_step(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    data: &Dataset,
    rows: &[u32],
) -> Result<Vec<f64>> {
    if !recipe.metrics.contains(&Metric::R2) {
        return Ok(Vec::new());
    }
    let scored = recipe.task(&model.network, feed).scored;
    let mask = match scored.masked {
        true => Some(mask(recipe, model, feed, rows.len(), 0).await?),
        false => None,
    };
    let mut variation = Variation::new(scored.outputs);
    variation.add(&chosen(data, rows)?, mask.as_deref());
    Ok(variation.totals())
}

fn chosen(data: &Dataset, rows: &[u32]) -> Result<Dataset> {
    data.select(&rows.iter().map(|&row| row as usize).collect::<Vec<_>>())
}

/// Which predictions of a step of `rows` rows count: 1 where one does, else 0.
async fn mask(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    rows: usize,
    cursor: usize,
) -> Result<Vec<f64>> {
    let count = rows * recipe.task(&model.network, feed).scored.steps;
    let mut rec = Recorder::new(Purpose::Infer, rows, model.network.arena());
    rec.set_course(Course::Evaluation);
    let inputs = feed.record(&mut rec).inputs;
    model.network.forward(&mut rec, inputs);
    if let Some(values) = rec.mask() {
        let out = rec.shared(MASK, Element::Float, count);
        let all = Strided { first: 0, stride: 1 };
        let copy = CopyRows { rows: count, width: 1, from: all, to: all, reversed: false };
        rec.op(copy, CopyRowsPorts { values, out });
    }
    let plan = rec.finish(format!("mask of {rows}"))?;
    model.executor.allocate(MASK, Element::Float, count)?;
    let mask = run_mask(model, &plan, count, cursor).await;
    model.executor.free(MASK);
    mask
}

/// Runs a plan that writes a mask of so many numbers, and reads it.
async fn run_mask(model: &mut Model, plan: &Plan, count: usize, cursor: usize) -> Result<Vec<f64>> {
    let program = model.bind(plan)?;
    let words = clock_words(model.steps, cursor);
    let run = model.executor.write(keys::CLOCK, 0, Values::U32(&words));
    let run = run.and_then(|()| model.executor.run(program, 1));
    let mask = match run {
        Ok(()) => model.executor.read(MASK, 0, count).await,
        Err(error) => Err(error),
    };
    model.executor.release(program);
    mask
}

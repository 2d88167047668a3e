//! Layer reports, and the search for the layer in which a number first became non-finite.

use super::Recipe;
use super::feed::Feed;
use crate::device::{Program, Values};
use crate::kernel::clock;
use crate::layer::{Signal, Trace};
use crate::model::Ending;
use crate::plan::Purpose;
use crate::plan::arena::{Parameter, keys};
use crate::{Activation, Dataset, Error, Model, Result, store};

/// A report on one layer with parameters or an activation, for one batch.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LayerReport {
    /// The layer's path.
    pub path: String,
    /// √Σ(∂ℓ/∂w)² over the layer's parameters; 0 without parameters.
    #[serde(with = "store::number")]
    pub gradient_norm: f64,
    /// mean |∂ℓ/∂W| over the layer's kernels, or over its first parameter if it has no kernel (batch normalisation's γ); 0 without
    /// parameters.
    #[serde(with = "store::number")]
    pub gradient_mean: f64,
    /// The share of pre-activations with |z| > L, where L is always the activation's default, so that classic layers, rotated layers and
    /// those with learnt L can be compared. `None` without an activation and for linear ones, which never saturate; a recurrent layer's
    /// linear gates are left out.
    #[serde(with = "store::number")]
    pub saturated: Option<f64>,
    /// The smallest, median and largest ρ of a rotated layer.
    #[serde(with = "store::number")]
    pub rho: Option<[f64; 3]>,
    /// The smallest, median and largest L of a rotated layer, learnt or not.
    #[serde(with = "store::number")]
    pub limit: Option<[f64; 3]>,
    /// For recurrent layers, mean |∂ℓ/∂z_t| at every time step t of the input, over the rows and the gates' pre-activations; rows in which
    /// the step is masked count as 0. ℓ is the loss.
    #[serde(with = "store::number")]
    pub gradient_by_step: Option<Vec<f64>>,
}

/// The smallest, median and largest value.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len().is_multiple_of(2) {
        0.5 * (values[middle - 1] + values[middle])
    } else {
        values[middle]
    };
    [values[0], median, values[values.len() - 1]]
}

/// mean |g| at every time step of gradients `[rows, steps, columns]`.
fn by_step(gradients: &[f64], steps: usize, columns: usize) -> Vec<f64> {
    let count = (gradients.len() / steps) as f64;
    let mut means = vec![0.0; steps];
    for (i, line) in gradients.chunks_exact(columns).enumerate() {
        means[i % steps] += line.iter().map(|g| g.abs()).sum::<f64>() / count;
    }
    means
}

/// The share of pre-activations beyond their activation's default L, without linear ones. There may be one activation per gate.
fn saturated(z: &[f64], activations: &[Activation], output: &Signal) -> Option<f64> {
    let units = output.shape.last().copied().unwrap_or(1);
    let (mut counted, mut beyond) = (0usize, 0usize);
    for (part, z) in z.chunks(units).enumerate() {
        let activation = activations[part % activations.len()];
        if activation != Activation::Linear {
            let limit = f64::from(activation.limit());
            counted += z.len();
            beyond += z.iter().filter(|z| z.abs() > limit).count();
        }
    }
    (counted > 0).then(|| beyond as f64 / counted as f64)
}

pub(super) async fn inspect(
    recipe: &Recipe,
    model: &mut Model,
    data: &Dataset,
    rows: usize,
) -> Result<Vec<LayerReport>> {
    let batch = rows.min(data.len());
    if batch == 0 {
        return Err(Error::invalid("rows to inspect", 0, "at least 1", "inspect at least one row"));
    }
    let data = data.select(&(0..batch).collect::<Vec<_>>())?;
    recipe.task_for(&model.network, &data).allocate(model)?;
    let feed = Feed::new(model, "inspection", &data, None, (batch, 1))?;
    let order: Vec<u32> = (0..batch as u32).collect();
    let ready = feed.begin(&mut *model.executor, &order);
    let replayed =
        ready.and_then(|()| replay(recipe, model, &feed, batch, Purpose::Inspect, [0; clock::LEN]));
    let reports = match replayed {
        Ok((program, traces)) => {
            let reports = read_reports(model, program, &traces).await;
            model.executor.release(program);
            reports
        }
        Err(error) => Err(error),
    };
    feed.free(&mut *model.executor);
    // Reports have gradients of frozen layers, too, which must not count in the next update's norm.
    model.settle_frozen()?;
    reports
}

/// Runs one step, all of whose buffers can be read afterwards.
fn replay(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    rows: usize,
    purpose: Purpose,
    words: [u32; clock::LEN],
) -> Result<(Program, Vec<Trace>)> {
    let task = recipe.task(&model.network, feed);
    let (plan, traces) = task.record(&model.network, feed, rows, purpose, Ending::None)?;
    let program = model.bind(&plan)?;
    let run = model
        .executor
        .write(keys::CLOCK, 0, Values::U32(&words))
        .and_then(|()| model.executor.run(program, 1));
    match run {
        Ok(()) => Ok((program, traces)),
        Err(error) => {
            model.executor.release(program);
            Err(error)
        }
    }
}

async fn read_reports(model: &mut Model, program: Program, traces: &[Trace]) -> Result<Vec<LayerReport>> {
    let mut reports = Vec::new();
    let gradients = model.read_arena(keys::GRADIENTS).await?;
    let parameters = model.read_arena(keys::PARAMETERS).await?;
    for (node, trace) in model.network.every_trace(traces) {
        if !model.network.reports_on(node) {
            continue;
        }
        let facts = node.facts();
        let arena = model.network.arena();
        let own: Vec<&Parameter> = arena.of_layer(node.path()).collect();
        let squares = own.iter().flat_map(|p| &gradients[p.range()]).map(|g| g * g);
        let kernels: Vec<&Parameter> = own.iter().filter(|p| p.kernel.is_some()).copied().collect();
        let of = if kernels.is_empty() { own.get(..1).unwrap_or_default() } else { &kernels };
        let of_kernel: Vec<f64> = of.iter().flat_map(|p| &gradients[p.range()]).copied().collect();
        let saturated = match trace.pre_activation {
            Some(view) if !facts.activations.is_empty() => {
                let z = model.executor.read_view(program, view).await?;
                saturated(&z, &facts.activations, node.output())
            }
            _ => None,
        };
        let rho = match trace.rotation {
            Some(view) => {
                let both = model.executor.read_view(program, view).await?;
                Some(spread(both[..both.len() / 2].to_vec()))
            }
            None => None,
        };
        let gradient_by_step = match (facts.steps, trace.d_pre_activation) {
            (Some(steps), Some(view)) => {
                let columns = facts.activations.len() * node.output().shape.last().copied().unwrap_or(1);
                Some(by_step(&model.executor.read_view(program, view).await?, steps, columns))
            }
            _ => None,
        };
        let limit = facts.rotation.map(|_| match facts.lambda {
            Some(id) => spread(parameters[arena.get(id).range()].iter().copied().map(f64::exp).collect()),
            None => spread(facts.limits.iter().copied().map(f64::from).collect()),
        });
        reports.push(LayerReport {
            path: node.path().to_owned(),
            gradient_norm: squares.sum::<f64>().sqrt(),
            gradient_mean: of_kernel.iter().map(|g| g.abs()).sum::<f64>() / of_kernel.len().max(1) as f64,
            saturated,
            rho,
            limit,
            gradient_by_step,
        });
    }
    Ok(reports)
}

/// Where a number first becomes non-finite: the layer, what was found there, and whether it is in the forward pass.
pub(super) type Finding = (String, String, bool);

/// Repeats the step that met a non-finite number, and finds where it first appears. If that is in the forward pass, undoes the last update.
pub(super) async fn diagnose(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    rows: usize,
    words: [u32; clock::LEN],
    step: u64,
) -> Result<Error> {
    let found = look(recipe, model, feed, rows, words).await;
    undo(model, found, step).await
}

/// Repeats a step, and finds where a number first becomes non-finite, if one does.
pub(super) async fn look(
    recipe: &Recipe,
    model: &mut Model,
    feed: &Feed,
    rows: usize,
    words: [u32; clock::LEN],
) -> Option<Finding> {
    let found = match replay(recipe, model, feed, rows, Purpose::Diagnose, words) {
        Ok((program, traces)) => {
            let tallies = recipe.task(&model.network, feed).tallies();
            let found = first_non_finite(model, program, &traces, &tallies).await;
            model.executor.release(program);
            found
        }
        Err(error) => Err(error),
    };
    // If the step cannot be repeated, the last update is undone anyway.
    found.unwrap_or_else(|error| {
        Some(("an unknown layer".to_owned(), format!("a number that is not finite ({error})"), true))
    })
}

/// Undoes the last update, if that is to blame, and resets the optimisers; returns the error of the step.
pub(super) async fn undo(model: &mut Model, found: Option<Finding>, step: u64) -> Result<Error> {
    let (layer, found, forward) = found.unwrap_or_else(|| {
        ("the gradient's norm".to_owned(), "a sum of squares that overflows".to_owned(), false)
    });
    if forward {
        model.take_back_update().await?;
    }
    model.settle_frozen()?;
    model.reset_optimizer()?;
    Ok(Error::NonFinite { step, layer, found })
}

/// What [`look`] finds after the step.
async fn first_non_finite(
    model: &mut Model,
    program: Program,
    traces: &[Trace],
    tallies: &str,
) -> Result<Option<Finding>> {
    let bad = |values: &[f64]| values.iter().copied().find(|v| !v.is_finite());
    let parameters = model.read_arena(keys::PARAMETERS).await?;
    let gradients = model.read_arena(keys::GRADIENTS).await?;
    for (node, trace) in model.network.every_trace(traces) {
        for p in model.network.arena().of_layer(node.path()) {
            if let Some(value) = bad(&parameters[p.range()]) {
                return Ok(Some((node.path().to_owned(), format!("{value} in {}", p.path), true)));
            }
        }
        for (what, view) in
            [("ρ or q", trace.rotation), ("z", trace.pre_activation), ("y", Some(trace.output))]
        {
            if let Some(view) = view
                && let Some(value) = bad(&model.executor.read_view(program, view).await?)
            {
                return Ok(Some((node.path().to_owned(), format!("{value} in {what}"), true)));
            }
        }
    }
    let loss = model.executor.read(tallies, 0, 1).await?[0];
    if !loss.is_finite() {
        return Ok(Some(("loss".to_owned(), loss.to_string(), true)));
    }
    // Gradients flow from the last layer to the first.
    for node in model.network.every_node().into_iter().rev() {
        for p in model.network.arena().of_layer(node.path()) {
            if let Some(value) = bad(&gradients[p.range()]) {
                let found = format!("{value} in the gradient of {}", p.path);
                return Ok(Some((node.path().to_owned(), found, false)));
            }
        }
    }
    Ok(None)
}

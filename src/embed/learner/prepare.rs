//! What a learner needs before its first step: checks, buffers, programs.

use super::Learner;
use crate::embed::gpu;
use crate::embed::rows::Source;
use crate::train::Recipe;
use crate::{Error, Metric, Model, Result, Targets};

impl Learner {
    /// Allocates and borrows buffers, writes the first row order, and binds a program per kind of step.
    pub(super) fn prepare(&mut self, model: &mut Model, source: &Source<'_>) -> Result<()> {
        self.recipe.allocate(model)?;
        self.task(model).allocate(model)?;
        if let Source::Dataset(_) = source {
            self.feed.check_bindings(model.device(), "learner's", |rows| {
                format!(
                    "learn from at most {rows} rows, or train with Trainer::fit, which sends them in parts"
                )
            })?;
        }
        let executor = gpu(model)?;
        match source {
            Source::Dataset(data) => self.feed.fill(executor, Some(data))?,
            Source::Buffers(rows) => {
                self.feed.allocate_order(executor)?;
                let [inputs, targets, _] = self.feed.chunks();
                for (chunks, binding) in [(&inputs, &rows.inputs), (&targets, rows.targets.binding())] {
                    for chunk in chunks {
                        let bytes = chunk.first as u64 * 4;
                        let size = binding.size.map(|size| size.get().saturating_sub(bytes));
                        let part = wgpu::BufferBinding {
                            buffer: binding.buffer,
                            offset: binding.offset + bytes,
                            size: size
                                .map(|left| wgpu::BufferSize::new(left).unwrap_or(wgpu::BufferSize::MIN)),
                        };
                        executor.borrow(&chunk.key, chunk.element, chunk.len, &part)?;
                    }
                }
            }
        }
        let rows = self.feed.rows();
        if !self.recipe.shuffle {
            self.feed.begin(executor, &self.recipe.order(rows, 0).indices())?;
        }
        let (network, table) = (model.network(), self.table.clone());
        let plans = self.recipe.plans(network, &self.feed, self.slots.desk(), &table.steps)?;
        for (kind, (step, plan)) in plans.into_iter().enumerate() {
            let program = model.bind(&plan)?;
            self.lease.add(program);
            self.programs.insert(step, (kind as u32, program));
        }
        // In a browser nothing may wait for the device.
        #[cfg(not(target_family = "wasm"))]
        if !self.readings.times() {
            self.try_out(model)?;
        }
        self.slots.begin(model, &table)?;
        // Here, so that the first frame does not wait for it.
        let first = (0, table.base.epochs);
        self.orders.provide(&self.recipe, &self.feed, gpu(model)?, first)?;
        let data = if let Source::Dataset(data) = source { Some(*data) } else { None };
        model.remember_outputs(&self.recipe.loss, data);
        Ok(())
    }
}

/// Checks that options, rows and model fit together, and suit a learner.
pub(super) fn check(
    recipe: &Recipe,
    model: &mut Model,
    source: &Source<'_>,
    rows: usize,
    targets: &Targets,
) -> Result<()> {
    match source {
        Source::Dataset(data) => recipe.check(model, data)?,
        Source::Buffers(given) => {
            recipe.check_rows(model.network(), rows, targets, None)?;
            let width = model.network().input().len();
            let labels_or_values = match targets {
                Targets::Classes { steps, .. } => *steps,
                Targets::Values { .. } => targets.width(),
            };
            let gpu = gpu(model)?;
            gpu.check_binding("inputs", rows.saturating_mul(width), &given.inputs)?;
            let len = rows.saturating_mul(labels_or_values);
            gpu.check_binding("targets", len, given.targets.binding())?;
        }
    }
    recipe.check_updates(model.network())?;
    if let Some(path) = model.network().stateful() {
        return Err(Error::invalid(
            path,
            "a stateful layer",
            "layers that begin a new sequence with every row",
            "train it with Trainer::fit, or turn stateful off",
        ));
    }
    if recipe.metrics.contains(&Metric::R2) {
        return Err(Error::invalid(
            "metric r2",
            "a learner, whose targets are only on the device",
            "metrics of single rows",
            "use MeanAbsoluteError",
        ));
    }
    Ok(())
}

//! Which variant of a kernel runs: the requested one, the fastest of those that were timed, or the table's.

use super::GpuExecutor;
use super::binding::BoundOp;
use crate::device::compiled::Shader;
use crate::device::tune::BUDGET;
use crate::kernel::Kernel;
use crate::plan::Plan;
use crate::{Error, Fault, Result};
use std::collections::BTreeMap;
use web_time::Instant;

impl GpuExecutor {
    /// The variant that was requested, or chosen by timing, or else the built-in choice.
    pub(super) fn variant(&self, kernel: &dyn Kernel) -> usize {
        let place = |name: &str| kernel.variants().iter().position(|v| *v == name);
        let timed = || self.gpu.choices.get(&self.problem(kernel)).and_then(|name| place(&name));
        let wanted =
            self.variant.and_then(place).or_else(|| if self.undecided(kernel) { timed() } else { None });
        wanted.filter(|&v| kernel.supports(v, self.traits)).unwrap_or_else(|| kernel.prefer(self.traits))
    }

    /// Compiles what binding a kernel needs: its variant, or all variants to be timed. Returns whether anything was new.
    pub(in crate::device) fn compile(&self, kernel: &dyn Kernel, place: &str) -> Result<bool> {
        let (before, checked) = (self.gpu.compiled.count(), self.checks(kernel));
        if self.undecided(kernel) && self.gpu.choices.get(&self.problem(kernel)).is_none() {
            for variant in kernel.candidates(self.traits) {
                // As in timing: a refused variant is not a candidate.
                if let Err(error) = self.gpu.pipeline(kernel, variant, checked, place) {
                    log::debug!("preparing: {error}");
                }
            }
        }
        self.gpu.pipeline(kernel, self.variant(kernel), checked, place)?;
        Ok(self.gpu.compiled.count() > before)
    }

    /// Compiles a shader that is not a kernel. Returns whether it was new.
    pub(in crate::device) fn compile_shader(&self, shader: &Shader) -> Result<bool> {
        let before = self.gpu.compiled.count();
        self.gpu.shader(shader)?;
        Ok(self.gpu.compiled.count() > before)
    }

    /// Keeps what was compiled for the next run, if it can be kept.
    pub(in crate::device) fn keep_compiled(&self) {
        self.gpu.compiled.keep();
    }

    /// Whether timing decides a kernel's variant.
    fn undecided(&self, kernel: &dyn Kernel) -> bool {
        self.gpu.choices.on() && self.variant.is_none() && kernel.candidates(self.traits).len() > 1
    }

    /// The key of a choice. The driver's checks affect which variant is fastest.
    fn problem(&self, kernel: &dyn Kernel) -> String {
        kernel.problem() + if self.checked { " checked" } else { "" }
    }

    /// Times the variants of the plan's kernels for which no choice is known, as long as the budget lasts, and keeps the choices; after
    /// that the table's choice is kept. The kernels run on the plan's buffers: what they write is undefined before it runs.
    pub(super) fn tune(
        &mut self,
        plan: &Plan,
        bind: impl Fn(&Self, usize, usize) -> Result<BoundOp>,
    ) -> Result<()> {
        let mut new = BTreeMap::new();
        for (i, op) in plan.ops.iter().enumerate() {
            let kernel = &*op.kernel;
            if !self.undecided(kernel) {
                continue;
            }
            let problem = self.problem(kernel);
            if new.contains_key(&problem) || self.gpu.choices.get(&problem).is_some() {
                continue;
            }
            let mut best = (kernel.prefer(self.traits), f64::INFINITY);
            for variant in kernel.candidates(self.traits) {
                let begin = Instant::now();
                let left = BUDGET.saturating_sub(self.tuned).as_secs_f64();
                // A variant that does not fit or that the driver refuses is not a candidate; binding reports the error of the one that is
                // chosen.
                match bind(self, i, variant).and_then(|bound| self.time(&bound, left.min(2.0 * best.1))) {
                    Ok(Some(seconds)) if seconds < best.1 => best = (variant, seconds),
                    Ok(_) => {}
                    Err(error) if matches!(error.fault(), Some(Fault::Lost | Fault::Timeout)) => {
                        return Err(error);
                    }
                    Err(error) => log::debug!("tuning: {problem}: {error}"),
                }
                let name = kernel.variants()[variant];
                log::debug!("tuning: {problem}: {name}, best so far {:.1} µs", best.1 * 1e6);
                self.tuned += begin.elapsed();
            }
            new.insert(problem, kernel.variants()[best.0].to_owned());
        }
        if !new.is_empty() {
            self.gpu.choices.keep(new);
        }
        Ok(())
    }

    /// The time of an op in seconds: the minimum of three measurements, each with as many runs as take some milliseconds. `None` if one
    /// run takes longer than `limit`.
    fn time(&self, op: &BoundOp, limit: f64) -> Result<Option<f64>> {
        if limit <= 0.0 {
            return Ok(None);
        }
        let run = |times: usize| {
            let begin = Instant::now();
            self.gpu.watched("tuning", || self.gpu.submit(std::slice::from_ref(op), times))?;
            self.gpu.wait("tuning", None, self.staging.timeout)?;
            Ok::<f64, Error>(begin.elapsed().as_secs_f64() / times as f64)
        };
        // The first run may include compiling.
        run(1)?;
        let once = run(1)?;
        if once > limit {
            return Ok(None);
        }
        let times = ((0.002 / once) as usize).clamp(1, 64);
        Ok(Some(run(times)?.min(run(times)?).min(run(times)?)))
    }
}

//! Before the first epoch: binding plans, which may compile kernels.

use crate::device::{Program, Values};
use crate::kernel::clock;
use crate::plan::Plan;
use crate::plan::arena::keys;
use crate::report::Notice;
use crate::{Model, Result};
use web_time::{Duration, Instant};

/// Binds plans, shows a notice while kernels are compiled, and measures the time.
#[derive(Debug)]
pub(super) struct Compiler {
    shown: bool,
    notice: Option<Notice>,
    /// Programs with kernels that are new to the device.
    new: Vec<Program>,
    spent: Duration,
}

impl Compiler {
    /// Shows the notice only if `shown`.
    pub(super) fn new(shown: bool) -> Self {
        Self { shown, notice: None, new: Vec::new(), spent: Duration::ZERO }
    }

    pub(super) fn bind(&mut self, model: &mut Model, plan: &Plan) -> Result<Program> {
        let begin = Instant::now();
        let compiles = model.executor.compiles(plan);
        if compiles && self.shown && self.notice.is_none() {
            self.notice = Some(Notice::new("compiling kernels …"));
        }
        let program = model.bind(plan)?;
        if compiles {
            self.new.push(program);
        }
        self.spent += begin.elapsed();
        Ok(program)
    }

    /// Runs every program with new kernels once, since drivers may compile only then. The clock is halted, so that parameters, moments and
    /// states do not change. Returns the total seconds.
    pub(super) async fn finish(mut self, model: &mut Model) -> Result<f64> {
        let (begin, executor) = (Instant::now(), &mut *model.executor);
        if !self.new.is_empty() {
            let mut halted = [0; clock::LEN];
            halted[clock::HALTED] = 1;
            for &program in &self.new {
                executor.write(keys::CLOCK, 0, Values::U32(&halted))?;
                executor.run(program, 1)?;
            }
            executor.write(keys::CLOCK, 0, Values::U32(&[0; clock::LEN]))?;
            executor.read_index(keys::CLOCK, clock::LEN).await?;
        }
        let seconds = (self.spent + begin.elapsed()).as_secs_f64();
        if let Some(notice) = self.notice.take() {
            notice.finish(&format!("kernels compiled in {seconds:.2} s"));
        }
        Ok(seconds)
    }
}

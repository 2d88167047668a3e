//! A process's share of a training: its programs, its part of the tree of sums, and what carries them.

use super::branch::{self, Branch};
use super::courier::Courier;
use super::micro::Dealt;
use super::pieces::Pieces;
use super::{Processes, Team, Threads};
use crate::device::Program;
use crate::kernel::{Element, RunningAverage, RunningAveragePorts};
use crate::model::{Ending, Step};
use crate::optimizer::spans;
use crate::plan::arena::{Role, keys};
use crate::plan::{Plan, Purpose, Recorder};
use crate::real::Numbers;
use crate::train::compile::Compiler;
use crate::train::feed::Feed;
use crate::train::step::{OPTIMIZER, Task};
use crate::train::{Recipe, Trainer};
use crate::{Model, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// The buffer through which what layers maintain comes back to the parameters, unless the step has failed.
pub(super) const MAINTAINED: &str = "maintained by layers, over a step";

/// A micro-batch's program.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) program: Program,
    /// After how many of its ops each piece of the gradient is final.
    pub(super) ready: Arc<[usize]>,
}

/// A process's share of a training.
#[derive(Debug)]
pub(in crate::train) struct Share {
    pub(super) team: Arc<Team>,
    pub(super) courier: Courier,
    pub(super) dealt: Dealt,
    pub(super) pieces: Pieces,
    /// By number of rows.
    pub(super) programs: HashMap<usize, Bound>,
    pub(super) branch: Branch,
    pub(super) update: Option<Program>,
    /// What layers maintain, as the last step has left it.
    pub(super) kept: Numbers,
    /// Steps since all parameters were last compared.
    pub(super) unchecked: u64,
}

impl Trainer<'_> {
    /// The processes of a training, of which there is one where its steps are only cut into micro-batches; `None` where they are not.
    ///
    /// # Errors
    /// None in practice: those of [`Threads::new`].
    pub(in crate::train) fn assemble(&mut self) -> Result<Option<Arc<Team>>> {
        let processes: Arc<dyn Processes> = match &self.processes {
            Some(processes) => processes.clone(),
            None if self.recipe.micro_batches.is_none() => return Ok(None),
            None => match Threads::new(1)?.pop() {
                Some(alone) => Arc::new(alone),
                None => return Ok(None),
            },
        };
        Ok(Some(Arc::new(Team::new(processes))))
    }
}

impl Share {
    pub(in crate::train) fn new(team: Arc<Team>, recipe: &Recipe, model: &Model) -> Result<Self> {
        let dealt = Dealt { count: recipe.cut(), rank: team.rank(), size: team.size() };
        let pieces = Pieces::of(model.network.arena());
        Ok(Self {
            courier: Courier::new(team.clone())?,
            team,
            dealt,
            pieces,
            programs: HashMap::new(),
            branch: Branch::default(),
            update: None,
            kept: Numbers::Single(Vec::new()),
            unchecked: 0,
        })
    }

    pub(in crate::train) fn team(&self) -> &Arc<Team> {
        &self.team
    }

    pub(in crate::train) fn dealt(&self) -> Dealt {
        self.dealt
    }

    /// The most rows that a step of `batch` rows gives this process.
    pub(in crate::train) fn rows_of(&self, batch: usize) -> usize {
        self.dealt.range(0, batch).len().max(1)
    }

    /// Binds the programs of an epoch's steps; returns how many kernels run in a step at most.
    pub(in crate::train) fn compile(
        &mut self,
        recipe: &Recipe,
        (model, feed): (&mut Model, &Feed),
        steps: &[Step],
        compiler: &mut Compiler,
    ) -> Result<usize> {
        if !self.pieces.kept.is_empty() {
            model.executor.allocate(MAINTAINED, Element::Float, self.pieces.kept.len())?;
        }
        let mut dispatches = 0;
        for rows in steps.iter().flat_map(|step| self.dealt.own(step.first, step.rows)).map(|own| own.rows) {
            if rows == 0 || self.programs.contains_key(&rows) {
                continue;
            }
            let task = recipe.task(&model.network, feed);
            let (plan, _) = task.record(&model.network, feed, rows, Purpose::Train, Ending::Share)?;
            let ready = self.pieces.ready(&plan, &task.tallies()).into();
            dispatches = dispatches.max(plan.ops.len());
            let program = compiler.bind(model, &plan)?;
            self.programs.insert(rows, Bound { program, ready });
        }
        self.branch.compile(self.dealt.each(), &self.pieces, model, compiler)?;
        let plan = self.update_plan(&recipe.task(&model.network, feed), model)?;
        dispatches = dispatches * self.dealt.each() + self.branch.ops() + plan.ops.len();
        self.update = Some(compiler.bind(model, &plan)?);
        Ok(dispatches)
    }

    /// The plan of an update by the sum of the gradients, and by the tallies that the host writes.
    fn update_plan(&self, task: &Task<'_>, model: &Model) -> Result<Plan> {
        let arena = model.network.arena();
        let mut rec = Recorder::new(Purpose::Train, 1, arena);
        rec.scope(OPTIMIZER, |rec| {
            let columns = task.columns();
            let tallies = rec.shared(&task.tallies(), Element::Float, task.desk.slots * columns);
            let mut step = task.desk.update_views(rec, (tallies, columns), None);
            if task.scored.masked {
                branch::record_multiple(rec, arena, step.gradient);
            } else {
                step.gradient = rec.shared(&branch::whole(), Element::Float, arena.len());
            }
            task.optimizer.record(rec, step, arena);
            let maintained = arena.parameters().iter().filter(|p| p.role == Role::Kept && !p.frozen);
            for parameter in maintained {
                let from = rec.shared(MAINTAINED, Element::Float, self.pieces.kept.len());
                let to = rec.shared(keys::PARAMETERS, Element::Float, arena.len());
                for (first, count) in spans(parameter.len()) {
                    let value = rec.part(from, parameter.offset - self.pieces.kept.start + first, count);
                    let average = rec.part(to, parameter.offset + first, count);
                    // Copies, unless a number is not finite.
                    let kernel = RunningAverage { count, momentum: 0.0, factor: 1.0 };
                    let clock = rec.clock();
                    rec.op(kernel, RunningAveragePorts { value, clock, average });
                }
            }
        });
        rec.finish("update of a sum")
    }

    /// Frees what the device held for it.
    pub(in crate::train) fn close(self, model: &mut Model) {
        let programs = self.programs.values().map(|bound| bound.program);
        programs.chain(self.update).for_each(|program| model.executor.release(program));
        self.branch.close(self.dealt.each(), model);
        model.executor.free(MAINTAINED);
    }
}

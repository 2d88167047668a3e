//! A process's share of a training: its programs, its part of the tree of sums, and what carries them.

use super::branch::{self, Branch};
use super::courier::Courier;
use super::meeting::{Appointment, own_key, set_apart};
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
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The buffer through which what layers maintain comes back to the parameters, unless the step has failed.
pub(super) const MAINTAINED: &str = "maintained by layers, over a step";

/// A micro-batch's program.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) program: Program,
    /// After how many of its ops each piece of the gradient is final, not before its last meeting.
    pub(super) ready: Arc<[usize]>,
    /// Where it meets the others of its step.
    pub(super) appointments: Arc<[Appointment]>,
}

impl Bound {
    /// How many of its ops come before its last meeting.
    pub(super) fn met(&self) -> usize {
        self.appointments.last().map_or(0, |appointment| appointment.op)
    }
}

/// A process's share of a training.
#[derive(Debug)]
pub(in crate::train) struct Share {
    pub(super) team: Arc<Team>,
    pub(super) courier: Courier,
    pub(super) dealt: Dealt,
    pub(super) pieces: Pieces,
    /// By [`Share::at`].
    programs: HashMap<(usize, usize), Bound>,
    /// The meetings of every micro-batch, also of those without rows.
    pub(super) meetings: Arc<[Appointment]>,
    /// The buffers that micro-batches have to themselves.
    apart: Vec<String>,
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
            meetings: Arc::default(),
            apart: Vec::new(),
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
        // A process meets the others even if it never has rows.
        self.meetings = Appointment::of(&plan_of(recipe, (model, feed), 1)?.0).into();
        let mut plans = BTreeMap::new();
        let own = steps.iter().flat_map(|step| self.dealt.own(step.first, step.rows).enumerate());
        for (place, rows) in own.map(|(place, micro)| (place, micro.rows)).filter(|&(_, rows)| rows > 0) {
            if let Entry::Vacant(vacant) = plans.entry(self.at(place, rows)) {
                vacant.insert(plan_of(recipe, (model, feed), rows)?);
            }
        }
        if !self.meetings.is_empty() {
            self.set_apart(&mut plans, model)?;
        }
        let mut dispatches = 0;
        for (at, (plan, tallies)) in plans {
            dispatches = dispatches.max(plan.ops.len());
            let mut ready = self.pieces.ready(&plan, (&self.name(keys::GRADIENTS, at.1), &tallies));
            let appointments = Appointment::of(&plan);
            let met = appointments.last().map_or(0, |last| last.op);
            ready.iter_mut().for_each(|ready| *ready = met.max(*ready));
            let program = compiler.bind(model, &plan)?;
            self.programs
                .insert(at, Bound { program, ready: ready.into(), appointments: appointments.into() });
        }
        let places = 0..self.dealt.each();
        let gradients: Vec<String> = places.map(|place| self.name(keys::GRADIENTS, place)).collect();
        self.branch.compile(&gradients, &self.pieces, model, compiler)?;
        let plan = self.update_plan(&recipe.task(&model.network, feed), model)?;
        dispatches = dispatches * self.dealt.each() + self.branch.ops() + plan.ops.len();
        self.update = Some(compiler.bind(model, &plan)?);
        Ok(dispatches)
    }

    /// Gives every micro-batch its own buffers, each as long as the longest of its plans needs.
    fn set_apart(
        &mut self,
        plans: &mut BTreeMap<(usize, usize), (Plan, String)>,
        model: &mut Model,
    ) -> Result<()> {
        let gradient = (Element::Float, model.network.arena().len());
        let gradients = (0..self.dealt.each()).map(|place| (self.name(keys::GRADIENTS, place), gradient));
        let mut apart: BTreeMap<String, (Element, usize)> = gradients.collect();
        for (&(_, place), (plan, tallies)) in plans {
            for (key, element, len) in set_apart(plan, place, tallies) {
                let (_, longest) = apart.entry(key).or_insert((element, 0));
                *longest = len.max(*longest);
            }
            *tallies = self.name(tallies, place);
        }
        for (key, (element, len)) in apart {
            model.executor.allocate(&key, element, len)?;
            self.apart.push(key);
        }
        Ok(())
    }

    /// Where the program of the micro-batch at this place among the own ones is kept: by its rows, and by its place where micro-batches meet.
    fn at(&self, place: usize, rows: usize) -> (usize, usize) {
        (rows, if self.meetings.is_empty() { 0 } else { place })
    }

    /// The program of the micro-batch at this place among the own ones, unless it has no rows.
    pub(super) fn bound(&self, place: usize, rows: usize) -> Option<&Bound> {
        self.programs.get(&self.at(place, rows)).filter(|_| rows > 0)
    }

    /// The name of the gradient, or of the tallies, of the micro-batch at this place among the own ones.
    pub(super) fn name(&self, key: &str, place: usize) -> String {
        if self.meetings.is_empty() { key.to_owned() } else { own_key(key, place) }
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
        self.apart.iter().for_each(|key| model.executor.free(key));
        self.branch.close(self.dealt.each(), model);
        model.executor.free(MAINTAINED);
    }
}

/// The plan of a micro-batch of so many rows, and the name of its tallies.
fn plan_of(recipe: &Recipe, (model, feed): (&Model, &Feed), rows: usize) -> Result<(Plan, String)> {
    let task = recipe.task(&model.network, feed);
    let (plan, _) = task.record(&model.network, feed, rows, Purpose::Train, Ending::Share)?;
    Ok((plan, task.tallies()))
}

//! Recording a plan.

use super::meeting::Meetings;
use super::{ALIGNMENT, Buffer, Home, Op, Plan, View, Views, memory};
use crate::kernel::{
    Access, CopyRows, CopyRowsPorts, Element, Family, Kernel, Ports, Strided, UNUSED, clock,
};
use crate::plan::arena::{Arena, ParameterId, Regularizer, keys};
use crate::{Error, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// What a plan is for: it decides what layers record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Forward only: dropout is off, nothing is stored for a backward pass.
    Infer,
    /// Forward and backward.
    Train,
    /// Forward and backward without dropout, and every buffer kept for reading.
    Inspect,
    /// As `Train`, and every buffer kept for reading.
    Diagnose,
}

/// Which batches follow each other: layers that keep states keep separate ones for each course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Course {
    /// Those of training.
    Training,
    /// Those of an evaluation.
    Evaluation,
    /// Those of predictions.
    Prediction,
}

impl std::fmt::Display for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Training => "training",
            Self::Evaluation => "evaluation",
            Self::Prediction => "prediction",
        })
    }
}

/// Collects the ops and buffers of one plan.
#[derive(Debug)]
pub struct Recorder<'a> {
    purpose: Purpose,
    course: Course,
    batch: usize,
    arena: &'a Arena,
    scopes: Vec<String>,
    pub(super) buffers: Vec<Buffer>,
    shared: HashMap<String, usize>,
    clock: String,
    ops: Vec<Op>,
    /// Ops for the end of the step.
    deferred: Vec<Op>,
    kept: Vec<usize>,
    /// Which steps of the current sequence count.
    mask: Option<View>,
    pub(super) meetings: Meetings,
    error: Option<Error>,
}

impl<'a> Recorder<'a> {
    /// A recorder for a batch of `batch` rows over the parameters of `arena`.
    pub fn new(purpose: Purpose, batch: usize, arena: &'a Arena) -> Self {
        let course = if purpose == Purpose::Infer { Course::Prediction } else { Course::Training };
        Self {
            purpose,
            course,
            batch,
            arena,
            scopes: Vec::new(),
            buffers: Vec::new(),
            shared: HashMap::new(),
            clock: keys::CLOCK.into(),
            ops: Vec::new(),
            deferred: Vec::new(),
            kept: Vec::new(),
            mask: None,
            meetings: Meetings::default(),
            error: None,
        }
    }

    /// The number of rows of the batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Records with every time step of a sequence as a row of its own: meanwhile the batch has `steps` times as many rows.
    pub fn with_steps<R>(&mut self, steps: usize, record: impl FnOnce(&mut Self) -> R) -> R {
        let (batch, mask) = (self.batch, self.mask.take());
        self.batch *= steps;
        let result = record(self);
        (self.batch, self.mask) = (batch, mask);
        result
    }

    /// Which steps of the current sequence count, `[B, T]` of 1 and 0; `None` if all do.
    pub fn mask(&self) -> Option<View> {
        self.mask
    }

    /// Sets the mask of what is recorded from here on.
    pub fn set_mask(&mut self, mask: Option<View>) {
        self.mask = mask;
    }

    /// What the plan is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Which course of batches the plan belongs to. Unless set: training if a backward pass follows, else prediction.
    pub fn course(&self) -> Course {
        self.course
    }

    /// Sets which course of batches the plan belongs to.
    pub fn set_course(&mut self, course: Course) {
        self.course = course;
    }

    /// Whether a backward pass follows, so that layers store what it needs.
    pub fn backward_follows(&self) -> bool {
        self.purpose != Purpose::Infer
    }

    /// Whether layers that behave differently in training, such as dropout, should do so.
    pub fn training(&self) -> bool {
        matches!(self.purpose, Purpose::Train | Purpose::Diagnose)
    }

    /// Whether every buffer is kept for reading, so that layers also store what only reports need.
    pub fn keeps_all(&self) -> bool {
        matches!(self.purpose, Purpose::Inspect | Purpose::Diagnose)
    }

    /// Names what is recorded inside `record`, by the full path of a layer.
    pub fn scope<R>(&mut self, name: impl Into<String>, record: impl FnOnce(&mut Self) -> R) -> R {
        self.scopes.push(name.into());
        let result = record(self);
        self.scopes.pop();
        result
    }

    /// A scratch buffer of numbers; its content is undefined until an op writes it.
    pub fn scratch(&mut self, len: usize) -> View {
        let len = len.max(1);
        let home = Home::Scratch(usize::MAX);
        self.buffers.push(Buffer { home, element: Element::Float, len });
        let view = View { buffer: self.buffers.len() - 1, offset: 0, len };
        if self.keeps_all() {
            self.keep(view);
        }
        view
    }

    /// The length of the longest scratch buffer so far.
    pub fn longest_scratch(&self) -> usize {
        let scratch = self.buffers.iter().filter(|b| matches!(b.home, Home::Scratch(_)));
        scratch.map(|b| b.len).max().unwrap_or(1)
    }

    /// A buffer that the executor keeps under `key` for all plans.
    pub fn shared(&mut self, key: &str, element: Element, len: usize) -> View {
        let buffer = *self.shared.entry(key.to_owned()).or_insert_with(|| {
            self.buffers.push(Buffer { home: Home::Shared(key.to_owned()), element, len });
            self.buffers.len() - 1
        });
        View { buffer, offset: 0, len }
    }

    /// The clock.
    pub fn clock(&mut self) -> View {
        let key = self.clock.clone();
        self.shared(&key, Element::Index, clock::LEN)
    }

    /// Sets the name of the clock's buffer: steps that run beside others have their own.
    pub fn set_clock(&mut self, key: impl Into<String>) {
        self.clock = key.into();
    }

    /// The values of a parameter.
    pub fn parameter(&mut self, id: ParameterId) -> View {
        self.in_arena(keys::PARAMETERS, id)
    }

    /// The gradient of a parameter.
    pub fn gradient(&mut self, id: ParameterId) -> View {
        self.in_arena(keys::GRADIENTS, id)
    }

    /// The parameters that the plan is recorded over.
    pub fn arena(&self) -> &'a Arena {
        self.arena
    }

    /// What a kernel adds to the loss; nothing for other parameters.
    pub fn regularizer(&self, id: ParameterId) -> Regularizer {
        self.arena.get(id).kernel.unwrap_or_default()
    }

    fn in_arena(&mut self, key: &str, id: ParameterId) -> View {
        let parameter = self.arena.get(id);
        let (offset, len) = (parameter.offset, parameter.len());
        View { offset, len, ..self.shared(key, Element::Float, self.arena.len()) }
    }

    /// The part of `view` from `offset`, a multiple of [`ALIGNMENT`], with `len` elements.
    pub fn part(&self, view: View, offset: usize, len: usize) -> View {
        debug_assert!(offset.is_multiple_of(ALIGNMENT) && offset + len <= view.len);
        View { offset: view.offset + offset, len, ..view }
    }

    /// Keeps a scratch buffer to the end of the plan, so that it can be read after a run.
    pub fn keep(&mut self, view: View) {
        self.kept.push(view.buffer);
    }

    /// Makes a view available to others under `key`, kept by the executor; returns its view there. A part of a buffer, or a buffer
    /// that is already shared, is copied.
    pub fn publish(&mut self, view: View, key: &str) -> View {
        let buffer = &mut self.buffers[view.buffer];
        if matches!(buffer.home, Home::Scratch(_)) && buffer.len == view.len {
            buffer.home = Home::Shared(key.to_owned());
            self.shared.insert(key.to_owned(), view.buffer);
            return view;
        }
        let published = self.shared(key, Element::Float, view.len);
        self.copy(view, published);
        published
    }

    /// Records the copying of a view to another of the same length.
    pub(crate) fn copy(&mut self, values: View, out: View) {
        let whole = Strided { first: 0, stride: values.len };
        let copy = CopyRows { rows: 1, width: values.len, from: whole, to: whole, reversed: false };
        self.op(copy, CopyRowsPorts { values, out });
    }

    /// Records a kernel over views by the names of its ports. A view may be longer than the kernel needs; a view for a port that
    /// the kernel's options leave out is ignored.
    pub fn op<F: Family + 'static>(&mut self, kernel: F, ports: <F::Ports as Ports>::Of<Views>) {
        self.op_dyn(Arc::new(kernel), F::Ports::list(ports));
    }

    /// [`Recorder::op`] for a kernel of unknown family, over views in binding order.
    pub fn op_dyn(&mut self, kernel: Arc<dyn Kernel>, views: Vec<Option<View>>) {
        let op = self.made(kernel, &views);
        self.ops.extend(op);
    }

    /// The op, unless it is refused.
    fn made(&mut self, kernel: Arc<dyn Kernel>, views: &[Option<View>]) -> Option<Op> {
        let scope = self.scopes.last().cloned().unwrap_or_default();
        match self.bound(&*kernel, views, &scope) {
            Ok(args) => Some(Op { scope, kernel, args }),
            Err(error) => {
                self.refuse(error);
                None
            }
        }
    }

    /// The views that a kernel is bound to: a scratch buffer for a port that is left out.
    fn bound(&mut self, kernel: &dyn Kernel, views: &[Option<View>], scope: &str) -> Result<Vec<View>> {
        let wrong = |found: String, expected: String| {
            let place = format!("{scope}: {}", kernel.name());
            Error::invalid(place, found, expected, "report this as a bug of autorot")
        };
        let (lens, bindings) = (kernel.lens(), kernel.bindings());
        if views.len() != bindings.len() {
            return Err(wrong(format!("{} views", views.len()), format!("{} ports", bindings.len())));
        }
        let mut args = Vec::with_capacity(views.len());
        for ((view, len), binding) in views.iter().zip(lens).zip(bindings) {
            args.push(match (view, len) {
                (Some(view), Some(_)) => *view,
                (_, None) => self.scratch(UNUSED),
                (None, Some(len)) => {
                    return Err(wrong(
                        format!("no view for {}", binding.name),
                        format!("one of {len} elements"),
                    ));
                }
            });
        }
        self.check(kernel, &args, scope)?;
        Ok(args)
    }

    /// Records a kernel for the end of the step, when it is known whether all of its numbers are finite: for kernels, other
    /// than the optimiser's, that change what a model keeps.
    pub fn defer<F: Family + 'static>(&mut self, kernel: F, ports: <F::Ports as Ports>::Of<Views>) {
        let op = self.made(Arc::new(kernel), &F::Ports::list(ports));
        self.deferred.extend(op);
    }

    /// How many kernels are recorded so far, without the deferred ones.
    pub(crate) fn ops(&self) -> usize {
        self.ops.len()
    }

    /// Records the deferred kernels, at the end of the step or at the latest of the plan.
    pub fn record_deferred(&mut self) {
        self.ops.append(&mut self.deferred);
    }

    /// Refuses the plan: [`Recorder::finish`] returns the first error.
    pub fn refuse(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// Where parameters are frozen, drops the ops that only serve their gradients.
    fn leave_out_unneeded(&mut self) {
        let frozen = self.arena.frozen_ranges();
        let Some(&gradients) = self.shared.get(keys::GRADIENTS).filter(|_| !frozen.is_empty()) else {
            return;
        };
        let unneeded = |view: &View| {
            let within = |range: &std::ops::Range<usize>| {
                range.start <= view.offset && view.offset + view.len <= range.end.next_multiple_of(ALIGNMENT)
            };
            view.buffer == gradients && frozen.iter().any(within)
        };
        let is_scratch = |buffer: &Buffer| matches!(buffer.home, Home::Scratch(_));
        let mut needed: Vec<bool> = self.buffers.iter().map(|buffer| !is_scratch(buffer)).collect();
        self.kept.iter().for_each(|&buffer| needed[buffer] = true);
        // From the end: an op is needed if it writes what is needed.
        let mut keep: Vec<bool> = Vec::with_capacity(self.ops.len());
        for op in self.ops.iter().rev() {
            let written = op.args.iter().zip(op.kernel.bindings()).filter(|(_, b)| b.access != Access::Read);
            let is_needed = written.into_iter().any(|(view, _)| needed[view.buffer] && !unneeded(view));
            if is_needed {
                op.args.iter().for_each(|view| needed[view.buffer] = true);
            }
            keep.push(is_needed);
        }
        let mut keep = keep.into_iter().rev();
        self.ops.retain(|_| keep.next().unwrap_or(true));
    }

    /// Lays out the memory.
    ///
    /// # Errors
    /// The first error met while recording.
    pub fn finish(mut self, name: impl Into<String>) -> Result<Plan> {
        self.record_deferred();
        if let Some(error) = self.error {
            return Err(error);
        }
        self.leave_out_unneeded();
        let scratch = memory::assign(&mut self.buffers, &self.ops, &self.kept);
        let Self { batch, buffers, ops, meetings, .. } = self;
        Ok(Plan { name: name.into(), batch, buffers, scratch, ops, meetings: meetings.all })
    }
}

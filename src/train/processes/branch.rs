//! The branch of the tree below the own micro-batches: their gradients are summed on the device, and the host sees no more than the sum of all.

use super::pieces::Pieces;
use crate::device::{Program, Values};
use crate::kernel::{Accumulate, AccumulatePorts, Element, rates};
use crate::optimizer::spans;
use crate::plan::arena::Arena;
use crate::plan::{Plan, Purpose, Recorder, View};
use crate::train::compile::Compiler;
use crate::{Model, Result};
use std::sync::Arc;

/// The row of rates with which a gradient is taken, and the one with which two sums are added.
const TAKEN: &str = "rates of a micro-batch";
const ADDED: &str = "rates of a sum of micro-batches";

/// The sum that `before` others wait in front of, each for its right neighbour. The first has the sum of all in the end.
fn sum(before: usize) -> String {
    format!("sum {before} of micro-batches")
}

/// Where the sum over all own micro-batches is found.
pub(super) fn whole() -> String {
    sum(0)
}

/// A program that takes the gradient of a micro-batch.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) program: Program,
    /// How many of its ops take each piece and those before.
    pub(super) ready: Arc<[usize]>,
}

/// The programs that sum.
#[derive(Debug, Default)]
pub(super) struct Branch {
    /// One for each own micro-batch.
    programs: Vec<Sum>,
}

/// What is done with the gradient of a micro-batch.
#[derive(Clone, Copy)]
struct Taking {
    /// How many sums wait.
    waiting: usize,
    /// How many of them it completes: each is added to the one before.
    completed: usize,
    /// Whether it goes straight onto the sum that waits for it. On a GPU it does not: compilers may fuse its multiplication with the sum,
    /// which leaves other bits than the host makes of the sums of two processes.
    straight: bool,
}

impl Taking {
    fn new(place: usize, gpu: bool) -> Self {
        let completed = place.trailing_ones() as usize;
        Self { waiting: place.count_ones() as usize, completed, straight: completed > 0 && !gpu }
    }

    /// Records it for a stretch of the gradient; returns the number of ops.
    fn record(
        self,
        rec: &mut Recorder<'_>,
        (gradient, arena): (&str, &Arena),
        (first, count): (usize, usize),
    ) -> usize {
        let float = |rec: &mut Recorder<'_>, key: &str| rec.shared(key, Element::Float, arena.len());
        let gradient = float(rec, gradient);
        let to = self.waiting - usize::from(self.straight);
        let sums: Vec<View> = (0..=to).map(|before| float(rec, &sum(before))).collect();
        add(rec, TAKEN, (first, count), gradient, sums[to]);
        let added = (self.waiting - self.completed..to).rev();
        added.clone().for_each(|before| add(rec, ADDED, (first, count), sums[before + 1], sums[before]));
        1 + added.len()
    }
}

/// Records an addition.
fn add(rec: &mut Recorder<'_>, by: &str, (first, count): (usize, usize), from: View, to: View) {
    let ports = AccumulatePorts {
        gradient: rec.part(from, first, count),
        rates: Some(rec.shared(by, Element::Float, rates::LEN)),
        shares: None,
        clock: rec.clock(),
        total: rec.part(to, first, count),
    };
    rec.op(Accumulate { count, slots: 1, shared: false }, ports);
}

/// Says by what the next gradient is multiplied, and whether a sum waits for it.
pub(super) fn weigh(model: &mut Model, factor: f64, straight: bool) -> Result<()> {
    model.executor.write(TAKEN, 0, Values::F64(&rates::row([0.0; 4], factor, !straight)))
}

/// Records that the gradient is a multiple of the sum of all.
pub(super) fn record_multiple(rec: &mut Recorder<'_>, arena: &Arena, gradient: View) {
    let whole = rec.shared(&whole(), Element::Float, arena.len());
    spans(arena.len()).for_each(|span| add(rec, TAKEN, span, whole, gradient));
}

impl Branch {
    /// Binds the programs for micro-batches whose gradients have these names.
    pub(super) fn compile(
        &mut self,
        gradients: &[String],
        pieces: &Pieces,
        model: &mut Model,
        compiler: &mut Compiler,
    ) -> Result<()> {
        if !self.programs.is_empty() {
            return Ok(());
        }
        let (len, gpu) = (model.network.arena().len(), model.device.is_gpu());
        for before in 0..=gradients.len().ilog2() as usize {
            model.executor.allocate(&sum(before), Element::Float, len)?;
        }
        for key in [TAKEN, ADDED] {
            model.executor.allocate(key, Element::Float, rates::LEN)?;
            model.executor.write(key, 0, Values::F64(&rates::row([0.0; 4], 1.0, false)))?;
        }
        for (place, gradient) in gradients.iter().enumerate() {
            let taking = Taking::new(place, gpu);
            let (plan, ready) = Self::plan(taking, pieces, (gradient, model.network.arena()))?;
            let program = compiler.bind(model, &plan)?;
            self.programs.push(Sum { program, ready: ready.into() });
        }
        Ok(())
    }

    fn plan(taking: Taking, pieces: &Pieces, of: (&str, &Arena)) -> Result<(Plan, Vec<usize>)> {
        let mut rec = Recorder::new(Purpose::Train, 1, of.1);
        let mut ops = 0;
        let mut of_piece = |piece: &std::ops::Range<usize>| {
            for (first, count) in spans(piece.len()) {
                ops += taking.record(&mut rec, of, (piece.start + first, count));
            }
            ops
        };
        let ready = pieces.gradient.iter().map(&mut of_piece).collect();
        Ok((rec.finish("sums of micro-batches")?, ready))
    }

    /// The program for the own micro-batch at this place, and whether it takes the gradient straight onto a sum that waits for it.
    pub(super) fn of(&self, place: usize, gpu: bool) -> (Sum, bool) {
        (self.programs[place].clone(), Taking::new(place, gpu).straight)
    }

    /// How many ops they have together.
    pub(super) fn ops(&self) -> usize {
        self.programs.iter().filter_map(|sum| sum.ready.last()).sum()
    }

    /// Frees what the device holds for it.
    pub(super) fn close(&self, own: usize, model: &mut Model) {
        self.programs.iter().for_each(|sum| model.executor.release(sum.program));
        (0..=own.ilog2() as usize).for_each(|before| model.executor.free(&sum(before)));
        [TAKEN, ADDED].iter().for_each(|key| model.executor.free(key));
    }
}

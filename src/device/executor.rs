//! What runs plans: keeps one model's buffers on a device, and runs what was bound.

use super::GpuExecutor;
use crate::kernel::Element;
use crate::plan::{Plan, View};
use crate::{Error, Result};
use std::ops::Range;
use std::pin::Pin;

/// A future of an executor; not `Send`, so that a browser's may be one.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Numbers to write to a buffer; executors convert them to their own type.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision.
    F64(&'a [f64]),
    /// Integers.
    U32(&'a [u32]),
}

impl Values<'_> {
    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::U32(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the values are.
    pub fn element(&self) -> Element {
        if matches!(self, Self::U32(_)) { Element::Index } else { Element::Float }
    }
}

/// A bound plan's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program(pub(crate) usize);

/// Programs by number; the numbers of released ones are given again.
#[derive(Debug)]
pub(super) struct Programs<B>(Vec<Option<B>>);

impl<B> Default for Programs<B> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<B> Programs<B> {
    pub(super) fn add(&mut self, bound: B) -> Program {
        let place = self.0.iter().position(Option::is_none).unwrap_or_else(|| {
            self.0.push(None);
            self.0.len() - 1
        });
        self.0[place] = Some(bound);
        Program(place)
    }

    pub(super) fn get(&self, program: Program) -> Result<&B> {
        self.0.get(program.0).and_then(Option::as_ref).ok_or_else(|| {
            Error::invalid(
                "program",
                format!("{program:?}"),
                "a bound program",
                "bind the plan before running it",
            )
        })
    }

    /// How long each of so many scratch slots must be for all that are bound, of which `scratch` tells it.
    pub(super) fn scratch<'b>(&'b self, slots: usize, scratch: impl Fn(&'b B) -> &'b [usize]) -> Vec<usize> {
        let mut wanted = vec![0; slots];
        for bound in self.0.iter().flatten() {
            wanted.iter_mut().zip(scratch(bound)).for_each(|(most, &len)| *most = len.max(*most));
        }
        wanted
    }

    /// Those that are bound.
    pub(super) fn bound(&mut self) -> impl Iterator<Item = &mut B> {
        self.0.iter_mut().flatten()
    }

    pub(super) fn release(&mut self, program: Program) {
        if let Some(place) = self.0.get_mut(program.0) {
            *place = None;
        }
    }
}

/// Those of some ops that are in a range.
pub(super) fn within<O>(ops: &[O], range: Range<usize>) -> &[O] {
    let end = range.end.min(ops.len());
    &ops[range.start.min(end)..end]
}

/// Keeps one model's buffers on a device and runs its plans. Shared buffers have names; each is
/// allocated once, filled with zeros.
pub trait Executor: wgpu::WasmNotSend {
    /// Allocates a shared buffer, unless one of this name and length is there. One of another length is replaced; no
    /// bound program may still use it.
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()>;

    /// Gives a shared buffer's memory back. No bound program may use it any more.
    fn free(&mut self, key: &str);

    /// Fills a shared buffer with zeros, if it is there.
    fn clear(&mut self, key: &str) -> Result<()>;

    /// Writes into a shared buffer from `offset` on.
    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()>;

    /// Reads numbers of a shared buffer as they are after everything that was run before this call; the future waits for
    /// the device, and more can be run meanwhile. Exact, since f32 fits into f64.
    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>>;

    /// Reads integers of a shared buffer, as [`Executor::read`].
    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>>;

    /// Prepares everything that running the plan needs. Its shared buffers must have been allocated; what its kernels write may
    /// be overwritten, where they are timed.
    fn bind(&mut self, plan: &Plan) -> Result<Program>;

    /// Whether binding the plan compiles kernels that this device has not had before.
    fn compiles(&self, plan: &Plan) -> bool {
        let _ = plan;
        false
    }

    /// Forgets a program.
    fn release(&mut self, program: Program);

    /// Runs a program's ops `times` times in a row.
    fn run(&mut self, program: Program, times: usize) -> Result<()>;

    /// Runs those of a program's ops that are in this range, as far as there are any, once.
    fn run_ops(&mut self, program: Program, ops: Range<usize>) -> Result<()>;

    /// Reads a kept scratch buffer, or any shared one, as the program sees it.
    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>>;

    /// Bytes of all buffers that were made on the device and are still held, whatever for; without borrowed ones.
    fn bytes(&self) -> u64;

    /// The executor itself where it is a GPU's, for what only wgpu has.
    fn gpu(&mut self) -> Option<&mut GpuExecutor> {
        None
    }
}

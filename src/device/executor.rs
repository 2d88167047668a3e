//! Executors: they keep one model's buffers on a device and run bound plans.

use super::GpuExecutor;
use crate::kernel::Element;
use crate::plan::{Plan, View};
use crate::real::{Numbers, Part};
use crate::{Error, Result};
use std::ops::Range;
use std::pin::Pin;

/// A future of an executor; not `Send`, so that it works in browsers.
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

impl<'n> From<Part<'n>> for Values<'n> {
    fn from(part: Part<'n>) -> Self {
        match part {
            Part::Single(v) => Self::F32(v),
            Part::Double(v) => Self::F64(v),
        }
    }
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

    /// The element type of the values.
    pub fn element(&self) -> Element {
        if matches!(self, Self::U32(_)) { Element::Index } else { Element::Float }
    }
}

/// A bound plan's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Program(pub(crate) usize);

/// Programs by number; the numbers of released ones are reused.
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

    /// The required length of each of `slots` scratch slots, over all bound programs; `scratch` returns a program's lengths.
    pub(super) fn scratch<'b>(&'b self, slots: usize, scratch: impl Fn(&'b B) -> &'b [usize]) -> Vec<usize> {
        let mut wanted = vec![0; slots];
        for bound in self.0.iter().flatten() {
            wanted.iter_mut().zip(scratch(bound)).for_each(|(most, &len)| *most = len.max(*most));
        }
        wanted
    }

    /// The bound programs.
    pub(super) fn bound(&mut self) -> impl Iterator<Item = &mut B> {
        self.0.iter_mut().flatten()
    }

    pub(super) fn release(&mut self, program: Program) {
        if let Some(place) = self.0.get_mut(program.0) {
            *place = None;
        }
    }
}

/// The ops in a range.
pub(super) fn within<O>(ops: &[O], range: Range<usize>) -> &[O] {
    let end = range.end.min(ops.len());
    &ops[range.start.min(end)..end]
}

/// Keeps one model's buffers on a device and runs its plans. Shared buffers have names; each is allocated once, filled with zeros.
pub trait Executor: wgpu::WasmNotSend {
    /// Allocates a shared buffer, unless there is one with this name and length. One of another length is replaced; no bound program may
    /// still use it.
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()>;

    /// Frees a shared buffer. No bound program may use it any more.
    fn free(&mut self, key: &str);

    /// Fills a shared buffer with zeros, if it exists.
    fn clear(&mut self, key: &str) -> Result<()>;

    /// Writes into a shared buffer from `offset` on.
    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()>;

    /// Reads numbers from a shared buffer, as they are after everything run before this call. The future waits for the device, and more
    /// can be run meanwhile. Exact, since f32 fits into f64.
    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>>;

    /// Reads numbers from a shared buffer in the device's own precision, like [`Executor::read`].
    fn read_own(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Numbers>>;

    /// Reads integers from a shared buffer, like [`Executor::read`].
    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>>;

    /// Prepares everything needed to run the plan. Its shared buffers must have been allocated; timing kernels may overwrite what they
    /// write.
    fn bind(&mut self, plan: &Plan) -> Result<Program>;

    /// Whether binding the plan compiles kernels that are new to this device.
    fn compiles(&self, plan: &Plan) -> bool {
        let _ = plan;
        false
    }

    /// Releases a program.
    fn release(&mut self, program: Program);

    /// Runs a program's ops `times` times in a row.
    fn run(&mut self, program: Program, times: usize) -> Result<()>;

    /// Runs those of a program's ops that lie in this range once.
    fn run_ops(&mut self, program: Program, ops: Range<usize>) -> Result<()>;

    /// Reads a kept scratch buffer, or any shared one, as the program sees it.
    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>>;

    /// The size in bytes of all buffers made on the device and still held for any purpose, without borrowed ones.
    fn bytes(&self) -> u64;

    /// The executor itself if it is a GPU's, for what only wgpu has.
    fn gpu(&mut self) -> Option<&mut GpuExecutor> {
        None
    }
}

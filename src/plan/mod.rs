//! The plan: what layers, losses and optimisers record, and what every executor runs. A plan is a list of
//! kernels over numbered buffers for one batch size; it names no device.

pub mod arena;
mod check;
mod meeting;
mod memory;
mod recorder;
mod softmax;
mod sums;

pub use meeting::{Meeting, Met};
pub use recorder::{Course, Purpose, Recorder};
pub(crate) use sums::FEW;

pub use crate::kernel::ALIGNMENT;
use crate::kernel::{Each, Element, Kernel};
use std::sync::Arc;

/// Where a buffer lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Home {
    /// Kept by the executor under this name and shared by all plans: parameters, data, the clock.
    Shared(String),
    /// One of the plan's own slots, reused after its last reader.
    Scratch(usize),
}

/// A numbered buffer of a plan.
#[derive(Clone, Debug)]
pub struct Buffer {
    /// Where it lives.
    pub home: Home,
    /// What it holds.
    pub element: Element,
    /// How many elements.
    pub len: usize,
}

/// A stretch of a buffer: what an op binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The buffer's number.
    pub buffer: usize,
    /// The first element, a multiple of [`ALIGNMENT`].
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

/// Views at a kernel's ports.
pub type Views = Each<View>;

/// One kernel over its views.
#[derive(Clone, Debug)]
pub struct Op {
    /// The path of the layer that recorded it, or a part of the step, for errors.
    pub scope: String,
    /// What runs.
    pub kernel: Arc<dyn Kernel>,
    /// The views in the order of the kernel's bindings.
    pub args: Vec<View>,
}

impl Plan {
    /// The buffers in which layers keep their states, with their lengths.
    pub fn states(&self) -> impl Iterator<Item = (&str, usize)> {
        self.buffers.iter().filter_map(|buffer| match &buffer.home {
            Home::Shared(key) if key.starts_with(arena::keys::STATE) => Some((key.as_str(), buffer.len)),
            _ => None,
        })
    }

    /// The largest batch with which a buffer of `bytes` would take at most `limit`; `None` if its size does not depend on the
    /// batch.
    pub fn batch_within(&self, buffer: usize, bytes: u64, limit: u64) -> Option<u64> {
        let home = &self.buffers[buffer].home;
        matches!(home, Home::Scratch(_)).then(|| self.batch as u64 * limit / bytes.max(1))
    }
}

/// A recorded computation, laid out in memory.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it is for, with its batch size: `Train 128`.
    pub name: String,
    /// The rows of its batch.
    pub batch: usize,
    /// The numbered buffers.
    pub buffers: Vec<Buffer>,
    /// The length of every scratch slot.
    pub scratch: Vec<usize>,
    /// The ops in order.
    pub ops: Vec<Op>,
    /// What is worked out together with other micro-batches of the step.
    pub meetings: Vec<Meeting>,
}

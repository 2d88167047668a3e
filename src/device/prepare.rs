//! Compiling ahead of time.

use super::compiled::Shader;
use super::gpu::{GpuExecutor, op_place};
use crate::Result;
use crate::kernel::Kernel;
use crate::plan::Plan;
use std::collections::VecDeque;
use std::sync::Arc;
use web_time::{Duration, Instant};

/// Compiles the kernels that a training or a prediction will need, in advance: a few in every frame, or all on another thread. They are
/// shared by all clones of the [`Device`](crate::Device), so whatever is made on one of them afterwards finds them compiled.
///
/// The work is added by functions such as [`Prepare::learner`], which record it at once and compile nothing yet; the network is from
/// [`Sequential::network`](crate::Sequential::network), which needs no device. Then [`Prepare::run_within`] or [`Prepare::run`] compiles.
///
/// ```
/// use autorot::embed::TargetKind;
/// use autorot::*;
/// use std::time::Duration;
///
/// # fn main() -> Result<()> {
/// # let device = Device::cpu();
/// let net = Sequential::new([2]).add(Dense::new(16).activation(Activation::Tanh)).add(Dense::new(3));
/// let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(512);
/// let network = net.network(1)?;
/// let mut prepare = device
///     .prepare()
///     .learner(&network, &trainer, 4096, TargetKind::Values)?
///     .forward(&network, 4096)?;
/// // Every frame, while the application shows something else:
/// while !prepare.run_within(Duration::from_millis(2))? {}
/// // Learner::new and Forward::new compile nothing now.
/// let model = net.build(&device, 1)?;
/// # assert_eq!(prepare.remaining(), 0);
/// # Ok(())
/// # }
/// ```
///
/// It may be sent to another thread, unless the device uses OpenGL ([why](crate::docs::devices)). Whoever needs a kernel that is being
/// compiled waits for it; other kernels are compiled in parallel.
#[derive(Debug)]
pub struct Prepare {
    /// `None` on a CPU, where there is nothing to compile.
    gpu: Option<GpuExecutor>,
    /// What is left to compile.
    work: VecDeque<Work>,
}

#[derive(Debug)]
enum Work {
    /// A kernel, and its name in errors.
    Kernel(Arc<dyn Kernel>, String),
    Shader(Shader),
}

impl Prepare {
    pub(super) fn new(gpu: Option<GpuExecutor>) -> Self {
        Self { gpu, work: VecDeque::new() }
    }

    /// Adds the kernels of a plan.
    pub fn plan(mut self, plan: &Plan) -> Self {
        if self.gpu.is_some() {
            self.work.extend(plan.ops.iter().map(|op| Work::Kernel(op.kernel.clone(), op_place(plan, op))));
        }
        self
    }

    /// Adds a shader that is not a kernel of a plan.
    pub(crate) fn shader(mut self, shader: Shader) -> Self {
        if self.gpu.is_some() {
            self.work.push_back(Work::Shader(shader));
        }
        self
    }

    /// Compiles kernels until `budget` is spent, at least one that is not compiled yet; returns whether none is left. The last one may
    /// exceed the budget: a driver takes from some milliseconds to some tens of them.
    ///
    /// # Errors
    /// The device's errors; the kernel at fault is tried again by the next call.
    pub fn run_within(&mut self, budget: Duration) -> Result<bool> {
        let Some(gpu) = &self.gpu else { return Ok(true) };
        let (begin, mut compiled) = (Instant::now(), false);
        while let Some(work) = self.work.front() {
            if compiled && begin.elapsed() >= budget {
                return Ok(false);
            }
            compiled |= match work {
                Work::Kernel(kernel, place) => gpu.compile(&**kernel, place)?,
                Work::Shader(shader) => gpu.compile_shader(shader)?,
            };
            self.work.pop_front();
        }
        gpu.keep_compiled();
        Ok(true)
    }

    /// Compiles everything that is left.
    ///
    /// # Errors
    /// The device's errors.
    pub fn run(&mut self) -> Result<()> {
        self.run_within(Duration::MAX).map(drop)
    }

    /// The number of kernel uses that remain to be checked. Kernels that are already compiled, or used several times, cost almost
    /// nothing.
    pub fn remaining(&self) -> usize {
        self.work.len()
    }
}

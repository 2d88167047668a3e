//! Training by several processes: one for each GPU, on one host or several, with the same bits whatever their number.
//!
//! [`Trainer::processes`] takes whatever carries bytes between processes: `Mpi` under the feature `mpi`, [`Threads`] within one
//! process, or an engine of your own, which is a [`Processes`]. The guide's page on
//! [several machines](crate::docs::guide::several_machines) tells how to start them, and what is the same to the bit.

mod account;
mod begin;
mod branch;
mod checks;
mod courier;
mod end;
mod evaluate;
mod job;
mod look;
mod meeting;
mod micro;
#[cfg(feature = "mpi")]
mod mpi;
mod pieces;
mod place;
mod share;
mod step;
mod team;
mod threads;
mod tree;
mod wire;

pub use job::of_job;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
pub use place::{device_for, threads_of};
pub use threads::Threads;

pub(super) use evaluate::SharedEvaluator;
pub(super) use share::Share;
pub(super) use step::On;
pub(super) use team::Team;

use super::Trainer;
use crate::Result;
use std::fmt::Debug;
use std::sync::Arc;
use web_time::Duration;

/// How processes that train together carry bytes to each other: each calls this with its own rank, and all make the same calls in the same
/// order.
///
/// What is sent from one rank to another arrives whole and in the order in which it was sent. No method is called by two threads of a process
/// at once, but which thread calls may change.
///
/// ```
/// use autorot::train::processes::{Processes, Threads};
///
/// let ranks = Threads::new(2)?;
/// std::thread::scope(|scope| {
///     for own in &ranks {
///         scope.spawn(move || {
///             let mut received = Vec::new();
///             own.exchange(1 - own.rank(), &[own.rank() as u8], &mut received).unwrap();
///             assert_eq!(received, [1 - own.rank() as u8]);
///         });
///     }
/// });
/// # Ok::<(), autorot::Error>(())
/// ```
pub trait Processes: Debug + Send + Sync {
    /// This process's number, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn size(&self) -> usize;

    /// The name of this process's host, for messages.
    fn host(&self) -> &str;

    /// This process's number among those on its host, from 0, and how many these are.
    fn local(&self) -> (usize, usize);

    /// Sends bytes to another process; may wait until they are received.
    ///
    /// # Errors
    /// The other process cannot be reached, or does not receive in time.
    fn send(&self, to: usize, bytes: &[u8]) -> Result<()>;

    /// Receives what another process sent next, in place of what `received` holds.
    ///
    /// # Errors
    /// The other process cannot be reached, or sends nothing in time.
    fn receive(&self, from: usize, received: &mut Vec<u8>) -> Result<()>;

    /// Receives what another process sent next, if it has arrived; returns whether it has.
    ///
    /// # Errors
    /// The other process cannot be reached.
    fn try_receive(&self, from: usize, received: &mut Vec<u8>) -> Result<bool>;

    /// Sends bytes to another process, and receives what that one sends meanwhile: neither waits for the other to receive first.
    ///
    /// # Errors
    /// Those of [`Processes::send`] and [`Processes::receive`].
    fn exchange(&self, with: usize, bytes: &[u8], received: &mut Vec<u8>) -> Result<()>;

    /// How long other processes wait for word of this one. A process that has failed stays as long, unless all others have heard of it.
    fn longest_wait(&self) -> Duration {
        PATIENCE
    }
}

/// How long processes wait for each other unless they are told otherwise: one may be reading data or compiling kernels.
const PATIENCE: Duration = Duration::from_secs(600);

impl<P: Processes + ?Sized> Processes for Arc<P> {
    fn rank(&self) -> usize {
        (**self).rank()
    }

    fn size(&self) -> usize {
        (**self).size()
    }

    fn host(&self) -> &str {
        (**self).host()
    }

    fn local(&self) -> (usize, usize) {
        (**self).local()
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        (**self).send(to, bytes)
    }

    fn receive(&self, from: usize, received: &mut Vec<u8>) -> Result<()> {
        (**self).receive(from, received)
    }

    fn try_receive(&self, from: usize, received: &mut Vec<u8>) -> Result<bool> {
        (**self).try_receive(from, received)
    }

    fn exchange(&self, with: usize, bytes: &[u8], received: &mut Vec<u8>) -> Result<()> {
        (**self).exchange(with, bytes, received)
    }

    fn longest_wait(&self) -> Duration {
        (**self).longest_wait()
    }
}

/// Does what a program does before or after a training that processes share, such as reading data or writing files, which may be another
/// thing on every rank: if it fails on one, all return an error, and nobody waits for it.
///
/// # Errors
/// Those of `work`; [`Error::Process`](crate::Error::Process) with that of another rank.
pub fn together<T>(processes: &Arc<dyn Processes>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    super::run::concluded(&Team::new(processes.clone()), work(), |_| false)
}

/// Bytes of rank 0 on every rank, such as the settings that it has read; what the others give is dropped.
///
/// # Errors
/// Those of [`Processes::send`] and [`Processes::receive`]; [`Error::Process`](crate::Error::Process) with the error of a rank that has ended.
pub fn from_first(processes: &Arc<dyn Processes>, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let team = Team::new(processes.clone());
    super::run::concluded(&team, team.first_has(bytes), |_| false)
}

/// The number of micro-batches of a step unless it is set.
const MICRO_BATCHES: usize = 8;

impl Trainer<'_> {
    /// Trains together with other processes, all of which run the same program over the same data: each computes its share of every step's
    /// batch, and all make the same update of the summed gradient. The number of processes is a power of two that divides
    /// [`Trainer::micro_batches`]; weights and history have the same bits for each such number, on the same kind of device.
    ///
    /// Parameters, moments and counters start as rank 0 has them. Progress is shown, and checkpoints are written and read, by rank 0 alone;
    /// callbacks are called on every rank with the same figures, and a rank whose callback ends the training ends it for all. If a rank
    /// fails, all return an error that names it.
    ///
    /// ```
    /// use autorot::train::processes::Threads;
    /// use autorot::{Adam, Dense, Device, Flatten, Loss, Sequential, Trainer, data::Glyphs};
    ///
    /// let data = Glyphs { train: 256, test: 64, seed: 1 }.load()?.train;
    /// let train = |own: Threads| {
    ///     let net = Sequential::for_data(&data).add(Flatten).add(Dense::new(Glyphs::names().len()));
    ///     let mut model = net.build(&Device::cpu(), 1)?;
    ///     let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).epochs(1).batch(64).processes(own);
    ///     trainer.fit(&mut model, &data, None)?;
    ///     Ok::<_, autorot::Error>(model.weights()?)
    /// };
    /// let weights = std::thread::scope(|scope| {
    ///     let ranks = Threads::new(2)?.into_iter().map(|own| scope.spawn(|| train(own))).collect::<Vec<_>>();
    ///     ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<autorot::Result<Vec<_>>>()
    /// })?;
    /// assert_eq!(weights[0], weights[1]);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    pub fn processes(mut self, processes: impl Processes + 'static) -> Self {
        self.processes = Some(Arc::new(processes));
        self.recipe.micro_batches.get_or_insert(MICRO_BATCHES);
        self
    }

    /// Sets into how many micro-batches each step's batch is cut, a power of two; 8 by default with [`Trainer::processes`], and without, none.
    /// The gradients of the micro-batches are summed along one binary tree over their places, and each has its own random numbers, so that
    /// results do not depend on which process computes which. Batch normalisation takes the statistics of a micro-batch, and keeps
    /// averages over all, unless it is [synchronised](crate::BatchNorm::synchronized). Rows are dealt out evenly, the first micro-batches of a step that is not divisible have one more.
    ///
    /// Without [`Trainer::processes`], one process computes all of them, with the bits that several would have.
    pub fn micro_batches(mut self, count: usize) -> Self {
        self.recipe.micro_batches = Some(count);
        self
    }
}

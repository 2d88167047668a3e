//! Processes that MPI has started, on one host or several.

use super::{PATIENCE, Processes};
use crate::{Error, Result};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::point_to_point::Status;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Equivalence, Source};
use std::collections::VecDeque;
use std::io::Write;
use web_time::{Duration, Instant};

/// The tag of all messages.
const TAG: i32 = 4217;

/// The longest message: MPI counts in 32 bits. Longer ones go in parts, the last of which is shorter.
const PART: usize = 1 << 30;

/// One of the processes that `mpirun` or `srun` has started: what MPI calls its world.
///
/// ```no_run
/// use autorot::train::processes::{Mpi, Processes, device_for, together};
/// use autorot::{Adam, Dataset, Dense, Loss, Sequential, Trainer};
/// use std::sync::Arc;
///
/// // mpirun -n 4 program
/// let own: Arc<dyn Processes> = Arc::new(Mpi::new()?);
/// let (data, mut model) = together(&own, || {
///     let data = Dataset::values([1], vec![0.0, 1.0], [1], vec![1.0, 0.0])?;
///     let model = Sequential::for_data(&data).add(Dense::new(1)).build(&device_for(&own, None)?, 1)?;
///     Ok((data, model))
/// })?;
/// let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).processes(own);
/// trainer.fit(&mut model, &data, None)?;
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// Whatever can fail before the training, and after it, belongs in [`together`](super::together): a process that returned an error on its own
/// would wait in MPI's end for the others, and these in their first step for it.
///
/// A process that dies ends the job: MPI sees to that, or the others do once they have waited for [`Mpi::patience`]. MPI itself ends when this
/// is dropped, which is when all processes have come so far.
#[derive(Debug)]
pub struct Mpi {
    rank: usize,
    size: usize,
    host: String,
    local: (usize, usize),
    patience: Duration,
    /// Ends MPI when it is dropped.
    _universe: Kept,
}

/// MPI, as long as it runs.
struct Kept(Universe);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Universe").field("buffer", &self.0.buffer_size()).finish()
    }
}

impl Mpi {
    /// Begins MPI, once in a program.
    ///
    /// # Errors
    /// MPI has been begun before; one that cannot be called by different threads one after another; a step of Slurm's with several tasks that
    /// know nothing of each other.
    pub fn new() -> Result<Self> {
        if !is_told() && tasks() > 1 {
            return Err(Error::invalid(
                "Mpi::new",
                format!("a step of {} tasks, of which Slurm tells MPI nothing", tasks()),
                "tasks that know of each other",
                "start them with `srun --mpi=pmix`; `srun --mpi=list` names what else there is",
            ));
        }
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized) else {
            return Err(Error::invalid(
                "Mpi::new",
                "MPI that runs already, or has ended",
                "a program that begins it here",
                "begin it once, and share it in an Arc",
            ));
        };
        if threading < Threading::Serialized {
            return Err(Error::invalid(
                "Mpi::new",
                format!("an MPI whose threads are {threading:?}"),
                "Serialized: a thread of its own sends gradients while the device works",
                "use an MPI that was built with threads, as Debian's are",
            ));
        }
        let world = SimpleCommunicator::world();
        let host = mpi::environment::processor_name().unwrap_or_else(|_| "an unnamed host".to_owned());
        let (rank, size) = (world.rank(), world.size());
        let local = world.split_shared(rank);
        let number = |rank: i32| usize::try_from(rank).unwrap_or(0);
        Ok(Self {
            rank: number(rank),
            size: number(size),
            host,
            local: (number(local.rank()), number(local.size())),
            patience: PATIENCE,
            _universe: Kept(universe),
        })
    }

    /// Whether `mpirun`, `mpiexec` or `srun` has started this process, by the environment that they set.
    pub fn has_started() -> bool {
        is_told() || tasks() > 1
    }

    /// Sets how long to wait for another process, which may be reading data or compiling kernels, before the job is ended; 10 minutes by
    /// default. Processes that die are noticed by MPI at once.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Ends the job: the last resort, since it ends all processes without another word.
    fn abort(&self, reason: &str) -> ! {
        let text = format!("error: rank {} on {}: {reason}; all ranks end here\n", self.rank, self.host);
        // Nobody can be told if this fails.
        let _ = std::io::stderr().write_all(text.as_bytes());
        SimpleCommunicator::world().abort(1)
    }

    /// Sends and receives, each if asked to, neither waiting for the other.
    fn transfer(&self, sent: Option<(usize, &[u8])>, received: Option<(usize, &mut Vec<u8>)>) {
        let world = SimpleCommunicator::world();
        let mut parts: VecDeque<&[u8]> = VecDeque::new();
        if let Some((_, mut bytes)) = sent {
            while bytes.len() >= PART {
                let (part, rest) = bytes.split_at(PART);
                parts.push_back(part);
                bytes = rest;
            }
            parts.push_back(bytes);
        }
        let to = world.process_at_rank(sent.map_or(0, |(to, _)| to as i32));
        let other = received.as_ref().map(|(from, _)| *from).or(sent.map(|(to, _)| to)).unwrap_or(0);
        let mut receiving = received.map(|(from, bytes)| {
            bytes.clear();
            (world.process_at_rank(from as i32), bytes)
        });
        mpi::request::scope(|scope| {
            let mut request = None;
            let (mut since, mut rounds) = (Instant::now(), 0_u32);
            while request.is_some() || !parts.is_empty() || receiving.is_some() {
                let mut moved = false;
                request = match request.take() {
                    None => parts.pop_front().map(|part| to.immediate_send_with_tag(scope, part, TAG)),
                    Some(sending) => match mpi::request::Request::test(sending) {
                        Ok(_) => {
                            moved = true;
                            None
                        }
                        Err(sending) => Some(sending),
                    },
                };
                if let Some((from, bytes)) = &mut receiving
                    && let Some((message, status)) = from.immediate_matched_probe_with_tag(TAG)
                {
                    let (begin, count) = (bytes.len(), count(&status));
                    bytes.resize(begin + count, 0);
                    message.matched_receive_into(&mut bytes[begin..]);
                    moved = true;
                    if count < PART {
                        receiving = None;
                    }
                }
                if moved {
                    (since, rounds) = (Instant::now(), 0);
                    continue;
                }
                rounds = rounds.saturating_add(1);
                self.rest(rounds, since, other);
            }
        });
    }

    /// Lets others work while nothing has moved for so many rounds.
    fn rest(&self, rounds: u32, since: Instant, other: usize) {
        match rounds {
            0..200 => std::hint::spin_loop(),
            200..2000 => std::thread::yield_now(),
            _ => {
                if since.elapsed() > self.patience {
                    self.abort(&format!("no word of rank {other} for {} seconds", self.patience.as_secs()));
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

/// Whether whoever has started this process tells MPI of the others.
fn is_told() -> bool {
    let told = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMI_RANK", "PMIX_RANK", "MPI_LOCALNRANKS"];
    told.iter().any(|name| std::env::var_os(name).is_some())
}

/// How many tasks there are in the step of Slurm's that this process is one of; 1 outside of steps.
fn tasks() -> usize {
    let number = |name| std::env::var(name).ok().and_then(|number| number.parse::<usize>().ok());
    match number("SLURM_STEP_ID") {
        Some(_) => number("SLURM_STEP_NUM_TASKS").or(number("SLURM_NTASKS")).unwrap_or(1),
        None => 1,
    }
}

fn count(status: &Status) -> usize {
    usize::try_from(status.count(u8::equivalent_datatype())).unwrap_or(0)
}

impl Processes for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn local(&self) -> (usize, usize) {
        self.local
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        self.transfer(Some((to, bytes)), None);
        Ok(())
    }

    fn receive(&self, from: usize, received: &mut Vec<u8>) -> Result<()> {
        self.transfer(None, Some((from, received)));
        Ok(())
    }

    fn longest_wait(&self) -> Duration {
        self.patience
    }

    fn try_receive(&self, from: usize, received: &mut Vec<u8>) -> Result<bool> {
        let world = SimpleCommunicator::world();
        let is_there = world.process_at_rank(from as i32).immediate_probe_with_tag(TAG).is_some();
        if is_there {
            self.receive(from, received)?;
        }
        Ok(is_there)
    }

    fn exchange(&self, with: usize, bytes: &[u8], received: &mut Vec<u8>) -> Result<()> {
        self.transfer(Some((with, bytes)), Some((with, received)));
        Ok(())
    }
}

impl Drop for Mpi {
    /// A process that panics cannot wait for the others to end.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.abort("a panic");
        }
    }
}

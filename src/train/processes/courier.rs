//! Sums over all processes while the device works: a thread of its own takes numbers in the order in which they are ready.

use super::Team;
use crate::real::Numbers;
use crate::{Error, Result};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use web_time::Instant;

/// Takes numbers, and gives their sums over all processes in the same order.
#[derive(Debug)]
pub(super) struct Courier {
    team: Arc<Team>,
    thread: Option<Ends>,
    /// The numbers of a process that is alone are the sums.
    alone: VecDeque<Numbers>,
    /// Seconds that sums took, and how many of them somebody waited.
    pub(super) seconds: f64,
    pub(super) waited: f64,
}

#[derive(Debug)]
struct Ends {
    jobs: Sender<Numbers>,
    sums: Receiver<(Result<Numbers>, f64)>,
    handle: JoinHandle<()>,
}

impl Courier {
    pub(super) fn new(team: Arc<Team>) -> Result<Self> {
        let thread = if team.size() > 1 { Some(Ends::new(team.clone())?) } else { None };
        Ok(Self { team, thread, alone: VecDeque::new(), seconds: 0.0, waited: 0.0 })
    }

    /// Hands over numbers to be summed.
    pub(super) fn give(&mut self, numbers: Numbers) -> Result<()> {
        match &self.thread {
            None => self.alone.push_back(numbers),
            Some(ends) => ends.jobs.send(numbers).map_err(|_| self.gone())?,
        }
        Ok(())
    }

    /// Waits for the next sums.
    pub(super) fn take(&mut self) -> Result<Numbers> {
        let Some(ends) = &self.thread else { return self.alone.pop_front().ok_or_else(|| self.gone()) };
        let begin = Instant::now();
        let (sums, seconds) = ends.sums.recv().map_err(|_| self.gone())?;
        self.seconds += seconds;
        self.waited += begin.elapsed().as_secs_f64();
        sums
    }

    fn gone(&self) -> Error {
        Error::Process {
            rank: self.team.rank(),
            host: self.team.host().to_owned(),
            reason: "the thread that sums gradients has ended".to_owned(),
            remedy: "report this as a bug of autorot".to_owned(),
        }
    }
}

impl Ends {
    fn new(team: Arc<Team>) -> Result<Self> {
        let (jobs, asked) = channel::<Numbers>();
        let (sender, sums) = channel();
        let work = move || {
            let mut failed = false;
            while let Ok(numbers) = asked.recv() {
                // What follows an error is no longer exchanged.
                if failed {
                    continue;
                }
                let begin = Instant::now();
                let sum = team.sum(numbers);
                failed = sum.is_err();
                if sender.send((sum, begin.elapsed().as_secs_f64())).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("autorot sums".to_owned());
        let handle = thread.spawn(work).map_err(|e| {
            Error::invalid("thread that sums gradients", e, "a new thread", "free some of the system's")
        })?;
        Ok(Self { jobs, sums, handle })
    }
}

impl Drop for Courier {
    /// What a peer of this process is about is finished first: nobody else may use the communicator meanwhile.
    fn drop(&mut self) {
        if let Some(Ends { jobs, sums, handle }) = self.thread.take() {
            drop((jobs, sums));
            if handle.join().is_err() {
                log::warn!("the thread that sums gradients has panicked");
            }
        }
    }
}

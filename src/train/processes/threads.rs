//! Ranks that are threads of one process.

use super::{PATIENCE, Processes};
use crate::{Error, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use web_time::Duration;

/// One of several threads of a process that train together, each on a device of its own: what MPI does for processes, without MPI.
///
/// Bits do not depend on what carries them, so this shows what several machines would compute. Threads share the memory and the cores of the
/// process: on the CPU, several ranks are no faster than one.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    to: Vec<Sender<Vec<u8>>>,
    /// In mutexes since receivers are not `Sync`.
    from: Vec<Mutex<Receiver<Vec<u8>>>>,
    patience: Duration,
}

impl Threads {
    /// The ranks of so many threads, from 0 on, one for each thread.
    ///
    /// # Errors
    /// No threads.
    pub fn new(size: usize) -> Result<Vec<Self>> {
        if size == 0 {
            return Err(Error::invalid("Threads::new", "0 threads", "at least 1", "ask for one or more"));
        }
        // By sender, then by receiver.
        let (mut senders, mut receivers): (Vec<Vec<_>>, Vec<Vec<_>>) = (Vec::new(), Vec::new());
        receivers.resize_with(size, Vec::new);
        for _ in 0..size {
            let mut to = Vec::with_capacity(size);
            for receivers in &mut receivers {
                let (sender, receiver) = channel();
                to.push(sender);
                receivers.push(Mutex::new(receiver));
            }
            senders.push(to);
        }
        let ranks = senders.into_iter().zip(receivers).enumerate();
        Ok(ranks.map(|(rank, (to, from))| Self { rank, to, from, patience: PATIENCE }).collect())
    }

    /// Sets how long to wait for another rank's bytes; 10 minutes by default. A rank whose thread has ended is noticed at once.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn gone(&self, rank: usize) -> Error {
        Error::Process {
            rank,
            host: self.host().to_owned(),
            reason: "its thread has ended without a word".to_owned(),
            remedy: "look for its panic or error, and continue from the newest checkpoint".to_owned(),
        }
    }
}

impl Processes for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn host(&self) -> &str {
        "this process"
    }

    fn local(&self) -> (usize, usize) {
        (self.rank, self.size())
    }

    fn send(&self, to: usize, bytes: &[u8]) -> Result<()> {
        self.to[to].send(bytes.to_vec()).map_err(|_| self.gone(to))
    }

    fn receive(&self, from: usize, received: &mut Vec<u8>) -> Result<()> {
        let receiver = self.from[from].lock().unwrap_or_else(PoisonError::into_inner);
        *received = receiver.recv_timeout(self.patience).map_err(|error| match error {
            RecvTimeoutError::Disconnected => self.gone(from),
            RecvTimeoutError::Timeout => Error::Process {
                rank: from,
                host: self.host().to_owned(),
                reason: format!("no word for {} seconds", self.patience.as_secs()),
                remedy: "look at what it does, or raise Threads::patience".to_owned(),
            },
        })?;
        Ok(())
    }

    fn longest_wait(&self) -> Duration {
        self.patience
    }

    fn try_receive(&self, from: usize, received: &mut Vec<u8>) -> Result<bool> {
        match self.from[from].lock().unwrap_or_else(PoisonError::into_inner).try_recv() {
            Ok(bytes) => {
                *received = bytes;
                Ok(true)
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(self.gone(from)),
        }
    }

    fn exchange(&self, with: usize, bytes: &[u8], received: &mut Vec<u8>) -> Result<()> {
        let sent = self.send(with, bytes);
        // What a rank has sent before its thread ended comes first.
        self.receive(with, received)?;
        sent
    }
}

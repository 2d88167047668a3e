//! What processes do together: sums along one tree, messages from rank 0 to all, and ends that all hear of.

use super::Processes;
use super::wire::{Failure, message, opened, strange};
use crate::real::Numbers;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use web_time::{Duration, Instant};

/// Up to so many bytes, whole messages take less time than halves of them, of which there are twice as many.
const SMALL: usize = 16 << 10;

/// After so long a rank that has failed tells why in the log, while it waits for the others to hear of it.
const SOON: Duration = Duration::from_millis(250);

/// The processes of one training.
#[derive(Debug)]
pub(in crate::train) struct Team {
    processes: Arc<dyn Processes>,
    /// Which ranks have told that they stop.
    told: Mutex<Vec<bool>>,
    /// Whether all ranks know of the error that ends the training, since all have come to it together.
    known: AtomicBool,
    /// The bytes sent so far.
    sent: AtomicU64,
}

impl Team {
    pub(in crate::train) fn new(processes: Arc<dyn Processes>) -> Self {
        let told = vec![false; processes.size()];
        Self { told: told.into(), processes, known: AtomicBool::new(false), sent: AtomicU64::new(0) }
    }

    pub(in crate::train) fn rank(&self) -> usize {
        self.processes.rank()
    }

    pub(in crate::train) fn size(&self) -> usize {
        self.processes.size()
    }

    pub(super) fn host(&self) -> &str {
        self.processes.host()
    }

    /// The bytes sent so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// What a message from this rank holds. One that tells of a failure is the last of its rank.
    fn opened(&self, from: usize, received: Vec<u8>) -> Result<Vec<u8>> {
        opened(received).inspect_err(|_| {
            self.told.lock().unwrap_or_else(PoisonError::into_inner)[from] = true;
        })
    }

    fn send(&self, to: usize, data: Vec<u8>) -> Result<()> {
        self.count(data.len());
        self.processes.send(to, &message(data))
    }

    fn receive(&self, from: usize) -> Result<Vec<u8>> {
        let mut received = Vec::new();
        self.processes.receive(from, &mut received)?;
        self.opened(from, received)
    }

    fn exchange(&self, with: usize, data: Vec<u8>) -> Result<Vec<u8>> {
        self.count(data.len());
        let mut received = Vec::new();
        let exchanged = self.processes.exchange(with, &message(data), &mut received);
        // What another rank has told before it was gone is the cause.
        if exchanged.is_ok() || !received.is_empty() {
            received = self.opened(with, received)?;
        }
        exchanged.map(|()| received)
    }

    /// What rank 0 has, on every rank.
    pub(in crate::train) fn first_has(&self, data: Vec<u8>) -> Result<Vec<u8>> {
        let (rank, size) = (self.rank(), self.size());
        let mut data = data;
        // Each rank has it from the one that lacks its highest bit, and hands it on to those with a higher one.
        let mut reach = 1;
        while reach < size {
            if rank < reach && rank + reach < size {
                self.send(rank + reach, data.clone())?;
            } else if (reach..2 * reach).contains(&rank) {
                data = self.receive(rank - reach)?;
            }
            reach *= 2;
        }
        Ok(data)
    }

    /// On rank 0 what every rank has, in their order; `None` elsewhere.
    pub(super) fn to_first(&self, data: Vec<u8>) -> Result<Option<Vec<Vec<u8>>>> {
        if self.rank() > 0 {
            self.send(0, data)?;
            return Ok(None);
        }
        let mut all = vec![data];
        for from in 1..self.size() {
            all.push(self.receive(from)?);
        }
        Ok(Some(all))
    }

    /// What `judge` makes on rank 0 of what every rank has, on every rank.
    pub(super) fn judged(
        &self,
        data: Vec<u8>,
        judge: impl FnOnce(&[Vec<u8>]) -> Result<Vec<u8>>,
    ) -> Result<Vec<u8>> {
        let judgement = match self.to_first(data)? {
            Some(all) => judge(&all)?,
            None => Vec::new(),
        };
        self.first_has(judgement)
    }

    /// The sums over all ranks, a power of two of them, one tree for each number: neighbours first, then pairs of neighbours.
    pub(in crate::train) fn sum(&self, mut numbers: Numbers) -> Result<Numbers> {
        let (rank, size, len) = (self.rank(), self.size(), numbers.len());
        let each = if matches!(numbers, Numbers::Single(_)) { 4 } else { 8 };
        if len * each <= SMALL || len < size {
            let mut distance = 1;
            while distance < size {
                let others = self.exchange(rank ^ distance, numbers.bytes(0..len))?;
                numbers.add_bytes(0..len, &others)?;
                distance *= 2;
            }
            return Ok(numbers);
        }
        // Halves of halves, so that every rank has the sums of a stretch of its own; then these back to all.
        let (mut own, mut halved) = (0..len, Vec::new());
        let mut distance = 1;
        while distance < size {
            let middle = own.start + own.len() / 2;
            let (low, high) = (own.start..middle, middle..own.end);
            let (kept, given) = if rank & distance == 0 { (low, high) } else { (high, low) };
            let others = self.exchange(rank ^ distance, numbers.bytes(given.clone()))?;
            numbers.add_bytes(kept.clone(), &others)?;
            own = kept;
            halved.push(given);
            distance *= 2;
        }
        while let Some(given) = halved.pop() {
            distance /= 2;
            let others = self.exchange(rank ^ distance, numbers.bytes(own.clone()))?;
            own = own.start.min(given.start)..own.end.max(given.end);
            numbers.set_bytes(given, &others)?;
        }
        Ok(numbers)
    }

    /// The sums over all ranks of a few numbers.
    pub(in crate::train) fn sum_of(&self, numbers: &[f64]) -> Result<Vec<f64>> {
        match self.sum(Numbers::Double(numbers.to_vec()))? {
            Numbers::Double(sums) => Ok(sums),
            Numbers::Single(_) => Err(strange("numbers of another precision")),
        }
    }

    /// Waits until all ranks are here, of which there may be any number.
    pub(in crate::train) fn meet(&self) -> Result<()> {
        self.judged(Vec::new(), |_| Ok(Vec::new())).map(|_| ())
    }

    /// An error that all ranks return.
    pub(super) fn all_know(&self, error: Error) -> Error {
        self.known.store(true, Ordering::Relaxed);
        error
    }

    /// Tells all others of the error that ends this rank, and hears what they have to say until they stop, too: nobody then waits for a rank
    /// that is gone. They may be busy for as long as they would wait for this one.
    pub(in crate::train) fn part(&self, error: &Error) {
        if self.known.load(Ordering::Relaxed) {
            return;
        }
        let (rank, begin) = (self.rank(), Instant::now());
        let farewell = Failure::of(error, rank, self.host()).message();
        let others = || (0..self.size()).filter(|&other| other != rank);
        let mut gone = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for other in others() {
            // Who cannot be told is gone.
            gone[other] |= self.processes.send(other, &farewell).is_err();
        }
        let (mut received, mut has_told) = (Vec::new(), false);
        while others().any(|other| !gone[other]) {
            for other in others() {
                if gone[other] {
                    continue;
                }
                match self.processes.try_receive(other, &mut received) {
                    Ok(true) => gone[other] = opened(std::mem::take(&mut received)).is_err(),
                    Ok(false) => {}
                    Err(_) => gone[other] = true,
                }
            }
            let waited = begin.elapsed();
            let silent =
                || others().filter(|&o| !gone[o]).map(|o| o.to_string()).collect::<Vec<_>>().join(", ");
            if waited > SOON && !has_told {
                has_told = true;
                log::warn!(
                    "rank {rank} on {}, once rank {} has heard of it, ends: {error}",
                    self.host(),
                    silent()
                );
            }
            if waited > self.processes.longest_wait() {
                log::warn!("rank {rank} ends without an answer of rank {}", silent());
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Threads;
    use super::*;

    /// What each of so many ranks returns.
    fn ranks<T: Send>(size: usize, work: impl Fn(&Team) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let own = Threads::new(size).unwrap().into_iter();
            let work = &work;
            let all: Vec<_> = own.map(|own| scope.spawn(move || work(&Team::new(Arc::new(own))))).collect();
            all.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn long_and_short_sums_have_one_order() {
        let value = |rank: usize, i: usize| ((i * 7919 + rank * 104_729) % 1009) as f32 / 7.0 - 70.0;
        for len in [1, 3, 5000, 20_001] {
            for size in [1, 2, 4, 8] {
                let sums = ranks(size, |team| {
                    let own = (0..len).map(|i| value(team.rank(), i)).collect();
                    team.sum(Numbers::Single(own)).unwrap()
                });
                let mut wanted: Vec<Vec<f32>> =
                    (0..size).map(|rank| (0..len).map(|i| value(rank, i)).collect()).collect();
                while wanted.len() > 1 {
                    let pair = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).map(|(a, b)| a + b).collect();
                    wanted = wanted.chunks(2).map(pair).collect();
                }
                let wanted = Numbers::Single(wanted.remove(0));
                assert!(sums.iter().all(|sum| *sum == wanted), "{len} numbers, {size} ranks");
            }
        }
    }

    #[test]
    fn all_have_what_the_first_has() {
        for size in [1, 2, 3, 4, 7, 8] {
            let found = ranks(size, |team| {
                let own = vec![team.rank() as u8];
                team.meet().unwrap();
                let judged = team.judged(own.clone(), |all| Ok(all.concat())).unwrap();
                (team.first_has(own).unwrap(), judged)
            });
            let all: Vec<u8> = (0..size as u8).collect();
            assert!(found.iter().all(|(first, judged)| *first == [0] && *judged == all), "{size} ranks");
        }
    }

    #[test]
    fn a_rank_that_fails_ends_all() {
        for failing in 0..4 {
            let begin = Instant::now();
            let errors = ranks(4, |team| {
                let work = || {
                    for round in 0..10 {
                        if round == 5 && team.rank() == failing {
                            return Err(Error::invalid("disk", "no room", "some", "make some"));
                        }
                        team.sum(Numbers::Single(vec![1.0; 10_000]))?;
                    }
                    Ok(())
                };
                let error = work().unwrap_err();
                team.part(&error);
                error.to_string()
            });
            for (rank, error) in errors.iter().enumerate() {
                assert!(error.contains("found no room"), "{error}");
                assert_eq!(error.contains(&format!("rank {failing} on this process")), rank != failing);
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "nobody waits");
        }
    }
}

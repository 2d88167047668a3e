//! How the rows of a step are dealt out among its micro-batches, and these among the processes.

use crate::train::rows::Block;
use std::ops::Range;

/// A micro-batch of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Micro {
    /// Its place in the step, from 0.
    pub(super) place: usize,
    /// Where its rows begin in the epoch's order.
    pub(super) first: usize,
    /// There may be none.
    pub(super) rows: usize,
}

/// Which micro-batches are a process's own.
#[derive(Clone, Copy, Debug)]
pub(in crate::train) struct Dealt {
    pub(super) count: usize,
    pub(super) rank: usize,
    pub(super) size: usize,
}

impl Dealt {
    /// How many micro-batches a process has.
    pub(super) fn each(self) -> usize {
        self.count / self.size
    }

    /// The own micro-batches of a step of `rows` rows, from `first` on: neighbours, in the order of their places.
    pub(super) fn own(self, first: usize, rows: usize) -> impl Iterator<Item = Micro> {
        let (even, more) = (rows / self.count, rows % self.count);
        let each = self.each();
        (self.rank * each..(self.rank + 1) * each).map(move |place| Micro {
            place,
            first: first + place * even + place.min(more),
            rows: even + usize::from(place < more),
        })
    }

    /// The rows of the own micro-batches together.
    pub(super) fn range(self, first: usize, rows: usize) -> Range<usize> {
        let mut own = self.own(first, rows);
        let begin = own.next();
        let (start, end) = begin.map_or((first, first), |micro| (micro.first, micro.first + micro.rows));
        start..own.last().map_or(end, |micro| micro.first + micro.rows)
    }

    /// The blocks that a process reads for these steps, by the place of their first row and their number of rows, when the first `done` rows
    /// of the epoch are done.
    pub(in crate::train) fn blocks(
        self,
        done: usize,
        steps: impl Iterator<Item = (usize, usize)>,
    ) -> Vec<Block> {
        let mut at = done;
        let own = steps.map(|(first, rows)| self.range(first, rows)).filter(|range| !range.is_empty());
        own.map(|range| {
            let block = Block { skipped: range.start - at, rows: range.len() };
            at = range.end;
            block
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_dealt_out_once() {
        for rows in [0, 1, 5, 8, 37, 64] {
            for size in [1, 2, 4, 8] {
                let own = |rank| Dealt { count: 8, rank, size }.own(100, rows);
                let all: Vec<Micro> = (0..size).flat_map(own).collect();
                let one: Vec<Micro> = Dealt { count: 8, rank: 0, size: 1 }.own(100, rows).collect();
                assert_eq!(all, one, "{rows} rows, {size} processes");
                let mut at = 100;
                for (place, micro) in all.iter().enumerate() {
                    assert_eq!((micro.place, micro.first), (place, at));
                    at += micro.rows;
                }
                assert_eq!(at, 100 + rows);
                assert!(all.iter().all(|micro| micro.rows.abs_diff(rows / 8) <= 1));
            }
        }
    }

    #[test]
    fn blocks_pass_over_what_others_read() {
        for size in [1, 2, 4, 8] {
            let mut read = vec![0; 203];
            for rank in 0..size {
                let dealt = Dealt { count: 8, rank, size };
                let steps = (64..203).step_by(64).map(|first| (first, 64.min(203 - first)));
                let mut at = 64;
                for Block { skipped, rows } in dealt.blocks(64, steps) {
                    at += skipped;
                    read[at..at + rows].iter_mut().for_each(|times| *times += 1);
                    at += rows;
                }
            }
            assert!(read[..64].iter().all(|times| *times == 0) && read[64..].iter().all(|times| *times == 1));
        }
    }
}

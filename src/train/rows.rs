//! The rows of a source, in the order of the steps. Where the caller blocks anyway, another thread reads them ahead.

use super::feed::Feed;
#[cfg(not(target_family = "wasm"))]
use super::feed::{is_resident, steps_in_window};
use crate::data::{Order, Reader, Source, checked};
use crate::device::Executor;
use crate::model::Network;
use crate::{Dataset, Error, Model, Result};
#[cfg(not(target_family = "wasm"))]
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// A source, and where its rows come from.
pub(super) struct Rows<'s> {
    source: &'s dyn Source,
    from: Origin<'s>,
    /// The place of the next row in the epoch.
    first: usize,
}

enum Origin<'s> {
    /// Read when they are needed.
    Here(Option<Box<dyn Reader + 's>>),
    /// Read ahead.
    #[cfg(not(target_family = "wasm"))]
    Beside(Beside),
}

/// The ends of the channels to a thread that reads.
#[cfg(not(target_family = "wasm"))]
struct Beside {
    epochs: Sender<Epoch>,
    blocks: Receiver<(u64, Result<Dataset>)>,
    /// The number of the last epoch that was asked for: blocks of earlier ones, which ended in an error, are passed over.
    number: u64,
}

/// An epoch to be read: its rows in this order, in blocks.
#[cfg(not(target_family = "wasm"))]
struct Epoch {
    number: u64,
    order: Order,
    blocks: Vec<Block>,
}

/// Rows that are read together, and those before them that are passed over since another process reads them.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    target_family = "wasm",
    allow(dead_code, reason = "what a thread is told, of which there is none")
)]
pub(super) struct Block {
    pub(super) skipped: usize,
    pub(super) rows: usize,
}

impl From<usize> for Block {
    /// That many rows, none before them.
    fn from(rows: usize) -> Self {
        Self { skipped: 0, rows }
    }
}

impl<'s> Rows<'s> {
    /// Rows that are read when they are needed.
    pub(super) fn here(source: &'s dyn Source) -> Self {
        Self { source, from: Origin::Here(None), first: 0 }
    }

    pub(super) fn source(&self) -> &'s dyn Source {
        self.source
    }

    /// The number of rows of an epoch.
    pub(super) fn len(&self) -> usize {
        self.source.len()
    }

    /// Begins an epoch, of which steps take these blocks: a feed that holds all rows gets their order.
    pub(super) fn begin(
        &mut self,
        feed: &Feed,
        executor: &mut dyn Executor,
        order: Order,
        steps: impl Iterator<Item = impl Into<Block>>,
    ) -> Result<()> {
        if feed.is_resident() {
            return feed.begin(executor, &order.indices());
        }
        // Only a thread has to know them in advance.
        #[cfg(target_family = "wasm")]
        let _ = steps;
        self.first = order.first();
        match &mut self.from {
            Origin::Here(reader) => *reader = Some(self.source.begin(order)?),
            #[cfg(not(target_family = "wasm"))]
            Origin::Beside(beside) => {
                beside.number += 1;
                let epoch = Epoch { number: beside.number, order, blocks: steps.map(Into::into).collect() };
                return beside.epochs.send(epoch).map_err(|_| gone());
            }
        }
        Ok(())
    }

    /// Makes the rows of the next steps available, of which `first` is the place of the first in the order; returns where the clock's cursor
    /// begins, and what was sent to a feed that does not hold all rows.
    pub(super) fn stage(
        &mut self,
        feed: &Feed,
        model: &mut Model,
        first: usize,
        steps: impl Iterator<Item = usize>,
    ) -> Result<(usize, Vec<Dataset>)> {
        if feed.is_resident() {
            return Ok((first, Vec::new()));
        }
        if let Origin::Here(Some(reader)) = &mut self.from {
            reader.skip(first.saturating_sub(self.first))?;
        }
        self.first = first;
        let rows = steps.map(|rows| self.step(&model.network, rows)).collect::<Result<Vec<_>>>()?;
        feed.stage(&mut *model.executor, &rows)?;
        Ok((0, rows))
    }

    /// A step's rows, checked as the network's inputs.
    fn step(&mut self, network: &Network, rows: usize) -> Result<Dataset> {
        let block = match &mut self.from {
            Origin::Here(reader) => reader.as_mut().map_or_else(|| Err(gone()), |reader| reader.next(rows)),
            #[cfg(not(target_family = "wasm"))]
            Origin::Beside(beside) => beside.next(),
        }?;
        let block = checked(self.source, block, self.first, rows)?;
        network.check_inputs(&block).map_err(|error| match error {
            Error::Invalid { place, found, expected, remedy } => {
                let place = format!("{place}, in the rows from {} on in this epoch's order", self.first);
                Error::Invalid { place, found, expected, remedy }
            }
            other => other,
        })?;
        self.first += rows;
        Ok(block)
    }
}

#[cfg(not(target_family = "wasm"))]
impl Beside {
    fn next(&self) -> Result<Dataset> {
        loop {
            match self.blocks.recv() {
                Ok((number, block)) if number == self.number => return block,
                Ok(_) => {}
                Err(_) => return Err(gone()),
            }
        }
    }
}

/// There is nobody to read.
fn gone() -> Error {
    let expected = "a source that reads until its end";
    Error::invalid(
        "data source",
        "an epoch that was not begun, or a reader that panicked",
        expected,
        "mend the source",
    )
}

/// Does `work` with the rows of these sources, of which a step takes `batch`. A thread for each of which devices do not hold all reads
/// ahead: as many steps as a window holds.
#[cfg(not(target_family = "wasm"))]
pub(super) fn with_readers<'s, T>(
    (train, validation): (&'s dyn Source, Option<&'s dyn Source>),
    (resident_bytes, batch): (u64, usize),
    work: impl FnOnce(Rows<'s>, Option<Rows<'s>>) -> T,
) -> T {
    std::thread::scope(|scope| {
        let rows = |source: &'s dyn Source| {
            if is_resident(source, Some(resident_bytes)) {
                return Rows::here(source);
            }
            let (epochs, asked) = channel();
            let (sender, blocks) = sync_channel(steps_in_window(source.sample(), batch));
            let thread = std::thread::Builder::new().name("autorot rows".to_owned());
            let spawned = thread.spawn_scoped(scope, move || read(source, &asked, &sender));
            let beside = Origin::Beside(Beside { epochs, blocks, number: 0 });
            let from = if spawned.is_ok() { beside } else { Origin::Here(None) };
            Rows { source, from, first: 0 }
        };
        // The threads end with the channels, which `work` drops.
        work(rows(train), validation.map(rows))
    })
}

/// Reads the epochs that are asked for, until nobody asks.
#[cfg(not(target_family = "wasm"))]
fn read(source: &dyn Source, epochs: &Receiver<Epoch>, to: &SyncSender<(u64, Result<Dataset>)>) {
    while let Ok(Epoch { number, order, blocks }) = epochs.recv() {
        let mut reader = match source.begin(order) {
            Ok(reader) => reader,
            Err(error) => match to.send((number, Err(error))) {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        for Block { skipped, rows } in blocks {
            let block = reader.skip(skipped).and_then(|()| reader.next(rows));
            let failed = block.is_err();
            if to.send((number, block)).is_err() {
                return;
            }
            if failed {
                break;
            }
        }
    }
}

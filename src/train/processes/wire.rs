//! Numbers as bytes, and messages that tell of a failure instead.

use crate::real::Numbers;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The last byte of a message: what it is.
const DATA: u8 = 0;
const FAILURE: u8 = 1;

/// The longest text of a failure: short enough for engines to send without waiting for the receiver.
const LONGEST: usize = 1024;

/// What ended a rank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    rank: usize,
    host: String,
    reason: String,
}

impl Failure {
    /// The failure of this rank, or that which another one has told of.
    pub(super) fn of(error: &Error, rank: usize, host: &str) -> Self {
        let cut = |text: String| text.chars().take(LONGEST / 4).collect::<String>();
        match error {
            Error::Process { rank, host, reason, .. } => {
                Self { rank: *rank, host: cut(host.clone()), reason: cut(reason.clone()) }
            }
            other => Self { rank, host: cut(host.to_owned()), reason: cut(other.to_string()) },
        }
    }

    pub(super) fn message(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(FAILURE);
        bytes
    }

    fn error(self) -> Error {
        let Self { rank, host, reason } = self;
        let remedy = "all ranks have stopped: see to it, and continue from the newest checkpoint".to_owned();
        Error::Process { rank, host, reason, remedy }
    }
}

/// A message of data.
pub(super) fn message(mut data: Vec<u8>) -> Vec<u8> {
    data.push(DATA);
    data
}

/// What a message holds; the error that it tells of.
pub(super) fn opened(mut message: Vec<u8>) -> Result<Vec<u8>> {
    match message.pop() {
        Some(DATA) => Ok(message),
        Some(FAILURE) => Err(serde_json::from_slice::<Failure>(&message)
            .map_or_else(|_| strange("a failure that cannot be read"), Failure::error)),
        _ => Err(strange("a message of no kind")),
    }
}

/// The error for what no process of this version sends.
pub(super) fn strange(found: impl ToString) -> Error {
    Error::invalid(
        "message of another process",
        found,
        "what the same program sends at the same place",
        "start every rank with the same program, and let nothing else use its communicator",
    )
}

impl Numbers {
    /// The bytes of those in a range.
    pub(super) fn bytes(&self, range: Range<usize>) -> Vec<u8> {
        // With room for the last byte of a message.
        let with_room = |bytes: &[u8]| {
            let mut all = Vec::with_capacity(bytes.len() + 1);
            all.extend_from_slice(bytes);
            all
        };
        match self {
            Self::Single(v) => with_room(bytemuck::cast_slice(&v[range])),
            Self::Double(v) => with_room(bytemuck::cast_slice(&v[range])),
        }
    }

    /// Adds the numbers of a message to those in a range.
    pub(super) fn add_bytes(&mut self, range: Range<usize>, bytes: &[u8]) -> Result<()> {
        self.with_bytes(range, bytes, |own, other| *own += other, |own, other| *own += other)
    }

    /// Replaces the numbers in a range by those of a message.
    pub(super) fn set_bytes(&mut self, range: Range<usize>, bytes: &[u8]) -> Result<()> {
        self.with_bytes(range, bytes, |own, other| *own = other, |own, other| *own = other)
    }

    fn with_bytes(
        &mut self,
        range: Range<usize>,
        bytes: &[u8],
        single: impl Fn(&mut f32, f32),
        double: impl Fn(&mut f64, f64),
    ) -> Result<()> {
        let size = match self {
            Self::Single(_) => 4,
            Self::Double(_) => 8,
        };
        if bytes.len() != range.len() * size {
            return Err(strange(format!("{} bytes instead of {}", bytes.len(), range.len() * size)));
        }
        match self {
            Self::Single(v) => {
                let (words, _) = bytes.as_chunks::<4>();
                v[range].iter_mut().zip(words).for_each(|(own, word)| single(own, f32::from_ne_bytes(*word)));
            }
            Self::Double(v) => {
                let (words, _) = bytes.as_chunks::<8>();
                v[range].iter_mut().zip(words).for_each(|(own, word)| double(own, f64::from_ne_bytes(*word)));
            }
        }
        Ok(())
    }
}

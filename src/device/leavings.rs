//! What owners leave behind: programs and buffers of theirs, which the executor frees when it is called next.

use super::Program;
use std::sync::{Arc, Mutex, PoisonError};

type Left = (Vec<Program>, Vec<String>);

/// Programs and names of shared buffers that nobody uses any more. They are left without the executor at hand, on any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leavings(Arc<Mutex<Vec<Left>>>);

impl Leavings {
    pub(crate) fn leave(&self, programs: Vec<Program>, keys: Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((programs, keys));
    }

    pub(super) fn take(&self) -> Vec<Left> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

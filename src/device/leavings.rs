//! What owners leave behind: programs and buffers, which the executor frees the next time it is called.

use super::Program;
use std::sync::{Arc, Mutex, PoisonError};

type Left = (Vec<Program>, Vec<String>);

/// Programs and names of shared buffers that are no longer used. They can be left on any thread, without the executor.
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

//! Asking a running training for a checkpoint, or to stop.

use super::Trainer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Asks a running training for something, from another thread or from a signal: see [`Trainer::control`]. Clones control the same one.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<AtomicU8>);

const CHECKPOINT: u8 = 1;
const STOP: u8 = 2;

impl Control {
    /// A control for a trainer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for a snapshot, and so for a checkpoint, after the update at hand.
    pub fn checkpoint(&self) {
        self.0.fetch_or(CHECKPOINT, Ordering::Relaxed);
    }

    /// Asks the training to stop after the update at hand, with a snapshot: it then returns
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn stop(&self) {
        self.0.fetch_or(STOP, Ordering::Relaxed);
    }

    /// Stops at Ctrl-C, and where the process is asked to end (SIGINT, SIGTERM, SIGHUP); the second time the process ends at once, with the
    /// exit code 130. A process has one such control.
    ///
    /// # Errors
    /// The process handles these signals already.
    #[cfg(feature = "signals")]
    pub fn on_ctrl_c() -> crate::Result<Self> {
        let control = Self::new();
        let asked = control.clone();
        let mut before = false;
        ctrlc::set_handler(move || {
            if std::mem::replace(&mut before, true) {
                std::process::exit(130);
            }
            asked.stop();
        })
        .map_err(|e| {
            let (expected, remedy) =
                ("a process without a handler of its own", "call Control::stop from your handler");
            crate::Error::invalid("Control::on_ctrl_c", e, expected, remedy)
        })?;
        Ok(control)
    }

    /// Whether a snapshot is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Whether the training is to stop.
    pub(super) fn stops(&self) -> bool {
        self.0.load(Ordering::Relaxed) & STOP != 0
    }

    /// The training has stopped; the next one goes on.
    pub(super) fn stopped(&self) {
        self.0.fetch_and(!STOP, Ordering::Relaxed);
    }

    /// A snapshot is being taken.
    pub(super) fn taken(&self) {
        self.0.fetch_and(!CHECKPOINT, Ordering::Relaxed);
    }
}

impl Trainer<'_> {
    /// Lets a control ask for snapshots and for an early end.
    pub fn control(mut self, control: &Control) -> Self {
        self.control = control.clone();
        self
    }
}

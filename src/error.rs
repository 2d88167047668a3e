//! The crate's only error type. Every message names the place (layer path, file or option), what was found, what was expected and what to
//! do about it.

use std::path::Path;

/// The result of every fallible function of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done. `{:?}` also prints the message, so a program whose `main` returns a [`Result`] ends with it;
/// [`Error::fault`] and the variants' fields give programs the details.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument, a shape, a name or the content of a file is invalid.
    #[error("{place}: found {found}, expected {expected}; {remedy}")]
    Invalid {
        /// Layer path (`2.dense`), file or option.
        place: String,
        /// What was found.
        found: String,
        /// What would have been valid.
        expected: String,
        /// What to do.
        remedy: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}; check that the path exists and may be read or written")]
    Io {
        /// The file.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The device cannot do what was asked, or failed while doing it.
    #[error("device {device}: {fault}: {reason}; {remedy}")]
    Device {
        /// The kind of fault, for programs that can continue after some of them.
        fault: Fault,
        /// The adapter's name, or `cpu`.
        device: String,
        /// What happened.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A [`Control`](crate::train::Control) has stopped a training, which can be resumed from its snapshot or checkpoint.
    #[error(
        "training stopped after step {step}, as was asked for; continue with Trainer::resume, or Trainer::resume_from a checkpoint"
    )]
    Interrupted {
        /// The last step that was done, counted from 1 since the model was built.
        step: u64,
    },
    /// Training met a loss or a gradient that is not finite. The model keeps weights that gave finite numbers: the last ones, or those of
    /// the best epoch if [early stopping](crate::EarlyStopping) restores them.
    #[error(
        "training step {step}: found {found} in {layer}, expected finite numbers; \
         the model keeps weights that gave finite numbers: lower the learning rate, clip the gradients or check the data"
    )]
    NonFinite {
        /// The step, counted from 1 since the model was built.
        step: u64,
        /// The path of the first layer with a non-finite value, or `loss`.
        layer: String,
        /// What was not finite.
        found: String,
    },
    /// One of several processes that train together cannot go on, or does not fit the others: see
    /// [`Trainer::processes`](crate::Trainer::processes). The process itself returns its own error, all others this one.
    #[error("rank {rank} on {host}: {reason}; {remedy}")]
    Process {
        /// The process's rank.
        rank: usize,
        /// The name of its host.
        host: String,
        /// What happened there.
        reason: String,
        /// What to do.
        remedy: String,
    },
}

/// What kind of fault an [`Error::Device`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// There is no such device, or it cannot be opened.
    Unavailable,
    /// The request exceeds a limit of the device, or needs a feature that it lacks.
    Unsupported,
    /// The device was lost: destroyed by its owner, unplugged, or reset by its driver. Nothing on it can be used any more.
    Lost,
    /// The device has not enough memory.
    OutOfMemory,
    /// The device refused a command that breaks its rules.
    Validation,
    /// A kernel's shader was rejected.
    Shader,
    /// The device did not finish in time.
    Timeout,
    /// The driver failed unexpectedly.
    Internal,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::Lost => "device lost",
            Self::OutOfMemory => "out of memory",
            Self::Validation => "validation error",
            Self::Shader => "shader rejected",
            Self::Timeout => "timeout",
            Self::Internal => "driver error",
        })
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// An [`Error::Invalid`] from its four parts.
    pub fn invalid(
        place: impl ToString,
        found: impl ToString,
        expected: impl ToString,
        remedy: impl ToString,
    ) -> Self {
        Self::Invalid {
            place: place.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
            remedy: remedy.to_string(),
        }
    }

    /// An [`Error::Io`] for this file.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().display().to_string(), source }
    }

    /// An [`Error::Device`] from its four parts.
    pub fn device(fault: Fault, device: impl ToString, reason: impl ToString, remedy: impl ToString) -> Self {
        Self::Device {
            fault,
            device: device.to_string(),
            reason: reason.to_string(),
            remedy: remedy.to_string(),
        }
    }

    /// The device's fault; `None` for other errors.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            Self::Device { fault, .. } => Some(*fault),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_name() {
        for (fault, name) in [
            (Fault::Unavailable, "unavailable"),
            (Fault::Unsupported, "unsupported"),
            (Fault::Lost, "device lost"),
            (Fault::OutOfMemory, "out of memory"),
            (Fault::Validation, "validation error"),
            (Fault::Shader, "shader rejected"),
            (Fault::Timeout, "timeout"),
            (Fault::Internal, "driver error"),
        ] {
            let error = Error::device(fault, "gpu", "reason", "remedy");
            assert_eq!((fault.to_string(), error.fault()), (name.to_owned(), Some(fault)));
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn what_main_prints_is_the_message() {
        let missing = || std::io::Error::other("gone");
        for error in [
            Error::invalid("2.dense", "0 units", "at least 1 unit", "give it a unit"),
            Error::io("data.csv", missing()),
            Error::device(Fault::Lost, "gpu", "it is gone", "open it anew"),
            Error::NonFinite { step: 3, layer: "loss".into(), found: "NaN".into() },
            Error::Process { rank: 3, host: "b".into(), reason: "no disk".into(), remedy: "mend it".into() },
        ] {
            assert_eq!(format!("{error:?}"), error.to_string());
            assert!(!format!("{error:?}").contains('{'), "{error:?}");
        }
    }
}

//! The cells of recurrent layers, and which part of them is rotated.

use crate::{Error, Result};

/// What a recurrent layer computes from an input and the previous states h' and c'. With a = x·W + b, γ the recurrent activation
/// and σ the cell's activation:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// h = σ(a + h'·U) (Elman 1990).
    SimpleRnn,
    /// i, f, o = γ(a + h'·U) and g = σ(a + h'·U), gates in the order i, f, g, o; c = f ⊙ c' + i ⊙ g, h = o ⊙ σ(c)
    /// (Hochreiter and Schmidhuber 1997; Gers et al. 2000).
    Lstm,
    /// z, r = γ(a + h'·U), gates in the order z, r, h; h = z ⊙ h' + (1 − z) ⊙ candidate, which is σ(a + r ⊙ (h'·U +
    /// b')), or σ(a + (r ⊙ h')·U) unless the reset gate comes after the product (Cho et al. 2014).
    Gru {
        /// Whether the reset gate comes after the product: Keras' default.
        reset_after: bool,
    },
}

impl Cell {
    /// All cells, with Keras' defaults: `simple_rnn`, `lstm`, `gru`.
    pub const ALL: &'static [Self] = &[Self::SimpleRnn, Self::Lstm, Self::Gru { reset_after: true }];

    /// The cell's name in paths, files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::SimpleRnn => "simple_rnn",
            Self::Lstm => "lstm",
            Self::Gru { .. } => "gru",
        }
    }

    /// The cell of this name, a GRU with Keras' defaults.
    ///
    /// # Errors
    /// An unknown name; the error lists the known ones.
    pub fn from_name(name: &str) -> Result<Self> {
        let wanted = name.to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|cell| cell.name() == wanted).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|cell| cell.name()).collect();
            Error::invalid("recurrent cell", format!("{name:?}"), known.join(", "), "choose one of them")
        })
    }

    /// For each gate, whether it has the cell's activation rather than the recurrent one.
    pub(super) fn gates(self) -> &'static [bool] {
        match self {
            Self::SimpleRnn => &[true],
            Self::Lstm => &[false, false, true, false],
            Self::Gru { .. } => &[false, false, true],
        }
    }

    /// The number of states: h, and c for an LSTM.
    pub(super) fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }

    /// The number of rows of the bias.
    pub(super) fn bias_lines(self) -> usize {
        if self == (Self::Gru { reset_after: true }) { 2 } else { 1 }
    }
}

/// What auto-rotation multiplies in a recurrent layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotatedPart {
    /// The input part of each gate: ρ ⊙ (x·W + b) + h'·U (+ b'), q = f(x_Q). The layer is a rotated dense layer over all time
    /// steps, followed by the classic cell.
    #[default]
    Input,
    /// The whole pre-activation of each gate: q = x_Q·ΣW + h_Q·ΣU + b (+ b'), with h_Q = 2·h_max − h_min of the state's range, 3
    /// for tanh. A GRU's reset gate is taken as 1. Gives each unit its own gain in the recurrent loop, which costs accuracy: for
    /// comparison.
    Gate,
}

/// The order in which a layer processes the time steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::layer) enum Direction {
    /// From the first to the last.
    Forward,
    /// From the last to the first, with the outputs in the same order.
    Backward,
    /// From the last to the first, each output at the time of its input.
    Aligned,
}

//! The nets: dense ones for tables, convolutional and recurrent ones for series.

use super::sets::Set;
use crate::given;
use crate::neurons::{Neurons, Norm, Start, made_of};
use autorot::extend::Layer;
use autorot::{
    Activation, Cell, Conv1d, Dataset, Dense, GlobalAveragePool1d, Padding, Recurrent, Sequential,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of net.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Net {
    Dense,
    Conv1d,
    Gru,
    Lstm,
}

/// The convolutions' filters and the width of their windows, and the units of recurrent layers.
const FILTERS: [usize; 3] = [16, 16, 32];
const WINDOW: usize = 5;
const UNITS: usize = 32;

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&given::word(*self))
    }
}

impl Net {
    fn cell(self) -> Option<Cell> {
        match self {
            Self::Dense | Self::Conv1d => None,
            Self::Gru => Some(Cell::Gru { reset_after: true }),
            Self::Lstm => Some(Cell::Lstm),
        }
    }

    /// Whether it is for this set.
    pub fn suits(self, set: &Set) -> bool {
        set.is_series() == (self != Self::Dense)
    }

    /// Whether it can have these neurons: recurrent cells have their own activations, tanh and sigmoid, with nothing in between.
    pub fn takes(self, neurons: &Neurons) -> bool {
        let plain = !matches!(neurons.norm, Norm::Before | Norm::Layer) && neurons.start != Start::Critical;
        self.cell().is_none() || (neurons.activation == Activation::Tanh && plain)
    }

    /// The net for these data; `hidden` is for dense ones.
    pub fn build(self, neurons: &Neurons, hidden: &[usize], data: &Dataset) -> Sequential {
        let model = Sequential::for_data(data);
        // A layer with an activation, and with a bias or without one; recurrent ones have their own.
        let layer = |width: usize, activation, bias| -> Box<dyn Layer> {
            match self.cell() {
                Some(cell) => Box::new(made_of!(Recurrent::new(cell, width), neurons)),
                None if self == Self::Conv1d => {
                    let layer = Conv1d::new(width, WINDOW).padding(Padding::Same);
                    Box::new(made_of!(layer.activation(activation).use_bias(bias), neurons))
                }
                None => Box::new(made_of!(Dense::new(width).activation(activation).use_bias(bias), neurons)),
            }
        };
        let widths = match self {
            Self::Dense => hidden,
            Self::Conv1d => &FILTERS,
            Self::Gru | Self::Lstm => &[UNITS],
        };
        let stage =
            |model, &width: &usize| neurons.add_to(model, |activation, bias| layer(width, activation, bias));
        let model = widths.iter().fold(model, stage);
        let model = if self == Self::Conv1d { model.add(GlobalAveragePool1d::new()) } else { model };
        model.add(Dense::new(data.targets().width()))
    }
}

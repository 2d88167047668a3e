//! The nets: dense ones for tables, convolutional and recurrent ones for series.

use super::arms::{Neurons, Norm};
use super::sets::Set;
use crate::given;
use autorot::extend::Layer;
use autorot::{
    Activate, Activation, BatchNorm, Cell, Conv1d, Dataset, Dense, GlobalAveragePool1d, Padding, Recurrent,
    Sequential,
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
        self.cell().is_none() || (neurons.activation == Activation::Tanh && neurons.norm != Norm::Before)
    }

    /// The net for these data; `hidden` is for dense ones.
    pub fn build(self, neurons: &Neurons, hidden: &[usize], data: &Dataset) -> Sequential {
        let Neurons { activation, rotation, kernel, norm } = *neurons;
        let model = Sequential::for_data(data);
        let model = match self.cell() {
            Some(cell) => {
                let layer = Recurrent::new(cell, UNITS).auto_rotate(rotation).kernel_initializer(kernel);
                match norm {
                    Norm::After => model.add(layer).add(BatchNorm::new()),
                    Norm::Without | Norm::Before => model.add(layer),
                }
            }
            None => {
                // A layer with an activation, and with a bias or without one.
                let dense = |units: usize, activation, bias| -> Box<dyn Layer> {
                    let layer = Dense::new(units).activation(activation).use_bias(bias);
                    Box::new(layer.auto_rotate(rotation).kernel_initializer(kernel))
                };
                let conv = |filters: usize, activation, bias| -> Box<dyn Layer> {
                    let layer = Conv1d::new(filters, WINDOW).padding(Padding::Same);
                    let layer = layer.activation(activation).use_bias(bias);
                    Box::new(layer.auto_rotate(rotation).kernel_initializer(kernel))
                };
                let stage = |model: Sequential, width: usize| {
                    let layer = |activation, bias| match self {
                        Self::Conv1d => conv(width, activation, bias),
                        _ => dense(width, activation, bias),
                    };
                    match norm {
                        Norm::Without => model.add_boxed(layer(activation, true)),
                        Norm::Before => model
                            .add_boxed(layer(Activation::Linear, false))
                            .add(BatchNorm::new())
                            .add(Activate::new(activation)),
                        Norm::After => model.add_boxed(layer(activation, true)).add(BatchNorm::new()),
                    }
                };
                let widths = if self == Self::Conv1d { &FILTERS[..] } else { hidden };
                let model = widths.iter().copied().fold(model, stage);
                if self == Self::Conv1d { model.add(GlobalAveragePool1d::new()) } else { model }
            }
        };
        model.add(Dense::new(data.targets().width()))
    }
}

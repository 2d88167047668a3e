//! The nets: augmentation, a stem, three residual blocks, and the mean over each channel.

use super::Options;
use autorot::{
    Activation, AutoRotate, BatchNorm, Conv2d, Dataset, Dense, GlobalAveragePool2d, Padding, RandomCrop,
    RandomFlip, RandomTranslation, Residual, Result, Sequential,
};
use serde::Serialize;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Net {
    /// ReLU, classic.
    Relu,
    /// The saturating activation, classic.
    Classic,
    /// The saturating activation, auto-rotating.
    Ar,
}

impl Net {
    pub const ALL: [Self; 3] = [Self::Relu, Self::Classic, Self::Ar];

    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Classic => "classic",
            Self::Ar => "ar",
        }
    }

    /// The title in tables and figures.
    pub fn title(self, saturating: Activation) -> String {
        match self {
            Self::Relu => "relu, classic".to_owned(),
            Self::Classic => format!("{saturating}, classic"),
            Self::Ar => format!("{saturating}, auto-rotating"),
        }
    }
}

/// The filters of the stem and the first block; each further block has twice as many on half the height and width.
const FILTERS: usize = 16;

/// How a net's convolutions are made.
#[derive(Clone, Copy)]
struct Style {
    activation: Activation,
    rotation: Option<AutoRotate>,
    batch_norm: bool,
}

/// The net. Its layers have the same paths as those of the other nets, and thus the same kernels for a seed.
pub fn layers(options: &Options, data: &Dataset, net: Net) -> Result<Sequential> {
    let style = Style {
        activation: if net == Net::Relu { Activation::Relu } else { options.activation },
        rotation: (net == Net::Ar).then(|| options.rotation.auto_rotate()),
        batch_norm: options.batch_norm,
    };
    let mut model = augmentation(options, data).add(style.conv(FILTERS, 1));
    if style.batch_norm {
        model = model.add(batch_norm());
    }
    let model = model.add(style.block(FILTERS, 1)).add(style.block(2 * FILTERS, 2));
    let model = model.add(style.block(4 * FILTERS, 2)).add(GlobalAveragePool2d::new());
    Ok(model.add(Dense::new(data.targets().width())))
}

/// Shifts, mirroring and crops, drawn anew in every step.
fn augmentation(options: &Options, data: &Dataset) -> Sequential {
    let mut model = Sequential::for_data(data);
    if options.no_augment {
        return model;
    }
    let shift = options.shift(data.shape()[0]);
    if shift > 0 {
        model = model.add(RandomTranslation::new(shift));
    }
    if options.images.source.mirrors() {
        model = model.add(RandomFlip::horizontal());
    }
    match options.crop {
        Some(size) => model.add(RandomCrop::new(size)),
        None => model,
    }
}

/// Running statistics that adapt within tens of steps, so that they fit even after a short training.
fn batch_norm() -> BatchNorm {
    BatchNorm::new().synchronized(true).momentum(0.9)
}

impl Style {
    fn conv(&self, filters: usize, strides: usize) -> Conv2d {
        let conv = Conv2d::new(filters, 3).strides(strides).padding(Padding::Same);
        conv.activation(self.activation).auto_rotate(self.rotation)
    }

    /// Two convolutions with a shortcut, which is a projection if the first has strides.
    fn block(&self, filters: usize, strides: usize) -> Residual {
        let mut block = Residual::new();
        for strides in [strides, 1] {
            block = block.add(self.conv(filters, strides));
            if self.batch_norm {
                block = block.add(batch_norm());
            }
        }
        if strides > 1 {
            block = block.shortcut(Conv2d::new(filters, 1).strides(strides));
        }
        block
    }
}

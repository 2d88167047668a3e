//! The layers, one file each: options, rules for shape and range, parameters, and the recorded forward and backward passes.
//! [`registry`] lists every layer with the examples that the tests use. A new layer also needs its `mod` and `pub use` here.

mod activate;
mod alpha_dropout;
mod batch_norm;
mod bidirectional;
pub(crate) mod chain;
mod conv;
mod conv_lstm;
mod conv_transpose;
mod cropping;
mod dense;
mod depthwise_conv;
pub(crate) mod description;
pub(crate) mod draft;
mod dropout;
mod embedding;
mod flatten;
mod gaussian_noise;
mod group_norm;
pub(crate) mod kinds;
mod layer_norm;
mod masking;
mod neuron;
mod pool;
mod prelu;
mod product;
pub(crate) mod protocol;
mod random_factor;
mod random_tone;
mod random_warp;
mod random_window;
mod recurrent;
pub(crate) mod registry;
mod reshape;
mod residual;
mod separable_conv;
pub(crate) mod signal;
mod softmax;
mod spatial_dropout;
mod time_distributed;
mod up_sampling;
mod virtual_sample;
pub(crate) mod weight_norm;
mod window;
mod zero_padding;

pub use crate::plan::arena::Regularizer;
pub use crate::shape::Margins;
pub use activate::Activate;
pub use alpha_dropout::AlphaDropout;
pub use batch_norm::BatchNorm;
pub use bidirectional::Bidirectional;
pub use conv::{Conv, Conv1d, Conv2d, Conv3d};
pub use conv_lstm::{ConvLstm, ConvLstm1d, ConvLstm2d};
pub use conv_transpose::{Conv1dTranspose, Conv2dTranspose, Conv3dTranspose, ConvTranspose};
pub use cropping::{Cropping, Cropping1d, Cropping2d, Cropping3d};
pub use dense::Dense;
pub use depthwise_conv::{DepthwiseConv, DepthwiseConv1d, DepthwiseConv2d, DepthwiseConv3d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use gaussian_noise::GaussianNoise;
pub use group_norm::GroupNorm;
pub use layer_norm::LayerNorm;
pub use masking::Masking;
pub use pool::{
    AveragePool1d, AveragePool2d, AveragePool3d, GlobalAveragePool1d, GlobalAveragePool2d,
    GlobalAveragePool3d, GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d, GlobalPool, MaxPool1d, MaxPool2d,
    MaxPool3d, Pool,
};
pub use prelu::PRelu;
pub use random_factor::Factor;
pub use random_tone::{RandomBrightness, RandomContrast};
pub use random_warp::{RandomRotation, RandomZoom};
pub use random_window::{RandomCrop, RandomFlip, RandomTranslation};
pub use recurrent::{Cell, Gru, Lstm, Recurrent, RotatedPart, SimpleRnn};
pub use reshape::{Permute, RepeatVector, Reshape};
pub use residual::Residual;
pub(crate) use residual::SHORTCUT;
pub use separable_conv::{SeparableConv, SeparableConv1d, SeparableConv2d, SeparableConv3d};
pub use softmax::Softmax;
pub use spatial_dropout::{SpatialDropout, SpatialDropout1d, SpatialDropout2d, SpatialDropout3d};
pub use time_distributed::TimeDistributed;
pub use up_sampling::{UpSampling, UpSampling1d, UpSampling2d, UpSampling3d};
pub use window::Extent;
pub use zero_padding::{ZeroPadding, ZeroPadding1d, ZeroPadding2d, ZeroPadding3d};

pub(crate) use crate::describe::Options;
pub(crate) use description::LayerDescription;
pub(crate) use protocol::{Facts, KeptStates, Layer, Node, Registered, Scope, Trace};
pub(crate) use signal::Signal;

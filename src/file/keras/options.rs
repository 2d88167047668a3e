//! Options that several layers of Keras share.

use super::form::Form::*;
use super::table::Entry;

pub(super) const NEURON: &[Entry] = &[
    ("activation", "activation", Activation("linear")),
    ("use_bias", "use_bias", Flag(true)),
    ("bias_initializer", "bias_initializer", Initializer("Zeros")),
];
pub(super) const KERNEL: &[Entry] = &[
    ("kernel_initializer", "kernel_initializer", Initializer("GlorotUniform")),
    ("kernel_regularizer", "kernel_regularizer", Regularizer),
];
pub(super) const CLASSIC: &[Entry] = &[("", "auto_rotate", Own("null")), ("", "weight_norm", Own("false"))];
pub(super) const ROTATED: &[Entry] = &[("", "auto_rotate", Rotation), ("", "weight_norm", Own("false"))];
pub(super) const DENSE: &[Entry] = &[("units", "units", Count(None))];
pub(super) const FILTERS: &[Entry] = &[("filters", "filters", Count(None))];
pub(super) const GROUPS: &[Entry] = &[("groups", "groups", Count(Some(1)))];
pub(super) const UNGROUPED: &[Entry] = &[("groups", "", Only("1"))];
pub(super) const LAST: &[Entry] = &[("data_format", "", Only("\"channels_last\""))];
pub(super) const WINDOW: &[Entry] = &[
    ("kernel_size", "kernel_size", Extent(None)),
    ("strides", "strides", Extent(Some(""))),
    ("padding", "padding", Padding),
    ("dilation_rate", "dilation", Extent(Some(""))),
];
pub(super) const DEPTHWISE: &[Entry] = &[
    ("depth_multiplier", "depth_multiplier", Count(Some(1))),
    ("depthwise_initializer", "kernel_initializer", Initializer("GlorotUniform")),
    ("depthwise_regularizer", "kernel_regularizer", Regularizer),
];
pub(super) const SEPARABLE: &[Entry] = &[
    ("depth_multiplier", "depth_multiplier", Count(Some(1))),
    ("depthwise_initializer", "depthwise_initializer", Initializer("GlorotUniform")),
    ("depthwise_regularizer", "depthwise_regularizer", Regularizer),
    ("pointwise_initializer", "kernel_initializer", Initializer("GlorotUniform")),
    ("pointwise_regularizer", "kernel_regularizer", Regularizer),
];
pub(super) const POOL: &[Entry] = &[
    ("pool_size", "kernel_size", Extent(None)),
    ("strides", "strides", Extent(Some("pool_size"))),
    ("padding", "padding", Padding),
];
pub(super) const RECURRENT: &[Entry] = &[
    ("units", "units", Count(None)),
    ("activation", "activation", Activation("tanh")),
    ("use_bias", "use_bias", Flag(true)),
    ("bias_initializer", "bias_initializer", Initializer("Zeros")),
    ("recurrent_initializer", "recurrent_initializer", Initializer("Orthogonal")),
    ("recurrent_regularizer", "recurrent_regularizer", Regularizer),
    ("dropout", "dropout", Number(0.0)),
    ("recurrent_dropout", "recurrent_dropout", Number(0.0)),
    ("return_sequences", "return_sequences", Flag(false)),
    ("go_backwards", "go_backwards", Flag(false)),
    ("stateful", "stateful", Flag(false)),
    ("return_state", "", Only("false")),
    ("time_major", "", Only("false")),
    ("", "return_state", Own("false")),
    ("", "truncate", Own("null")),
    ("", "rotated_part", Own("\"input\"")),
];
/// Of convolutional memories; what they have in common with other layers stands with those.
pub(super) const GRIDS: &[Entry] = &[
    ("activation", "activation", Activation("tanh")),
    ("recurrent_activation", "recurrent_activation", Activation("hard_sigmoid")),
    ("use_bias", "use_bias", Flag(true)),
    ("bias_initializer", "bias_initializer", Initializer("Zeros")),
    ("unit_forget_bias", "unit_forget_bias", Flag(true)),
    ("recurrent_initializer", "recurrent_initializer", Initializer("Orthogonal")),
    ("recurrent_regularizer", "recurrent_regularizer", Regularizer),
    ("return_sequences", "return_sequences", Flag(false)),
    ("go_backwards", "go_backwards", Flag(false)),
    ("dropout", "", Only("0.0")),
    ("recurrent_dropout", "", Only("0.0")),
    ("return_state", "", Only("false")),
    ("stateful", "", Only("false")),
];
pub(super) const GATES: &[Entry] = &[("recurrent_activation", "recurrent_activation", Activation("sigmoid"))];
pub(super) const FACTOR: &[Entry] = &[("factor", "factor", Factor(false))];
pub(super) const VALUES: &[Entry] = &[("value_range", "value_range", Limits([0.0, 255.0]))];
pub(super) const PLANE: &[Entry] = &[
    ("fill_mode", "fill_mode", Word("reflect")),
    ("fill_value", "fill_value", Number(0.0)),
    ("interpolation", "interpolation", Word("bilinear")),
];

//! The layers that Keras' files and this crate have in common. To add one, add an entry; what is more than a layer's options stands in
//! `read` and `write`.

use super::form::Form::{self, *};
use super::options::*;

/// A class of Keras' layers and the kind of layer here. `#` in names stands for the number of spatial dimensions.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) keras: &'static str,
    pub(super) kind: &'static str,
    /// For these numbers of spatial dimensions; 0 for layers without.
    pub(super) dimensions: &'static [usize],
    pub(super) options: &'static [&'static [Entry]],
}

/// An option: Keras' name, this crate's, and how it is written. One of the names is empty where only the other has the option.
pub(super) type Entry = (&'static str, &'static str, Form);

/// Pooling and global pooling of one kind.
macro_rules! pools {
    ($keras:literal, $kind:literal) => {
        [
            Class {
                keras: concat!($keras, "Pooling#D"),
                kind: concat!($kind, "_pool#d"),
                dimensions: &[1, 2, 3],
                options: &[POOL, LAST, &[("", "dilation", Extent(Some("")))]],
            },
            Class {
                keras: concat!("Global", $keras, "Pooling#D"),
                kind: concat!("global_", $kind, "_pool#d"),
                dimensions: &[1, 2, 3],
                options: &[LAST, &[("keepdims", "keepdims", Flag(false))]],
            },
        ]
    };
}

static POOLS: [[Class; 2]; 2] = [pools!("Max", "max"), pools!("Average", "average")];

static CLASSES: &[Class] = &[
    Class { keras: "Dense", kind: "dense", dimensions: &[0], options: &[DENSE, NEURON, KERNEL, CLASSIC] },
    Class {
        keras: "AutoRotDense",
        kind: "dense",
        dimensions: &[0],
        options: &[DENSE, NEURON, KERNEL, ROTATED],
    },
    Class {
        keras: "Conv#D",
        kind: "conv#d",
        dimensions: &[1, 2, 3],
        options: &[FILTERS, WINDOW, GROUPS, LAST, NEURON, KERNEL, CLASSIC],
    },
    Class {
        keras: "AutoRotConv#D",
        kind: "conv#d",
        dimensions: &[1, 2, 3],
        options: &[FILTERS, WINDOW, GROUPS, LAST, NEURON, KERNEL, ROTATED],
    },
    Class {
        keras: "Conv#DTranspose",
        kind: "conv#d_transpose",
        dimensions: &[1, 2, 3],
        options: &[
            FILTERS,
            WINDOW,
            &[("output_padding", "output_padding", Extra)],
            UNGROUPED,
            LAST,
            NEURON,
            KERNEL,
            CLASSIC,
        ],
    },
    Class {
        keras: "DepthwiseConv#D",
        kind: "depthwise_conv#d",
        dimensions: &[1, 2],
        options: &[DEPTHWISE, WINDOW, UNGROUPED, LAST, NEURON, CLASSIC],
    },
    Class {
        keras: "SeparableConv#D",
        kind: "separable_conv#d",
        dimensions: &[1, 2],
        options: &[FILTERS, SEPARABLE, WINDOW, UNGROUPED, LAST, NEURON, CLASSIC],
    },
    Class {
        keras: "SimpleRNN",
        kind: "simple_rnn",
        dimensions: &[0],
        options: &[
            RECURRENT,
            KERNEL,
            CLASSIC,
            &[
                ("", "cell", Own("\"simple_rnn\"")),
                ("", "recurrent_activation", Own("\"sigmoid\"")),
                ("", "unit_forget_bias", Own("true")),
            ],
        ],
    },
    Class {
        keras: "LSTM",
        kind: "lstm",
        dimensions: &[0],
        options: &[
            RECURRENT,
            GATES,
            KERNEL,
            CLASSIC,
            &[("", "cell", Own("\"lstm\"")), ("unit_forget_bias", "unit_forget_bias", Flag(true))],
        ],
    },
    Class {
        keras: "GRU",
        kind: "gru",
        dimensions: &[0],
        options: &[
            RECURRENT,
            GATES,
            KERNEL,
            CLASSIC,
            &[("reset_after", "cell", Reset), ("", "unit_forget_bias", Own("true"))],
        ],
    },
    Class {
        keras: "ConvLSTM#D",
        kind: "conv_lstm#d",
        dimensions: &[1, 2],
        options: &[FILTERS, WINDOW, LAST, GRIDS, KERNEL, CLASSIC],
    },
    Class {
        keras: "BatchNormalization",
        kind: "batch_norm",
        dimensions: &[0],
        options: &[&[
            ("momentum", "momentum", Number(0.99)),
            ("epsilon", "epsilon", Number(1e-3)),
            ("center", "center", Flag(true)),
            ("scale", "scale", Flag(true)),
            ("synchronized", "synchronized", Flag(false)),
            ("renorm", "", Only("false")),
        ]],
    },
    Class {
        keras: "LayerNormalization",
        kind: "layer_norm",
        dimensions: &[0],
        options: &[&[
            ("epsilon", "epsilon", Number(1e-3)),
            ("center", "center", Flag(true)),
            ("scale", "scale", Flag(true)),
            ("rms_scaling", "", Only("false")),
        ]],
    },
    Class {
        keras: "GroupNormalization",
        kind: "group_norm",
        dimensions: &[0],
        options: &[&[
            ("groups", "groups", Whole(32)),
            ("epsilon", "epsilon", Number(1e-3)),
            ("center", "center", Flag(true)),
            ("scale", "scale", Flag(true)),
        ]],
    },
    Class {
        keras: "ZeroPadding#D",
        kind: "zero_padding#d",
        dimensions: &[1, 2, 3],
        options: &[LAST, &[("padding", "padding", Margins)]],
    },
    Class {
        keras: "UpSampling#D",
        kind: "up_sampling#d",
        dimensions: &[1, 3],
        options: &[LAST, &[("size", "size", Extent(None)), ("", "interpolation", Own("\"nearest\""))]],
    },
    Class {
        keras: "UpSampling#D",
        kind: "up_sampling#d",
        dimensions: &[2],
        options: &[
            LAST,
            &[("size", "size", Extent(None)), ("interpolation", "interpolation", Interpolation)],
        ],
    },
    Class {
        keras: "Masking",
        kind: "masking",
        dimensions: &[0],
        options: &[&[("mask_value", "value", Number(0.0))]],
    },
    Class {
        keras: "Dropout",
        kind: "dropout",
        dimensions: &[0],
        options: &[&[("rate", "rate", Number(0.5))]],
    },
    Class {
        keras: "AlphaDropout",
        kind: "alpha_dropout",
        dimensions: &[0],
        options: &[&[("rate", "rate", Number(0.5))]],
    },
    Class {
        keras: "Cropping#D",
        kind: "cropping#d",
        dimensions: &[1, 2, 3],
        options: &[LAST, &[("cropping", "cropping", Margins)]],
    },
    Class {
        keras: "SpatialDropout#D",
        kind: "spatial_dropout#d",
        dimensions: &[1, 2, 3],
        options: &[LAST, &[("rate", "rate", Number(0.5))]],
    },
    Class {
        keras: "GaussianNoise",
        kind: "gaussian_noise",
        dimensions: &[0],
        options: &[&[("stddev", "stddev", Number(0.0))]],
    },
    Class {
        keras: "Reshape",
        kind: "reshape",
        dimensions: &[0],
        options: &[&[("target_shape", "target_shape", List)]],
    },
    Class { keras: "Permute", kind: "permute", dimensions: &[0], options: &[&[("dims", "dims", List)]] },
    Class {
        keras: "RepeatVector",
        kind: "repeat_vector",
        dimensions: &[0],
        options: &[&[("n", "n", Count(None))]],
    },
    Class {
        keras: "Embedding",
        kind: "embedding",
        dimensions: &[0],
        options: &[&[
            ("input_dim", "input_dim", Count(None)),
            ("output_dim", "output_dim", Count(None)),
            ("embeddings_initializer", "embeddings_initializer", Initializer("RandomUniform")),
            ("embeddings_regularizer", "embeddings_regularizer", Regularizer),
            ("mask_zero", "mask_zero", Flag(false)),
        ]],
    },
    Class {
        keras: "PReLU",
        kind: "prelu",
        dimensions: &[0],
        options: &[&[
            ("alpha_initializer", "alpha_initializer", Initializer("Zeros")),
            ("alpha_regularizer", "alpha_regularizer", Regularizer),
            ("shared_axes", "shared_axes", Axes),
        ]],
    },
    Class { keras: "Flatten", kind: "flatten", dimensions: &[0], options: &[LAST] },
    Class {
        keras: "Activation",
        kind: "activate",
        dimensions: &[0],
        options: &[&[("activation", "activation", Activation("linear"))]],
    },
    Class {
        keras: "Softmax",
        kind: "softmax",
        dimensions: &[0],
        options: &[&[("axis", "", Only("-1")), ("", "axis", Own("-1"))]],
    },
    Class {
        keras: "RandomFlip",
        kind: "random_flip",
        dimensions: &[0],
        options: &[LAST, &[("mode", "mirror", Mirror)]],
    },
    Class {
        keras: "RandomTranslation",
        kind: "random_translation",
        dimensions: &[0],
        options: &[
            LAST,
            PLANE,
            &[
                ("height_factor", "height_factor", Factor(false)),
                ("width_factor", "width_factor", Factor(false)),
                ("", "pixels", Own("null")),
            ],
        ],
    },
    Class {
        keras: "RandomRotation",
        kind: "random_rotation",
        dimensions: &[0],
        options: &[LAST, PLANE, FACTOR],
    },
    Class {
        keras: "RandomZoom",
        kind: "random_zoom",
        dimensions: &[0],
        options: &[
            LAST,
            PLANE,
            &[
                ("height_factor", "height_factor", Factor(false)),
                ("width_factor", "width_factor", Factor(true)),
            ],
        ],
    },
    Class {
        keras: "RandomBrightness",
        kind: "random_brightness",
        dimensions: &[0],
        options: &[LAST, FACTOR, VALUES],
    },
    Class {
        keras: "RandomContrast",
        kind: "random_contrast",
        dimensions: &[0],
        options: &[LAST, FACTOR, VALUES],
    },
];

impl Class {
    fn all() -> impl Iterator<Item = (&'static Self, usize)> {
        let all = CLASSES.iter().chain(POOLS.iter().flatten());
        all.flat_map(|class| class.dimensions.iter().map(move |&dimensions| (class, dimensions)))
    }

    /// The class of this name in Keras, with the number of its dimensions.
    pub(super) fn of_keras(name: &str) -> Option<(&'static Self, usize)> {
        Self::all().find(|(class, dimensions)| class.keras.replace('#', &dimensions.to_string()) == name)
    }

    /// The class to write for a layer of this kind.
    pub(super) fn of_kind(kind: &str) -> Option<(&'static Self, usize)> {
        Self::all().find(|(class, dimensions)| class.kind.replace('#', &dimensions.to_string()) == kind)
    }

    /// The names of all classes in Keras.
    pub(super) fn names() -> String {
        let names = Self::all().map(|(class, dimensions)| class.keras.replace('#', &dimensions.to_string()));
        names.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'static Entry> {
        self.options.iter().flat_map(|entries| entries.iter())
    }
}

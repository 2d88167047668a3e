//! Random small nets: lists of numbers that shrink, and the layers that they stand for.

use autorot::extend::Layer;
use autorot::model::Network;
use autorot::{
    Activate, Activation, AlphaDropout, AutoRotate, BatchNorm, Bidirectional, Cell, Dense, Dropout, FillMode,
    Flatten, Initializer, LayerNorm, LearnL, Masking, MergeMode, Padding, RandomBrightness, RandomContrast,
    RandomCrop, RandomFlip, RandomRotation, RandomTranslation, RandomZoom, Recurrent, Regularizer, Residual,
    RotatedPart, Rule, Sequential, Softmax, TimeDistributed,
};
use autorot::{Conv, ConvTranspose, DepthwiseConv, GlobalPool, Pool, SeparableConv, UpSampling, ZeroPadding};
use proptest::prelude::*;

/// A net and its batch.
#[derive(Clone, Debug)]
pub struct Description {
    /// Grid of the input, then its channels.
    pub input: Vec<usize>,
    /// Whether the last steps of sequences are padding.
    pub masked: bool,
    pub layers: Vec<Spec>,
    pub batch: usize,
    pub seed: u64,
}

/// Numbers that a layer takes its options from.
#[derive(Clone, Debug)]
pub struct Spec {
    kind: u8,
    size: usize,
    window: [usize; 3],
    strides: [usize; 3],
    dilation: usize,
    padding: u8,
    activation: usize,
    rotation: Option<Turn>,
    bias: bool,
    choice: u8,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    rule: u8,
    learn: u8,
    detached: bool,
    per_filter: bool,
    gate: bool,
    own: bool,
}

pub fn descriptions() -> impl Strategy<Value = Description> {
    let input = prop_oneof![
        prop::collection::vec(1usize..=7, 1),
        prop::collection::vec(1usize..=6, 2),
        prop::collection::vec(1usize..=5, 3),
        prop::collection::vec(1usize..=3, 4),
    ];
    let layers = prop::collection::vec(specs(), 1..=4);
    let other = (any::<bool>(), 1usize..=5, 0u64..1000);
    (input, layers, other).prop_map(|(input, layers, (masked, batch, seed))| Description {
        masked: masked && input.len() == 2,
        input,
        layers,
        batch,
        seed,
    })
}

fn specs() -> impl Strategy<Value = Spec> {
    let turn = (0u8..3, 0u8..3, prop::bool::weighted(0.2), any::<bool>(), any::<bool>(), any::<bool>());
    let turn = turn.prop_map(|(rule, learn, detached, per_filter, gate, own)| Turn {
        rule,
        learn,
        detached,
        per_filter,
        gate,
        own,
    });
    let window = (prop::array::uniform3(1usize..=3), prop::array::uniform3(1usize..=2), 1usize..=2, 0u8..4);
    let neuron = (0..Activation::ALL.len(), prop::option::weighted(0.6, turn), any::<bool>());
    (0u8..KINDS, 1usize..=5, window, neuron, any::<u8>()).prop_map(
        |(kind, size, (window, strides, dilation, padding), (activation, rotation, bias), choice)| Spec {
            kind,
            size,
            window,
            strides,
            dilation,
            padding,
            activation,
            rotation,
            bias,
            choice,
        },
    )
}

impl Turn {
    fn options(self) -> AutoRotate {
        let rotate = match self.rule {
            0 => AutoRotate::new(),
            1 => AutoRotate::new().rule(Rule::Aligned),
            _ => AutoRotate::critical(),
        };
        let rotate = rotate
            .learn_l([LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit][usize::from(self.learn)])
            .detached(self.detached)
            .per_filter(self.per_filter);
        if self.own { rotate.x_q(-1.5).l(3.0).epsilon(0.1) } else { rotate }
    }
}

/// Layers of neurons with the options that they share.
macro_rules! neurons {
    ($spec:ident, $layer:expr, $regularizer:ident) => {
        $layer
            .activation($spec.activation())
            .use_bias($spec.bias)
            .bias_initializer(Initializer::RandomUniform { min: -0.5, max: 0.5 })
            .$regularizer($spec.regularizer())
            .auto_rotate($spec.rotation.map(Turn::options))
            .weight_norm($spec.rotation.is_none() && $spec.choice & 4 != 0)
    };
}

impl Spec {
    fn activation(&self) -> Activation {
        match Activation::ALL[self.activation] {
            // Several in a row exceed what f32 holds, and multiply every rounding.
            Activation::Exponential => Activation::Softplus,
            other => other,
        }
    }

    fn regularizer(&self) -> Regularizer {
        if self.choice.is_multiple_of(8) {
            Regularizer { l1: 0.01, l2: 0.02 }
        } else {
            Regularizer::default()
        }
    }

    fn extent<const D: usize>(values: [usize; 3]) -> [usize; D] {
        std::array::from_fn(|i| values[i])
    }

    fn padding<const D: usize>(&self) -> Padding {
        match self.padding {
            0 | 1 => Padding::Same,
            2 => Padding::Valid,
            _ => Padding::Explicit(vec![(1, 0); D]),
        }
    }

    fn dense(&self, units: usize) -> Dense {
        neurons!(self, Dense::new(units), kernel_regularizer)
    }

    fn recurrent(&self) -> Recurrent {
        let cells =
            [Cell::SimpleRnn, Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false }];
        // An unbounded state has no range, from which gates could turn.
        let activation = if self.bias { Activation::Tanh } else { Activation::Softsign };
        let gate = self.rotation.is_some_and(|turn| turn.gate && turn.rule < 2);
        neurons!(self, Recurrent::new(cells[usize::from(self.choice) % 4], self.size), kernel_regularizer)
            .activation(activation)
            .rotated_part(if gate { RotatedPart::Gate } else { RotatedPart::Input })
            .return_sequences(self.choice & 16 != 0)
            .dropout(if self.choice & 32 != 0 { 0.25 } else { 0.0 })
            .recurrent_dropout(if self.choice & 64 != 0 { 0.25 } else { 0.0 })
    }

    fn spatial<const D: usize>(&self, channels: usize) -> Box<dyn Layer> {
        let window = Self::extent::<D>(self.window);
        let strides = Self::extent::<D>(self.strides);
        let padding = self.padding::<D>();
        match self.kind {
            SPATIAL => {
                let conv = Conv::<D>::new(self.size, window).strides(strides).padding(padding);
                let conv = neurons!(self, conv, kernel_regularizer).dilation(self.dilation);
                let groups = if self.choice.is_multiple_of(4) { channels } else { 1 };
                Box::new(if self.size.is_multiple_of(groups) { conv.groups(groups) } else { conv })
            }
            11 => {
                let conv = ConvTranspose::<D>::new(self.size, window).strides(strides);
                let padding = if self.padding == 3 { Padding::Valid } else { padding };
                Box::new(neurons!(self, conv.padding(padding), kernel_regularizer))
            }
            12 => {
                let conv = DepthwiseConv::<D>::new(window).depth_multiplier(1 + self.size % 2);
                let conv = conv.strides(strides).padding(padding).dilation(self.dilation);
                Box::new(neurons!(self, conv, depthwise_regularizer))
            }
            13 => {
                let conv = SeparableConv::<D>::new(self.size, window).depth_multiplier(1 + self.size % 2);
                let conv = conv.strides(strides).padding(padding).dilation(self.dilation);
                Box::new(neurons!(self, conv, pointwise_regularizer))
            }
            14 => Box::new(Pool::<D, true>::new(window).strides(strides).padding(padding)),
            15 => Box::new(Pool::<D, false>::new(window).strides(strides).padding(padding)),
            16 if self.bias => Box::new(GlobalPool::<D, true>::new().keepdims(self.choice.is_multiple_of(2))),
            16 => Box::new(GlobalPool::<D, false>::new().keepdims(self.choice.is_multiple_of(2))),
            17 => Box::new(ZeroPadding::<D>::new(strides.map(|n| (n - 1, n)))),
            _ => Box::new(UpSampling::<D>::new(strides)),
        }
    }

    /// The layer for an input of this shape. What does not fit is no layer of the net.
    fn layer(&self, shape: &[usize]) -> Box<dyn Layer> {
        let channels = *shape.last().unwrap();
        match self.kind {
            0 | 1 => Box::new(self.dense(self.size)),
            2 => Box::new(Flatten),
            3 if self.choice.is_multiple_of(3) => {
                Box::new(AlphaDropout::new(if self.bias { 0.25 } else { 0.0 }))
            }
            3 => Box::new(Dropout::new(if self.bias { 0.25 } else { 0.0 })),
            4 if self.choice.is_multiple_of(3) && channels > 2 => {
                Box::new(LayerNorm::new().center(self.bias).scale(self.choice.is_multiple_of(2)))
            }
            4 => Box::new(BatchNorm::new().center(self.bias).scale(self.choice.is_multiple_of(2))),
            5 if self.choice.is_multiple_of(4) && channels > 1 => Box::new(Softmax::new()),
            5 => Box::new(Activate::new(self.activation())),
            6 => match self.choice % 8 {
                0 => Box::new(RandomFlip::both()),
                1 => Box::new(RandomTranslation::new([1, 2])),
                2 => Box::new(RandomTranslation::shares(0.3, 0.2).fill_mode(FillMode::Wrap)),
                3 => Box::new(RandomRotation::new(0.2)),
                4 => Box::new(RandomZoom::new(0.3).fill_mode(FillMode::Constant)),
                5 => Box::new(RandomBrightness::new(0.2).value_range(-1.0, 1.0)),
                6 => Box::new(RandomContrast::new(0.4).value_range(-2.0, 2.0)),
                _ => Box::new(RandomCrop::new(Self::extent::<2>(self.window))),
            },
            7 => Box::new(self.recurrent()),
            8 => {
                let merges = [MergeMode::Concat, MergeMode::Sum, MergeMode::Mul, MergeMode::Ave];
                Box::new(Bidirectional::new(self.recurrent()).merge(merges[self.padding as usize]))
            }
            9 => {
                let block = Residual::new().add(self.dense(channels));
                let block = if self.bias { block } else { block.shortcut(Dense::new(channels)) };
                Box::new(block)
            }
            _ if self.choice & 128 != 0 && shape.len() > 2 => {
                Box::new(TimeDistributed::new(self.of_rank(shape.len() - 1, channels)))
            }
            _ => self.of_rank(shape.len(), channels),
        }
    }

    fn of_rank(&self, rank: usize, channels: usize) -> Box<dyn Layer> {
        match rank {
            1 => Box::new(self.dense(self.size)),
            2 => self.spatial::<1>(channels),
            3 => self.spatial::<2>(channels),
            _ => self.spatial::<3>(channels),
        }
    }
}

/// The first kind with spatial dimensions; all that follow have them.
const SPATIAL: u8 = 10;
const KINDS: u8 = 19;

/// The most numbers of a row between layers, and of parameters.
const MOST: usize = 600;

impl Description {
    /// The layers that fit, one after another; where none does, a dense one.
    pub fn net(&self) -> Sequential {
        let mut fitting: Vec<Spec> = Vec::new();
        for spec in &self.layers {
            let with: Vec<Spec> = fitting.iter().chain([spec]).cloned().collect();
            let Ok(network) = self.chain(&with).network(self.seed) else { continue };
            if network.output().len() <= MOST && network.arena().count() <= MOST {
                fitting = with;
            }
        }
        if fitting.is_empty() { self.chain(&[]).add(Dense::new(3)) } else { self.chain(&fitting) }
    }

    fn chain(&self, specs: &[Spec]) -> Sequential {
        let start = || Sequential::new(self.input.clone()).input_range(-1.0, 1.0);
        let mut net = start();
        if self.masked {
            net = net.add(Masking::new(0.0));
        }
        let mut shape = self.input.clone();
        for (i, spec) in specs.iter().enumerate() {
            net = net.add_boxed(spec.layer(&shape));
            shape = match specs.len() - i {
                1 => break,
                _ => net.network(self.seed).map_or(shape, |network: Network| network.output().shape.clone()),
            };
        }
        net
    }
}

//! Examples of convolutions and related layers.

use super::{Entry, entry};
use crate::layer::{
    Activate, BatchNorm, Conv, ConvTranspose, Cropping, DepthwiseConv, GlobalPool, GroupNorm, LayerNorm,
    Pool, RandomBrightness, RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation,
    RandomZoom, Residual, SeparableConv, SpatialDropout, UpSampling, ZeroPadding,
};
use crate::{
    Activation, AutoRotate, Dense, FillMode, Initializer, Interpolation, LearnL, Padding, Regularizer, Rule,
};

/// Every rotation that a convolution can have.
fn rotations() -> Vec<AutoRotate> {
    let rules = [Rule::Diagonal, Rule::Aligned];
    let learns = [LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit];
    let all =
        rules.into_iter().flat_map(|rule| learns.map(|learn| AutoRotate::new().rule(rule).learn_l(learn)));
    let few = [
        AutoRotate::new().per_filter(true).learn_l(LearnL::PerUnit),
        AutoRotate::new().x_q(-1.5).l(3.0),
        AutoRotate::critical(),
        AutoRotate::critical().norm(None),
    ];
    // Finite differences are useless near q = 0.
    all.chain(few).map(|rotate| rotate.epsilon(0.3)).collect()
}

/// The same layer: classic, with every rotation, without a bias, and with a regulariser.
macro_rules! neurons {
    ($layer:expr, $regularizer:ident) => {{
        let layer = $layer.bias_initializer(Initializer::Constant(0.2));
        let rotated = rotations()
            .into_iter()
            .map(|rotate| layer.clone().activation(Activation::Tanh).auto_rotate(rotate));
        // With many weights, one is so near 0 that a finite difference would cross the kink of |w|.
        let penalty = Regularizer { l1: if D == 1 { 0.01 } else { 0.0 }, l2: 0.03 };
        let mut examples = vec![
            layer.clone().activation(Activation::Sigmoid),
            layer.clone().use_bias(false),
            layer.clone().activation(Activation::Arctan).$regularizer(penalty),
            layer.clone().activation(Activation::Tanh).use_bias(false).auto_rotate(rotations()[0]),
            layer.clone().activation(Activation::Tanh).weight_norm(true).$regularizer(penalty),
        ];
        examples.extend(rotated);
        examples
    }};
}

/// Examples with `D` spatial dimensions and inputs of this shape.
fn of_dimensions<const D: usize>(input: &[usize]) -> Vec<Entry> {
    let padded = Padding::Explicit(vec![(2, 1); D]);
    let mut convs = neurons!(Conv::<D>::new(4, 3).padding(Padding::Same), kernel_regularizer);
    let rotate = |layer: Conv<D>| {
        let layer = layer.bias_initializer(Initializer::Constant(0.2));
        layer.activation(Activation::Sigmoid).auto_rotate(rotations()[0])
    };
    convs.extend([
        rotate(Conv::new(3, 2).strides(2)),
        rotate(Conv::new(6, 2).groups(2).dilation(2).padding(Padding::Same)),
        rotate(Conv::new(4, 2).groups(4).padding(padded.clone())),
        rotate(Conv::new(2, 1).strides(3)),
        rotate(Conv::new(4, 2).groups(2)).auto_rotate(rotations()[3]),
        rotate(Conv::new(3, 2).strides(2)).auto_rotate(AutoRotate::critical()),
        Conv::new(4, 2).groups(2).weight_norm(true),
    ]);
    if D == 1 {
        convs.extend([
            rotate(Conv::new(3, 3).dilation(2).padding(Padding::Causal)),
            rotate(Conv::new(4, 3).groups(2).strides(2).padding(Padding::Causal)),
        ]);
    }
    let mut transposed =
        neurons!(ConvTranspose::<D>::new(3, 3).strides(2).padding(Padding::Same), kernel_regularizer);
    let rotate = |layer: ConvTranspose<D>| {
        let layer = layer.bias_initializer(Initializer::Constant(0.2));
        layer.activation(Activation::Sigmoid).auto_rotate(rotations()[0])
    };
    transposed.extend([
        rotate(ConvTranspose::new(2, 2).strides(3)),
        rotate(ConvTranspose::new(2, 3).strides(2).output_padding(1)),
        rotate(ConvTranspose::new(2, 2).dilation(2)),
        rotate(ConvTranspose::new(2, 3).strides(2).padding(Padding::Explicit(vec![(1, 2); D]))),
    ]);
    let mut depthwise = neurons!(DepthwiseConv::<D>::new(2).padding(Padding::Same), depthwise_regularizer);
    depthwise.push(
        DepthwiseConv::new(3)
            .depth_multiplier(2)
            .strides(2)
            .padding(padded.clone())
            .bias_initializer(Initializer::Constant(0.2))
            .activation(Activation::Tanh)
            .auto_rotate(rotations()[0]),
    );
    let mut separable = neurons!(SeparableConv::<D>::new(3, 2).padding(Padding::Same), pointwise_regularizer);
    separable.extend(rotations().into_iter().take(4).map(|rotate| {
        SeparableConv::new(5, 2)
            .depth_multiplier(2)
            .strides(2)
            .padding(padded.clone())
            .bias_initializer(Initializer::Constant(0.2))
            .depthwise_regularizer(Regularizer { l1: 0.0, l2: 0.02 })
            .activation(Activation::Tanh)
            .auto_rotate(rotate)
    }));
    if D == 1 {
        separable.push(
            SeparableConv::new(3, 3)
                .padding(Padding::Causal)
                .activation(Activation::Tanh)
                .bias_initializer(Initializer::Constant(0.2))
                .auto_rotate(rotations()[0]),
        );
    }
    let shifted = Padding::Explicit(vec![(1, 0); D]);
    let pools =
        || [(1, Padding::Valid), (2, Padding::Same), (2, shifted.clone()), (3, Padding::Valid)].into_iter();
    vec![
        entry(input, (Conv::<D>::new(1, 1), &["filters", "kernel_size"]), convs),
        entry(input, (ConvTranspose::<D>::new(1, 1), &["filters", "kernel_size"]), transposed),
        entry(input, (DepthwiseConv::<D>::new(1), &["kernel_size"]), depthwise),
        entry(input, (SeparableConv::<D>::new(1, 1), &["filters", "kernel_size"]), separable),
        entry(
            input,
            (Pool::<D, true>::new(1), &["kernel_size"]),
            pools().map(|(stride, padding)| Pool::<D, true>::new(2).strides(stride).padding(padding)),
        )
        .following("strides", "kernel_size"),
        entry(
            input,
            (Pool::<D, false>::new(1), &["kernel_size"]),
            pools().map(|(stride, padding)| Pool::<D, false>::new(2).strides(stride).padding(padding)),
        )
        .following("strides", "kernel_size"),
        entry(
            input,
            (GlobalPool::<D, true>::new(), &[]),
            [false, true].map(|keep| GlobalPool::<D, true>::new().keepdims(keep)),
        ),
        entry(
            input,
            (GlobalPool::<D, false>::new(), &[]),
            [false, true].map(|keep| GlobalPool::<D, false>::new().keepdims(keep)),
        ),
        entry(
            input,
            (ZeroPadding::<D>::new([(1, 1); D]), &["padding"]),
            [ZeroPadding::<D>::new([(1, 2); D])],
        ),
        entry(
            input,
            (Cropping::<D>::new([(0, 0); D]), &["cropping"]),
            [Cropping::<D>::new([(1, 0); D]), Cropping::<D>::new([(0, 1); D])],
        ),
        entry(
            input,
            (SpatialDropout::<D>::new(0.0), &["rate"]),
            [SpatialDropout::<D>::new(0.4), SpatialDropout::<D>::new(0.0)],
        ),
        entry(input, (UpSampling::<D>::new(1), &["size"]), [UpSampling::<D>::new(2)]),
    ]
}

pub(super) fn entries() -> Vec<Entry> {
    let mut all = of_dimensions::<1>(&[5, 4]);
    all.extend(of_dimensions::<2>(&[4, 3, 4]));
    all.extend(of_dimensions::<3>(&[2, 3, 2, 4]));
    let norm = BatchNorm::new();
    let norms = || [norm, norm.center(false).epsilon(0.1), norm.scale(false)];
    let layer_norm = LayerNorm::new();
    let layer_norms = || {
        let bare = layer_norm.center(false).scale(false);
        [layer_norm, layer_norm.center(false).epsilon(0.1), layer_norm.scale(false), bare]
    };
    let conv = || Conv::<2>::new(4, 3).padding(Padding::Same).activation(Activation::Tanh);
    all.extend([
        entry(&[5], (norm, &[]), norms()),
        entry(&[5], (layer_norm, &[]), layer_norms()),
        entry(&[2, 3, 4], (layer_norm, &[]), layer_norms()),
        entry(&[32], (GroupNorm::default(), &[]), [GroupNorm::new(8), GroupNorm::new(4).scale(false)]),
        entry(
            &[3, 2, 32],
            (GroupNorm::default(), &[]),
            [
                GroupNorm::new(-1).center(false),
                GroupNorm::new(4).scale(false).epsilon(0.1),
                GroupNorm::new(1).center(false).scale(false),
                GroupNorm::default(),
            ],
        ),
        entry(
            &[4, 3, 4],
            (UpSampling::<2>::new(1), &["size"]),
            [[2, 3], [1, 2], [3, 1]]
                .map(|size| UpSampling::<2>::new(size).interpolation(Interpolation::Bilinear)),
        ),
        entry(
            &[5],
            (Activate::new(Activation::Linear), &["activation"]),
            [Activate::new(Activation::Silu), Activate::new(Activation::Softplus)],
        ),
        entry(
            &[4, 3, 4],
            (Residual::new(), &[]),
            [
                Residual::new().add(conv().auto_rotate(rotations()[0])).add(norm),
                Residual::new().add(Conv::<2>::new(6, 2).strides(2).padding(Padding::Same)).shortcut(
                    Conv::<2>::new(6, 1).strides(2).kernel_regularizer(Regularizer { l1: 0.0, l2: 0.1 }),
                ),
            ],
        ),
        entry(
            &[5],
            (Residual::new(), &[]),
            [Residual::new().add(Residual::new().add(Dense::new(5).activation(Activation::Tanh)))],
        ),
        entry(
            &[4, 5, 3],
            (RandomFlip::both(), &[]),
            [RandomFlip::both(), RandomFlip::horizontal(), RandomFlip::vertical()],
        ),
        entry(
            &[4, 5, 3],
            (RandomTranslation::shares(0.0, 0.0), &[]),
            [
                RandomTranslation::shares(0.3, (-0.5, 0.2)).fill_mode(FillMode::Constant).fill_value(0.5),
                RandomTranslation::shares(1.0, 0.4).fill_mode(FillMode::Wrap),
                RandomTranslation::new([2, 1]),
            ],
        ),
        entry(
            &[4, 5, 3],
            (RandomRotation::new(0.0), &["factor"]),
            [
                RandomRotation::new((0.05, 0.1)).fill_mode(FillMode::Nearest),
                RandomRotation::new(0.4).fill_mode(FillMode::Constant).interpolation(Interpolation::Nearest),
                RandomRotation::new(0.5).fill_value(2.0),
            ],
        ),
        entry(
            &[4, 5, 3],
            (RandomZoom::new(0.0), &["height_factor"]),
            [
                RandomZoom::new(0.4).width_factor((-0.5, -0.2)).interpolation(Interpolation::Nearest),
                RandomZoom::new((0.2, 0.9)).fill_mode(FillMode::Wrap),
                RandomZoom::new(0.6).fill_mode(FillMode::Nearest).fill_value(2.0),
            ],
        ),
        entry(
            &[4, 5, 3],
            (RandomBrightness::new(0.0), &["factor"]),
            [RandomBrightness::new((-0.2, 0.1)), RandomBrightness::new(0.2).value_range(-0.8, 0.9)],
        ),
        entry(
            &[4, 5, 3],
            (RandomContrast::new(0.0), &["factor"]),
            [RandomContrast::new((0.9, 0.2)), RandomContrast::new(0.7).value_range(-0.8, 0.9)],
        ),
        entry(&[4, 5, 3], (RandomCrop::new(1), &["size"]), [RandomCrop::new([3, 2])]),
    ]);
    all
}

//! Descriptions of nets from bytes: every layer with options that make sense, and some that do not.

use arbitrary::{Result, Unstructured};
use autorot::{Conv, ConvTranspose, DepthwiseConv, GlobalPool, Pool, SeparableConv, UpSampling, ZeroPadding};
use autorot::extend::Layer;
use autorot::{Activate, Activation, AlphaDropout, AutoRotate, BatchNorm, Bidirectional, Cell, Dense, Dropout, Flatten, Initializer, LayerNorm, LearnL, Masking, MergeMode, Padding, RandomCrop, RandomFlip, RandomTranslation, Recurrent, Regularizer, Residual, RotatedPart, Rule, Sequential, Softmax, TimeDistributed};

/// A size: mostly small, sometimes large, rarely one that nothing can have.
pub fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u.arbitrary::<u8>()? {
        0..200 => u.int_in_range(1..=6)?,
        200..225 => u.int_in_range(0..=40)?,
        225..245 => u.int_in_range(0..=70_000)?,
        245..252 => 1 << u.int_in_range(0..=40)?,
        252.. => usize::MAX - u.int_in_range(0..=2)?,
    })
}

/// A number: mostly a plain one, rarely any.
fn real(u: &mut Unstructured<'_>) -> Result<f32> {
    let byte: u8 = u.arbitrary()?;
    Ok(if byte < 245 { (f32::from(byte) - 100.0) / 50.0 } else { u.arbitrary()? })
}

fn some<T>(
    u: &mut Unstructured<'_>,
    of: impl FnOnce(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if u.ratio(1, 4)? { of(u).map(Some) } else { Ok(None) }
}

fn activation(u: &mut Unstructured<'_>) -> Result<Activation> {
    u.choose(Activation::ALL).copied()
}

fn initializer(u: &mut Unstructured<'_>) -> Result<Initializer> {
    Ok(match u.int_in_range(0..=9)? {
        0 => Initializer::GlorotUniform,
        1 => Initializer::HeNormal,
        2 => Initializer::LecunUniform,
        3 => Initializer::Zeros,
        4 => Initializer::Ones,
        5 => Initializer::Constant(real(u)?),
        6 => Initializer::RandomUniform { min: real(u)?, max: real(u)? },
        7 => Initializer::RandomNormal { mean: real(u)?, deviation: real(u)? },
        8 => Initializer::TruncatedNormal { mean: real(u)?, deviation: real(u)? },
        _ => Initializer::Orthogonal { gain: real(u)? },
    })
}

fn regularizer(u: &mut Unstructured<'_>) -> Result<Regularizer> {
    Ok(Regularizer { l1: some(u, real)?.unwrap_or(0.0), l2: some(u, real)?.unwrap_or(0.0) })
}

fn rotation(u: &mut Unstructured<'_>) -> Result<Option<AutoRotate>> {
    if u.arbitrary()? {
        return Ok(None);
    }
    let mut rotate = AutoRotate::new()
        .rule(*u.choose(&[Rule::Diagonal, Rule::Aligned])?)
        .learn_l(*u.choose(&[LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit])?)
        .detached(u.arbitrary()?)
        .per_filter(u.arbitrary()?);
    if let Some(x_q) = some(u, real)? {
        rotate = rotate.x_q(x_q);
    }
    if let Some(l) = some(u, real)? {
        rotate = rotate.l(l);
    }
    if let Some((min, max)) = some(u, |u| Ok((real(u)?, real(u)?)))? {
        rotate = rotate.limits(min, max);
    }
    if let Some(epsilon) = some(u, real)? {
        rotate = rotate.epsilon(epsilon);
    }
    Ok(Some(rotate))
}

fn padding<const D: usize>(u: &mut Unstructured<'_>) -> Result<Padding> {
    Ok(match u.int_in_range(0..=2)? {
        0 => Padding::Valid,
        1 => Padding::Same,
        _ => {
            let dims = if u.ratio(1, 20)? { u.int_in_range(0..=4)? } else { D };
            let mut margin = || Ok(if u.ratio(1, 8)? { size(u)? } else { u.int_in_range(0..=2)? });
            Padding::Explicit((0..dims).map(|_| Ok((margin()?, margin()?))).collect::<Result<_>>()?)
        }
    })
}

fn extent<const D: usize>(u: &mut Unstructured<'_>) -> Result<[usize; D]> {
    let mut all = [1; D];
    for n in &mut all {
        *n = if u.ratio(1, 12)? { size(u)? } else { u.int_in_range(1..=3)? };
    }
    Ok(all)
}

/// The options that layers of neurons share.
macro_rules! neurons {
    ($u:ident, $layer:expr, $initializer:ident, $regularizer:ident) => {
        $layer
            .activation(activation($u)?)
            .use_bias($u.arbitrary()?)
            .$initializer(initializer($u)?)
            .bias_initializer(initializer($u)?)
            .$regularizer(regularizer($u)?)
            .auto_rotate(rotation($u)?)
            .weight_norm($u.ratio(1, 8)?)
    };
}

macro_rules! windows {
    ($u:ident, $layer:expr) => {
        $layer.strides(extent($u)?).padding(padding::<D>($u)?)
    };
}

/// A layer of `D` spatial dimensions.
fn spatial<const D: usize>(u: &mut Unstructured<'_>) -> Result<Box<dyn Layer>> {
    Ok(match u.int_in_range(0..=9)? {
        0 | 1 => {
            let layer = windows!(u, Conv::<D>::new(size(u)?, extent(u)?)).dilation(extent(u)?);
            let layer = neurons!(u, layer, kernel_initializer, kernel_regularizer);
            Box::new(layer.groups(if u.ratio(1, 4)? { size(u)? } else { 1 }))
        }
        2 => {
            let layer = windows!(u, ConvTranspose::<D>::new(size(u)?, extent(u)?)).dilation(extent(u)?);
            let mut layer = neurons!(u, layer, kernel_initializer, kernel_regularizer);
            if let Some(extra) = some(u, |u| Ok([(); D].map(|()| u.int_in_range(0..=2).unwrap_or(0))))? {
                layer = layer.output_padding(extra);
            }
            Box::new(layer)
        }
        3 => {
            let layer = windows!(u, DepthwiseConv::<D>::new(extent(u)?)).dilation(extent(u)?);
            let layer = neurons!(u, layer, depthwise_initializer, depthwise_regularizer);
            Box::new(layer.depth_multiplier(size(u)?))
        }
        4 => {
            let layer = windows!(u, SeparableConv::<D>::new(size(u)?, extent(u)?)).dilation(extent(u)?);
            let layer = neurons!(u, layer, pointwise_initializer, pointwise_regularizer);
            Box::new(layer.depth_multiplier(size(u)?).depthwise_regularizer(regularizer(u)?))
        }
        5 => Box::new(windows!(u, Pool::<D, true>::new(extent(u)?))),
        6 => Box::new(windows!(u, Pool::<D, false>::new(extent(u)?))),
        7 if u.arbitrary()? => Box::new(GlobalPool::<D, true>::new().keepdims(u.arbitrary()?)),
        7 => Box::new(GlobalPool::<D, false>::new().keepdims(u.arbitrary()?)),
        8 => {
            let before = extent::<D>(u)?;
            Box::new(ZeroPadding::<D>::new(before.map(|n| (n - n.min(1), n))))
        }
        _ => Box::new(UpSampling::<D>::new(extent(u)?)),
    })
}

fn recurrent(u: &mut Unstructured<'_>) -> Result<Recurrent> {
    let cells =
        [Cell::SimpleRnn, Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false }];
    let layer = Recurrent::new(*u.choose(&cells)?, size(u)?);
    let layer = neurons!(u, layer, kernel_initializer, kernel_regularizer);
    Ok(layer
        .recurrent_activation(activation(u)?)
        .recurrent_initializer(initializer(u)?)
        .recurrent_regularizer(regularizer(u)?)
        .unit_forget_bias(u.arbitrary()?)
        .rotated_part(*u.choose(&[RotatedPart::Input, RotatedPart::Gate])?)
        .dropout(some(u, real)?.unwrap_or(0.0))
        .recurrent_dropout(some(u, real)?.unwrap_or(0.0))
        .return_sequences(u.arbitrary()?)
        .return_state(u.ratio(1, 8)?)
        .go_backwards(u.ratio(1, 4)?)
        .stateful(u.ratio(1, 8)?)
        .truncate(some(u, size)?))
}

/// A layer for inputs of `dims` dimensions, or now and then of another number.
fn layer(u: &mut Unstructured<'_>, dims: usize, depth: usize) -> Result<Box<dyn Layer>> {
    let nested = if depth == 0 { 0 } else { 2 };
    Ok(match u.int_in_range(0..=13 + nested)? {
        0 | 1 => Box::new(neurons!(u, Dense::new(size(u)?), kernel_initializer, kernel_regularizer)),
        2 => Box::new(Flatten),
        3 if u.arbitrary()? => Box::new(AlphaDropout::new(real(u)?)),
        3 => Box::new(Dropout::new(real(u)?)),
        4 => {
            let norm = BatchNorm::new().center(u.arbitrary()?).scale(u.arbitrary()?);
            Box::new(match some(u, |u| Ok((real(u)?, real(u)?)))? {
                Some((momentum, epsilon)) => norm.momentum(momentum).epsilon(epsilon),
                None => norm,
            })
        }
        5 => match u.int_in_range(0..=3)? {
            0 => Box::new(Softmax::new()),
            1 => Box::new(LayerNorm::new().center(u.arbitrary()?).scale(u.arbitrary()?).epsilon(real(u)?)),
            _ => Box::new(Activate::new(activation(u)?)),
        },
        6 => match u.int_in_range(0..=2)? {
            0 => Box::new(RandomFlip::both()),
            1 => Box::new(RandomTranslation::new(extent(u)?)),
            _ => Box::new(RandomCrop::new(extent(u)?)),
        },
        7 => Box::new(Masking::new(real(u)?)),
        8 => Box::new(recurrent(u)?),
        9 => {
            let merges = [MergeMode::Concat, MergeMode::Sum, MergeMode::Mul, MergeMode::Ave];
            Box::new(Bidirectional::new(recurrent(u)?).merge(*u.choose(&merges)?))
        }
        10..=13 => match if u.ratio(1, 16)? { u.int_in_range(2..=4)? } else { dims } {
            0..=2 => spatial::<1>(u)?,
            3 => spatial::<2>(u)?,
            _ => spatial::<3>(u)?,
        },
        14 => {
            let mut block = Residual::new();
            for _ in 0..u.int_in_range(1..=2)? {
                block = block.add(layer(u, dims, depth - 1)?);
            }
            for _ in 0..u.int_in_range(0..=1)? {
                block = block.shortcut(layer(u, dims, depth - 1)?);
            }
            Box::new(block)
        }
        _ => Box::new(TimeDistributed::new(layer(u, dims.saturating_sub(1), depth - 1)?)),
    })
}

/// A net of a few layers.
pub fn net(u: &mut Unstructured<'_>) -> Result<Sequential> {
    let dims = u.int_in_range(0..=5)?;
    let shape = (0..dims).map(|_| size(u)).collect::<Result<Vec<_>>>()?;
    let mut net = Sequential::new(shape);
    if !u.ratio(1, 8)? {
        net = net.input_range(-1.0, 1.0);
    } else if let Some((min, max)) = some(u, |u| Ok((real(u)?, real(u)?)))? {
        net = net.input_range(min, max);
    }
    for _ in 0..u.int_in_range(1..=4)? {
        net = net.add_boxed(layer(u, dims, 2)?);
    }
    Ok(net)
}

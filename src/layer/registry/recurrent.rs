//! Examples of sequence layers.

use super::{Entry, entry};
use crate::layer::*;
use crate::{Activation, AutoRotate, Initializer, LearnL, MergeMode, Padding, Rule};

/// Examples of small layers with this cell: every option, classic and rotated.
fn of_cell(cell: Cell) -> Vec<Recurrent> {
    let base = || Recurrent::new(cell, 3).bias_initializer(Initializer::Constant(0.5));
    let rotate = AutoRotate::new;
    let mut all = vec![
        base(),
        base().return_sequences(true),
        base().go_backwards(true),
        base().go_backwards(true).return_sequences(true),
        base().use_bias(false),
        base().activation(Activation::Softsign).recurrent_activation(Activation::Tanh),
        base().dropout(0.3).recurrent_dropout(0.4).return_sequences(true),
        base()
            .kernel_regularizer(Regularizer { l1: 0.01, l2: 0.02 })
            .recurrent_regularizer(Regularizer { l1: 0.03, l2: 0.01 }),
        base().weight_norm(true),
        base().weight_norm(true).dropout(0.3).kernel_regularizer(Regularizer { l1: 0.01, l2: 0.02 }),
    ];
    for part in [RotatedPart::Input, RotatedPart::Gate] {
        let layer = || base().rotated_part(part);
        for rule in [Rule::Diagonal, Rule::Aligned] {
            for learn in [LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit] {
                all.push(layer().auto_rotate(rotate().rule(rule).learn_l(learn)));
            }
        }
        if part == RotatedPart::Input {
            all.push(layer().auto_rotate(AutoRotate::critical()));
            all.push(layer().use_bias(false).dropout(0.3).auto_rotate(AutoRotate::critical().norm(None)));
        }
        let others = rotate().x_q(-1.5).l(3.0).epsilon(0.1).learn_l(LearnL::PerLayer);
        all.push(layer().use_bias(false).return_sequences(true).auto_rotate(others));
        let penalised = layer()
            .kernel_regularizer(Regularizer { l1: 0.01, l2: 0.02 })
            .recurrent_regularizer(Regularizer { l1: 0.03, l2: 0.01 });
        all.push(penalised.dropout(0.3).recurrent_dropout(0.4).auto_rotate(rotate()));
    }
    all
}

/// Examples of convolutional memories: every option, classic and rotated.
fn of_grids<const D: usize>() -> Vec<ConvLstm<D>> {
    let base = || {
        let layer = ConvLstm::<D>::new(2, 2).bias_initializer(Initializer::Constant(0.2));
        layer.recurrent_activation(Activation::Sigmoid)
    };
    let rotate = |rotate: AutoRotate| base().padding(Padding::Same).auto_rotate(rotate.epsilon(0.3));
    let mut all = vec![
        base(),
        base().return_sequences(true).strides(2),
        base().go_backwards(true).padding(Padding::Same).dilation(2),
        base().go_backwards(true).return_sequences(true).use_bias(false),
        ConvLstm::new(3, 1).unit_forget_bias(false).activation(Activation::Softsign),
        base()
            .kernel_regularizer(Regularizer { l1: 0.01, l2: 0.02 })
            .recurrent_regularizer(Regularizer { l1: 0.03, l2: 0.01 }),
        base().weight_norm(true).padding(Padding::Same),
        rotate(AutoRotate::critical()).use_bias(false),
        rotate(AutoRotate::new().per_filter(true)).go_backwards(true),
        rotate(AutoRotate::new().x_q(-1.5).l(3.0)).return_sequences(true).strides(2),
    ];
    for rule in [Rule::Diagonal, Rule::Aligned] {
        for learn in [LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit] {
            all.push(rotate(AutoRotate::new().rule(rule).learn_l(learn)));
        }
    }
    all
}

pub(super) fn entries() -> Vec<Entry> {
    let input = [4, 2];
    let gru = [true, false].into_iter().flat_map(|reset_after| of_cell(Cell::Gru { reset_after }));
    let lstms = of_cell(Cell::Lstm).into_iter().chain([Lstm::new(3).unit_forget_bias(false)]);
    let merges = [MergeMode::Concat, MergeMode::Sum, MergeMode::Mul, MergeMode::Ave];
    let cells = [Lstm::new(3), SimpleRnn::new(2), Gru::new(3), Lstm::new(2)];
    let both = merges.into_iter().zip(cells).flat_map(|(merge, layer)| {
        [false, true].map(|sequences| {
            let layer = layer
                .clone()
                .bias_initializer(Initializer::Constant(0.5))
                .return_sequences(sequences)
                .auto_rotate(AutoRotate::new());
            Bidirectional::new(layer).merge(merge)
        })
    });
    let base = |layer: Recurrent| layer.bias_initializer(Initializer::Constant(0.5));
    let backwards = |layer: Recurrent| base(layer).go_backwards(true);
    let different = [
        Bidirectional::new(base(Lstm::new(3).return_sequences(true)))
            .backward_layer(backwards(Gru::new(2).return_sequences(true).auto_rotate(AutoRotate::new()))),
        Bidirectional::new(base(SimpleRnn::new(3)))
            .backward_layer(backwards(Lstm::new(3)))
            .merge(MergeMode::Mul),
    ];
    let both = both.chain(different);
    vec![
        entry(&input, (SimpleRnn::new(1), &["units"]), of_cell(Cell::SimpleRnn)),
        entry(&input, (Lstm::new(1), &["units"]), lstms),
        entry(&input, (Gru::new(1), &["units"]), gru),
        entry(&input, (Bidirectional::new(Lstm::new(1)), &[]), both),
        entry(&[3, 4, 2], (ConvLstm::<1>::new(1, 1), &["filters", "kernel_size"]), of_grids::<1>()),
        entry(&[3, 3, 4, 2], (ConvLstm::<2>::new(1, 1), &["filters", "kernel_size"]), of_grids::<2>()),
        entry(&input, (Masking::new(0.0), &["value"]), [Masking::new(9.0)]),
        entry(
            &input,
            (TimeDistributed::new(Flatten), &[]),
            [AutoRotate::new(), AutoRotate::critical()]
                .map(|rotate| TimeDistributed::new(Dense::new(3).auto_rotate(rotate))),
        ),
    ]
}

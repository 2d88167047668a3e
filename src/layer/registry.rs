//! Every layer once, with examples that together cover every option. The gradient tests iterate over them, and the tidy test
//! fails for a layer that is not listed.

mod convolution;
mod recurrent;

use super::kinds::{Described, Inside, Kinds, Read, Stored};
use super::*;
use crate::{Activation, AutoRotate, Frame, Initializer, LearnL, Result, Rule};
use std::sync::Arc;

/// A layer's kind, the input of its examples, and the examples.
#[derive(Debug)]
pub struct Entry {
    /// The kind, as in paths and files.
    pub kind: &'static str,
    /// The shape of the examples' input.
    pub input: Vec<usize>,
    /// The examples.
    pub examples: Vec<Box<dyn Layer>>,
    /// The layer with every option at its default, and anything for those that have none.
    pub plain: Box<dyn Layer>,
    /// The options without a default.
    pub required: &'static [&'static str],
    /// Where the examples take indices, the number below which these must be.
    pub indices: Option<usize>,
    /// An option whose default is the value of another one.
    pub(super) follows: Option<(&'static str, &'static str)>,
    pub(super) inside: Inside,
    /// Makes the layer of its description.
    pub(super) read: fn(&Described<'_>, &Kinds) -> Result<Arc<dyn Layer>>,
}

fn entry<L: Stored>(
    input: &[usize],
    (plain, required): (L, &'static [&'static str]),
    examples: impl IntoIterator<Item = L>,
) -> Entry {
    let examples: Vec<Box<dyn Layer>> = examples.into_iter().map(|e| Box::new(e) as Box<dyn Layer>).collect();
    let read = |described: &Described<'_>, kinds: &Kinds| -> Result<Arc<dyn Layer>> {
        Ok(Arc::new(L::stored(described, kinds)?))
    };
    let (kind, input, plain) = (plain.kind(), input.to_vec(), Box::new(plain));
    Entry { kind, input, examples, plain, required, indices: None, follows: None, inside: L::INSIDE, read }
}

impl Entry {
    /// The examples take indices below this number.
    fn of_indices(self, count: usize) -> Self {
        Self { indices: Some(count), ..self }
    }

    /// Makes inputs that the examples take of any numbers around 0.
    pub fn fit(&self, x: &mut [f32]) {
        let Some(count) = self.indices else { return };
        x.iter_mut().for_each(|x| *x = (x.abs() * 997.0).floor() % count as f32);
    }

    /// The default of an option is the value of another one.
    fn following(self, follower: &'static str, leader: &'static str) -> Self {
        Self { follows: Some((follower, leader)), ..self }
    }
}

impl Default for Kinds {
    /// The kinds of this crate.
    fn default() -> Self {
        let kinds = all().into_iter();
        Self(kinds.map(|entry| (entry.kind.to_owned(), Arc::new(entry.read) as Read)).collect())
    }
}

/// All layers.
pub fn all() -> Vec<Entry> {
    let dense =
        |activation| Dense::new(4).activation(activation).bias_initializer(Initializer::Constant(0.2));
    let mut denses = Vec::new();
    for &activation in Activation::ALL {
        denses.push(dense(activation));
        denses.push(dense(activation).auto_rotate(AutoRotate::new()));
    }
    for rule in [Rule::Diagonal, Rule::Aligned] {
        for learn in [LearnL::Fixed, LearnL::PerLayer, LearnL::PerUnit] {
            let rotate = AutoRotate::new().rule(rule).learn_l(learn);
            denses.push(dense(Activation::Tanh).auto_rotate(rotate));
            denses.push(
                dense(Activation::Sigmoid).use_bias(false).auto_rotate(rotate.x_q(-1.5).l(3.0).epsilon(0.1)),
            );
        }
    }
    let frame = Frame { centre: -0.5, deviation: 2.0 };
    for rotate in [
        AutoRotate::critical(),
        AutoRotate::critical().delta(0.1).norm(2.0).frame(frame),
        AutoRotate::critical().norm(None).decay(true).learn_l(LearnL::PerLayer),
    ] {
        denses.push(dense(Activation::Sigmoid).auto_rotate(rotate));
        denses.push(dense(Activation::Tanh).use_bias(false).auto_rotate(rotate));
    }
    denses.push(dense(Activation::Arctan).kernel_regularizer(Regularizer { l1: 0.01, l2: 0.03 }));
    let normed = || dense(Activation::Tanh).weight_norm(true);
    denses.push(normed());
    denses.push(normed().use_bias(false).kernel_regularizer(Regularizer { l1: 0.01, l2: 0.03 }));
    let slopes = || PRelu::new().alpha_initializer(Initializer::RandomUniform { min: 0.1, max: 0.4 });
    let mut all = vec![
        entry(&[5], (Dense::new(1), &["units"]), denses),
        entry(&[5], (Dropout::new(0.0), &["rate"]), [Dropout::new(0.4), Dropout::new(0.0)]),
        entry(&[5], (AlphaDropout::new(0.0), &["rate"]), [AlphaDropout::new(0.0), AlphaDropout::new(0.4)]),
        entry(&[5, 1], (Flatten, &[]), [Flatten]),
        entry(&[2, 3, 2], (Reshape::new([-1]), &["target_shape"]), [[-1, 4], [12, 1]].map(Reshape::new)),
        entry(&[2, 3, 4], (Permute::new([1, 2, 3]), &["dims"]), [[3, 1, 2], [1, 3, 2]].map(Permute::new)),
        entry(&[5], (RepeatVector::new(1), &["n"]), [RepeatVector::new(3)]),
        entry(&[5], (GaussianNoise::new(0.0), &["stddev"]), [0.0, 0.3].map(GaussianNoise::new)),
        entry(
            &[5],
            (Embedding::new(1, 1), &["input_dim", "output_dim"]),
            [
                Embedding::new(4, 3),
                Embedding::new(7, 4).embeddings_initializer(Initializer::GlorotNormal),
                Embedding::new(4, 3).embeddings_regularizer(Regularizer { l1: 0.01, l2: 0.03 }),
                Embedding::new(4, 2).mask_zero(true),
            ],
        )
        .of_indices(4),
        entry(&[5], (PRelu::new(), &[]), [slopes(), slopes().alpha_initializer(Initializer::Constant(-0.3))]),
        entry(
            &[2, 3, 2],
            (PRelu::new(), &[]),
            [
                slopes(),
                slopes().shared_axes([2]),
                slopes().shared_axes([1, 3]).alpha_regularizer(Regularizer { l1: 0.01, l2: 0.03 }),
                slopes().shared_axes([1, 2]),
            ],
        ),
        entry(&[5], (Softmax::new(), &[]), [Softmax::new()]),
        entry(&[3, 2, 4], (Softmax::new(), &[]), [Softmax::new()]),
    ];
    all.extend(convolution::entries());
    all.extend(recurrent::entries());
    all
}

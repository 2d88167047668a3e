//! Cross-entropy of a softmax, with its gradient.

use super::rows::total;
use super::{Args, Binding, Family, Grid, Trust, flat_grid, read, uniforms, update, wgsl, write};
use crate::Real;

uniforms!(SoftmaxLossUniforms { batch: u32, classes: u32, columns: u32, gradient: u32, scale: f32 });

/// The most classes that one workgroup goes over.
const FEW_CLASSES: usize = 4096;

/// loss = Σ t·(log Σ eˣ − x) a row; dx = (softmax(x)·Σt − t)/B. x, t and dx are `[B, C]`. For up to 4,096 classes;
/// more are summed in pieces ([`SoftmaxParts`](super::SoftmaxParts)).
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxLoss {
    /// B.
    pub batch: usize,
    /// C.
    pub classes: usize,
    /// The width of a row of scores, whose first column takes the loss.
    pub columns: usize,
    /// Whether dx is asked for.
    pub gradient: bool,
}

impl SoftmaxLoss {
    /// Whether it is for so many classes.
    pub fn takes(classes: usize) -> bool {
        classes <= FEW_CLASSES
    }
}

impl Family for SoftmaxLoss {
    const NAME: &'static str = "softmax_loss";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("x"), read("t"), update("scores"), write("d_x")];
    type Uniforms = SoftmaxLossUniforms;

    fn lens(&self) -> Vec<usize> {
        let outputs = self.batch * self.classes;
        vec![outputs, outputs, self.batch * self.columns, if self.gradient { outputs } else { 1 }]
    }

    fn uniforms(&self) -> SoftmaxLossUniforms {
        SoftmaxLossUniforms {
            batch: self.batch as u32,
            classes: self.classes as u32,
            columns: self.columns as u32,
            gradient: self.gradient.into(),
            scale: 1.0 / self.batch as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/index.wgsl"), wgsl!("lib/reduce.wgsl"), wgsl!("softmax_loss.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        3 * self.classes.div_ceil(64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, t) = (args.read(0), args.read(1));
        let (scores, d_x) = (args.write(2), args.write(3));
        let scale = T::of(1.0 / self.batch as f64);
        for row in 0..self.batch {
            let span = row * self.classes..(row + 1) * self.classes;
            let (x, t) = (&x[span.clone()], &t[span.clone()]);
            let top = x.iter().fold(T::neg_infinity(), |a, &b| a.max(b));
            let sum = total(x.iter().map(|&x| (x - top).exp()));
            let mass = total(t.iter().copied());
            let terms = x.iter().zip(t).filter(|(_, t)| **t != T::zero());
            scores[row * self.columns] = total(terms.map(|(&x, &t)| t * (sum.ln() - (x - top))));
            if self.gradient {
                for ((d_x, &x), &t) in d_x[span].iter_mut().zip(x).zip(t) {
                    *d_x = ((x - top).exp() / sum * mass - t) * scale;
                }
            }
        }
    }
}

//! Cross-entropy of a softmax, with its gradient.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, flat_grid, ports, uniforms, wgsl};

uniforms!(SoftmaxLossUniforms { batch: u32, classes: u32, columns: u32, gradient: u32, scale: f32 });

/// The most classes per workgroup.
const FEW_CLASSES: usize = 4096;

/// loss = Σ t·(log Σ eˣ − x) per row; dx = (softmax(x)·Σt − t)/B. x, t and dx are `[B, C]`. For up to 4,096 classes; more are
/// summed in pieces ([`SoftmaxParts`](crate::kernel::SoftmaxParts)).
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxLoss {
    /// B.
    pub batch: usize,
    /// C.
    pub classes: usize,
    /// The width of a row of scores, whose first column receives the loss.
    pub columns: usize,
    /// Whether dx is computed.
    pub gradient: bool,
}

impl SoftmaxLoss {
    /// Whether `classes` are few enough.
    pub fn takes(classes: usize) -> bool {
        classes <= FEW_CLASSES
    }
}

ports! {
    /// The ports of [`SoftmaxLoss`].
    pub struct SoftmaxLossPorts {
        /// x.
        x: Read,
        /// The targets.
        t: Read,
        /// The rows of scores.
        scores: Update,
        /// ∂ℓ/∂x, where it is computed.
        d_x: Option<Write>,
    }
}

impl Family for SoftmaxLoss {
    const NAME: &'static str = "softmax_loss";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = SoftmaxLossPorts<Lens>;
    type Uniforms = SoftmaxLossUniforms;

    fn lens(&self) -> SoftmaxLossPorts<Lens> {
        let outputs = self.batch * self.classes;
        SoftmaxLossPorts {
            x: outputs,
            t: outputs,
            scores: self.batch * self.columns,
            d_x: (self.gradient).then_some(outputs),
        }
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
        vec![wgsl!("base/parts/index.wgsl"), wgsl!("base/parts/reduce.wgsl"), wgsl!("loss/softmax_loss.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        3 * self.classes.div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: SoftmaxLossPorts<Slices<'_, T>>) {
        let SoftmaxLossPorts { x, t, scores, d_x } = ports;
        let d_x = d_x.unwrap_or_default();
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

//! Losses of every single output. To add one, add one arm to each of [`PointwiseKind`]'s methods.

use super::{Args, Binding, Family, Grid, Trust, flat_grid, read, uniforms, update, wgsl, write};
use crate::Real;

/// The loss of one output x with target t.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum PointwiseKind {
    /// (x − t)².
    SquaredError,
    /// |x − t|.
    AbsoluteError,
    /// (x − t)²/2 up to |x − t| = δ, beyond it δ·|x − t| − δ²/2.
    Huber {
        /// δ > 0.
        delta: f32,
    },
    /// −t·log σ(x) − (1 − t)·log(1 − σ(x)), x a logit.
    BinaryCrossEntropy,
}

impl PointwiseKind {
    fn value<T: Real>(self, x: T, t: T) -> T {
        let error = x - t;
        match self {
            Self::SquaredError => error * error,
            Self::AbsoluteError => error.abs(),
            Self::Huber { delta } => {
                let delta = T::of(delta.into());
                let half = T::of(0.5);
                if error.abs() <= delta { half * error * error } else { delta * (error.abs() - half * delta) }
            }
            Self::BinaryCrossEntropy => x.max(T::zero()) - x * t + (-x.abs()).exp().ln_1p(),
        }
    }

    fn derivative<T: Real>(self, x: T, t: T) -> T {
        let error = x - t;
        let sign = if error == T::zero() { T::zero() } else { error.signum() };
        match self {
            Self::SquaredError => error + error,
            Self::AbsoluteError => sign,
            Self::Huber { delta } => {
                let delta = T::of(delta.into());
                error.max(-delta).min(delta)
            }
            Self::BinaryCrossEntropy => crate::Activation::Sigmoid.value(x) - t,
        }
    }

    fn wgsl(self) -> String {
        let (value, derivative) = match self {
            Self::SquaredError => ("(x - t) * (x - t)".into(), "2.0 * (x - t)".into()),
            Self::AbsoluteError => ("abs(x - t)".into(), "sign(x - t)".into()),
            Self::Huber { delta } => (
                format!(
                    "select({delta:?} * (abs(x - t) - 0.5 * {delta:?}), 0.5 * (x - t) * (x - t), abs(x - t) <= {delta:?})"
                ),
                format!("clamp(x - t, -{delta:?}, {delta:?})"),
            ),
            Self::BinaryCrossEntropy => {
                ("max(x, 0.0) - x * t + log(1.0 + exp(-abs(x)))".to_string(), "sigmoid(x) - t".to_string())
            }
        };
        format!(
            "fn loss(x: f32, t: f32) -> f32 {{\n    return {value};\n}}\n\n\
             fn loss_derivative(x: f32, t: f32) -> f32 {{\n    return {derivative};\n}}\n"
        )
    }
}

uniforms!(PointwiseLossUniforms { batch: u32, outputs: u32, columns: u32, gradient: u32, scale: f32 });

/// The mean loss over a row's outputs; dx = loss'/(B·C). x, t and dx are `[B, C]`.
#[derive(Clone, Copy, Debug)]
pub struct PointwiseLoss {
    /// Which loss.
    pub kind: PointwiseKind,
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// The width of a row of scores, whose first column takes the loss.
    pub columns: usize,
    /// Whether dx is asked for.
    pub gradient: bool,
}

impl Family for PointwiseLoss {
    const NAME: &'static str = "pointwise_loss";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("x"), read("t"), update("scores"), write("d_x")];
    type Uniforms = PointwiseLossUniforms;

    fn lens(&self) -> Vec<usize> {
        let outputs = self.batch * self.outputs;
        vec![outputs, outputs, self.batch * self.columns, if self.gradient { outputs } else { 1 }]
    }

    fn uniforms(&self) -> PointwiseLossUniforms {
        PointwiseLossUniforms {
            batch: self.batch as u32,
            outputs: self.outputs as u32,
            columns: self.columns as u32,
            gradient: self.gradient.into(),
            scale: 1.0 / (self.batch * self.outputs) as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("lib/index.wgsl"),
            wgsl!("lib/math.wgsl"),
            wgsl!("lib/reduce.wgsl"),
            self.kind.wgsl(),
            wgsl!("pointwise_loss.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 1)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, t) = (args.read(0), args.read(1));
        let (scores, d_x) = (args.write(2), args.write(3));
        let scale = T::of(1.0 / (self.batch * self.outputs) as f64);
        for row in 0..self.batch {
            let span = row * self.outputs..(row + 1) * self.outputs;
            let pairs = || x[span.clone()].iter().zip(&t[span.clone()]);
            let total: T = pairs().map(|(&x, &t)| self.kind.value(x, t)).sum();
            scores[row * self.columns] = total / T::of(self.outputs as f64);
            if self.gradient {
                for (d_x, (&x, &t)) in d_x[span.clone()].iter_mut().zip(pairs()) {
                    *d_x = self.kind.derivative(x, t) * scale;
                }
            }
        }
    }
}

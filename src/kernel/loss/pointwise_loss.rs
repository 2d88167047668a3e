//! Losses of every single output. To add one, add one arm to each of [`PointwiseKind`]'s methods.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};

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
    /// 1 where x lies on the same side of the threshold as t of 1/2: a metric, without a slope.
    Agreement {
        /// 0 for logits, 1/2 for probabilities.
        threshold: f32,
    },
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
            Self::Agreement { threshold } if (x > T::of(threshold.into())) == (t > T::of(0.5)) => T::one(),
            Self::Agreement { .. } => T::zero(),
        }
    }

    fn derivative<T: Real>(self, x: T, t: T) -> T {
        let error = x - t;
        let sign = error.sign();
        match self {
            Self::SquaredError => error + error,
            Self::AbsoluteError => sign,
            Self::Huber { delta } => {
                let delta = T::of(delta.into());
                error.max(-delta).min(delta)
            }
            Self::BinaryCrossEntropy => crate::Activation::Sigmoid.value(x) - t,
            Self::Agreement { .. } => T::zero(),
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
            Self::Agreement { threshold } => {
                (format!("select(0.0, 1.0, (x > {threshold:?}) == (t > 0.5))"), "0.0".to_string())
            }
        };
        format!(
            "fn loss(x: f32, t: f32) -> f32 {{\n    return {value};\n}}\n\n\
             fn loss_derivative(x: f32, t: f32) -> f32 {{\n    return {derivative};\n}}\n"
        )
    }
}

/// Outputs that one workgroup goes over.
const PIECE: usize = 4096;

/// Up to so many outputs one invocation goes over those of a row.
const FEW: usize = 4;

uniforms!(PointwiseLossUniforms {
    batch: u32,
    outputs: u32,
    pieces: u32,
    columns: u32,
    column: u32,
    gradient: u32,
    scale: f32
});

/// The mean loss over a row's outputs; dx = loss'/(B·C). x, t and dx are `[B, C]`. A row longer than 4,096 outputs is divided
/// into pieces, each of which leaves its share of the mean: see [`PointwiseLoss::pieces`].
#[derive(Clone, Copy, Debug)]
pub struct PointwiseLoss {
    /// Which loss.
    pub kind: PointwiseKind,
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// The column of scores that takes the mean, or the first of those that take the pieces' shares.
    pub column: usize,
    /// Whether dx is asked for.
    pub gradient: bool,
}

impl PointwiseLoss {
    /// How many pieces so many outputs have.
    pub fn pieces(outputs: usize) -> usize {
        outputs.div_ceil(PIECE)
    }
}

ports! {
    /// The ports of [`PointwiseLoss`].
    pub struct PointwiseLossPorts {
        /// x.
        x: Read,
        /// The targets.
        t: Read,
        /// The rows of scores.
        scores: Update,
        /// ∂ℓ/∂x, where it is asked for.
        d_x: Option<Write>,
    }
}

impl Family for PointwiseLoss {
    const NAME: &'static str = "pointwise_loss";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = PointwiseLossPorts<Lens>;
    type Uniforms = PointwiseLossUniforms;

    fn lens(&self) -> PointwiseLossPorts<Lens> {
        let outputs = self.batch * self.outputs;
        PointwiseLossPorts {
            x: outputs,
            t: outputs,
            scores: self.batch * self.columns,
            d_x: (self.gradient).then_some(outputs),
        }
    }

    fn uniforms(&self) -> PointwiseLossUniforms {
        PointwiseLossUniforms {
            batch: self.batch as u32,
            outputs: self.outputs as u32,
            pieces: Self::pieces(self.outputs) as u32,
            columns: self.columns as u32,
            column: self.column as u32,
            gradient: self.gradient.into(),
            scale: 1.0 / (self.batch * self.outputs) as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/math.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            self.kind.wgsl(),
            constants(&[("FEW", self.outputs <= FEW)]),
            wgsl!("loss/pointwise_loss.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        match self.outputs {
            0..=FEW => flat_grid(self.batch, 64),
            outputs => flat_grid(self.batch * Self::pieces(outputs), 1),
        }
    }

    fn twin<T: Real>(&self, ports: PointwiseLossPorts<Slices<'_, T>>) {
        let PointwiseLossPorts { x, t, scores, d_x } = ports;
        let d_x = d_x.unwrap_or_default();
        let scale = T::of(1.0 / (self.batch * self.outputs) as f64);
        let width = T::of(self.outputs as f64);
        for row in 0..self.batch {
            let span = row * self.outputs..(row + 1) * self.outputs;
            let scores = &mut scores[row * self.columns + self.column..];
            let pieces = x[span.clone()].chunks(PIECE).zip(t[span.clone()].chunks(PIECE));
            for (score, (x, t)) in scores.iter_mut().zip(pieces) {
                *score = total(x.iter().zip(t).map(|(&x, &t)| self.kind.value(x, t))) / width;
            }
            if self.gradient {
                let pairs = x[span.clone()].iter().zip(&t[span.clone()]);
                for (d_x, (&x, &t)) in d_x[span].iter_mut().zip(pairs) {
                    *d_x = self.kind.derivative(x, t) * scale;
                }
            }
        }
    }
}

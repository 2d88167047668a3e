//! The numbers that metrics are made of, row by row.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

/// What a metric computes for every row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScoreKind {
    /// 1 if the first largest output, which must not be NaN, is at the place of the first largest target, else 0.
    Accuracy,
    /// The share of outputs that are on the same side of the threshold as their target is of 1/2.
    BinaryAccuracy {
        /// 0 for logits, 1/2 for probabilities.
        threshold: f32,
    },
    /// 1 if fewer than k outputs exceed the one at the largest target's place, which must not be NaN, else 0.
    TopK {
        /// k ≥ 1.
        k: u32,
    },
    /// mean |x − t|.
    AbsoluteError,
    /// (x − t)² per output.
    SquaredError,
}

impl ScoreKind {
    /// How many columns of scores it fills for `outputs` outputs.
    pub fn columns(self, outputs: usize) -> usize {
        if self == Self::SquaredError { outputs } else { 1 }
    }
}

/// The most outputs per row that one invocation compares.
const FEW_OUTPUTS: usize = 512;

/// The most outputs per row that one invocation sums over.
const FEW_TERMS: usize = 64;

uniforms!(ScoreUniforms {
    batch: u32,
    outputs: u32,
    columns: u32,
    column: u32,
    kind: u32,
    k: u32,
    threshold: f32,
});

/// One metric's numbers for every row, from column `column` of the scores `[B, columns]` on.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// What is computed.
    pub kind: ScoreKind,
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// The first column to fill.
    pub column: usize,
}

impl Score {
    /// Whether rows of `outputs` outputs are short enough; longer ones are scored in pieces ([`Largest`](crate::kernel::Largest),
    /// [`Rank`](crate::kernel::Rank), [`PointwiseLoss`](crate::kernel::PointwiseLoss)).
    pub fn takes(kind: ScoreKind, outputs: usize) -> bool {
        match kind {
            ScoreKind::Accuracy | ScoreKind::TopK { .. } => outputs <= FEW_OUTPUTS,
            ScoreKind::BinaryAccuracy { .. } | ScoreKind::AbsoluteError => outputs <= FEW_TERMS,
            ScoreKind::SquaredError => true,
        }
    }
}

ports! {
    /// The ports of [`Score`].
    pub struct ScorePorts {
        /// x.
        x: Read,
        /// The targets.
        t: Read,
        /// The rows of scores.
        scores: Update,
    }
}

impl Family for Score {
    const NAME: &'static str = "score";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = ScorePorts<Lens>;
    type Uniforms = ScoreUniforms;

    fn lens(&self) -> ScorePorts<Lens> {
        let outputs = self.batch * self.outputs;
        ScorePorts { x: outputs, t: outputs, scores: self.batch * self.columns }
    }

    fn uniforms(&self) -> ScoreUniforms {
        let (kind, k, threshold) = match self.kind {
            ScoreKind::Accuracy => (0, 0, 0.0),
            ScoreKind::BinaryAccuracy { threshold } => (1, 0, threshold),
            ScoreKind::TopK { k } => (2, k, 0.0),
            ScoreKind::AbsoluteError => (3, 0, 0.0),
            ScoreKind::SquaredError => (4, 0, 0.0),
        };
        ScoreUniforms {
            batch: self.batch as u32,
            outputs: self.outputs as u32,
            columns: self.columns as u32,
            column: self.column as u32,
            kind,
            k,
            threshold,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("base/parts/math.wgsl"), wgsl!("loss/score.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.kind.columns(self.outputs), 64)
    }

    fn rounds(&self, _variant: usize) -> usize {
        match self.kind {
            ScoreKind::SquaredError => 0,
            ScoreKind::TopK { .. } => 2 * self.outputs,
            _ => self.outputs,
        }
    }

    fn twin<T: Real>(&self, ports: ScorePorts<Slices<'_, T>>) {
        let ScorePorts { x, t, scores } = ports;
        let one_if = |condition: bool| if condition { T::one() } else { T::zero() };
        let width = T::of(self.outputs as f64);
        for row in 0..self.batch {
            let span = row * self.outputs..(row + 1) * self.outputs;
            let (x, t) = (&x[span.clone()], &t[span]);
            let out = &mut scores[row * self.columns + self.column..];
            match self.kind {
                ScoreKind::Accuracy => {
                    let best = first_largest(x);
                    out[0] = one_if(best == first_largest(t) && !x[best].is_nan());
                }
                ScoreKind::BinaryAccuracy { threshold } => {
                    let (threshold, half) = (T::of(threshold.into()), T::of(0.5));
                    let agree = x.iter().zip(t).map(|(&x, &t)| one_if((x > threshold) == (t > half)));
                    out[0] = total(agree) / width;
                }
                ScoreKind::TopK { k } => {
                    let wanted = x[first_largest(t)];
                    let above = x.iter().filter(|&&x| x > wanted).count();
                    out[0] = one_if(!wanted.is_nan() && above < k as usize);
                }
                ScoreKind::AbsoluteError => {
                    out[0] = total(x.iter().zip(t).map(|(&x, &t)| (x - t).abs())) / width;
                }
                ScoreKind::SquaredError => {
                    for (out, (&x, &t)) in out.iter_mut().zip(x.iter().zip(t)) {
                        *out = (x - t) * (x - t);
                    }
                }
            }
        }
    }
}

/// The place of the first largest value.
pub(super) fn first_largest<T: Real>(values: &[T]) -> usize {
    values.iter().enumerate().fold(0, |best, (i, &v)| if v > values[best] { i } else { best })
}

//! Pointwise losses: output by output.

use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};
use crate::{Range, Real, Result};

/// A formula of one output x and its target t, averaged over the outputs: a loss or, with
/// [`Metric::mean_of`](crate::Metric::mean_of), a metric.
///
/// The formula is written twice, in Rust for the CPU and in WGSL for GPUs. [`check::pointwise`](crate::extend::check::pointwise)
/// compares the two, and the derivative with finite differences.
pub trait Pointwise: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// Whether the shader may run without bounds checks.
    const TRUST: Trust<Self> = Trust::CHECKED;

    /// The name in histories, reports and errors.
    fn name(&self) -> String;

    /// The value, finite for all finite x and t.
    fn value<T: Real>(&self, x: T, t: T) -> T;

    /// The derivative with respect to x.
    fn derivative<T: Real>(&self, x: T, t: T) -> T;

    /// Value and derivative as WGSL expressions of `x: f32` and `t: f32`. Options become literals; `{number:?}` formats a number
    /// for WGSL.
    fn wgsl(&self) -> [String; 2];

    /// The range that targets must be in, where there is one.
    fn targets(&self) -> Option<Range> {
        None
    }

    /// Checks that the options are in their ranges.
    ///
    /// # Errors
    /// An option out of its range, by name.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The functions `loss(x, t)` and `loss_derivative(x, t)`.
fn functions(formula: &impl Pointwise) -> String {
    let [value, derivative] = formula.wgsl();
    format!(
        "fn loss(x: f32, t: f32) -> f32 {{\n    return {value};\n}}\n\n\
         fn loss_derivative(x: f32, t: f32) -> f32 {{\n    return {derivative};\n}}\n"
    )
}

/// Outputs per workgroup.
const PIECE: usize = 4096;

/// The most outputs per row for which one invocation handles the whole row.
const FEW: usize = 4;

uniforms!(PointwiseLossUniforms {
    batch: u32,
    outputs: u32,
    pieces: u32,
    columns: u32,
    column: u32,
    gradient: u32,
    scale: f32,
    share: f32
});

/// The mean loss over a row's outputs, or their sum; dx = loss'/(B·C), or loss'/B. x, t and dx are `[B, C]`. A row longer than 4,096 outputs is divided into
/// pieces, each of which writes its share of the mean: see [`PointwiseLoss::pieces`].
#[derive(Clone, Copy, Debug)]
pub struct PointwiseLoss<P> {
    /// Which loss.
    pub formula: P,
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// The column of scores for the mean, or the first of those for the pieces' shares.
    pub column: usize,
    /// Whether dx is computed.
    pub gradient: bool,
    /// Whether a row's loss is the sum over its outputs, not the mean.
    pub summed: bool,
}

impl<P> PointwiseLoss<P> {
    /// What an output counts in its row.
    fn share(&self) -> f64 {
        if self.summed { 1.0 } else { 1.0 / self.outputs as f64 }
    }
}

impl PointwiseLoss<()> {
    /// The number of pieces of `outputs` outputs.
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
        /// ∂ℓ/∂x, where it is computed.
        d_x: Option<Write>,
    }
}

impl<P: Pointwise> Family for PointwiseLoss<P> {
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
            pieces: PointwiseLoss::pieces(self.outputs) as u32,
            columns: self.columns as u32,
            column: self.column as u32,
            gradient: self.gradient.into(),
            scale: (self.share() / self.batch as f64) as f32,
            share: self.share() as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/math.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            P::TRUST.part(functions(&self.formula)),
            constants(&[("FEW", self.outputs <= FEW)]),
            wgsl!("loss/pointwise_loss.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        match self.outputs {
            0..=FEW => flat_grid(self.batch, 64),
            outputs => flat_grid(self.batch * PointwiseLoss::pieces(outputs), 1),
        }
    }

    fn twin<T: Real>(&self, ports: PointwiseLossPorts<Slices<'_, T>>) {
        let PointwiseLossPorts { x, t, scores, d_x } = ports;
        let d_x = d_x.unwrap_or_default();
        let (scale, share) = (T::of(self.share() / self.batch as f64), T::of(self.share()));
        for row in 0..self.batch {
            let span = row * self.outputs..(row + 1) * self.outputs;
            let scores = &mut scores[row * self.columns + self.column..];
            let pieces = x[span.clone()].chunks(PIECE).zip(t[span.clone()].chunks(PIECE));
            for (score, (x, t)) in scores.iter_mut().zip(pieces) {
                *score = total(x.iter().zip(t).map(|(&x, &t)| self.formula.value(x, t))) * share;
            }
            if self.gradient {
                let pairs = x[span.clone()].iter().zip(&t[span.clone()]);
                for (d_x, (&x, &t)) in d_x[span].iter_mut().zip(pairs) {
                    *d_x = self.formula.derivative(x, t) * scale;
                }
            }
        }
    }
}

//! The cosine similarity of outputs and targets as a loss, from the rows' sums of products.

use crate::Real;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(CosineLossUniforms { batch: u32, outputs: u32, columns: u32, gradient: u32, scale: f32 });

/// loss = −x·t/(‖x‖‖t‖) per row; dx = (x·(x·t)/‖x‖² − t)/(‖x‖‖t‖)/B. x, t and dx are `[B, C]`. A norm whose square is below 10⁻¹² counts
/// as 10⁻⁶, and has no slope (Keras' `l2_normalize`).
#[derive(Clone, Copy, Debug)]
pub struct CosineLoss {
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// The width of a row of scores, whose first column receives the loss.
    pub columns: usize,
    /// Whether dx is computed.
    pub gradient: bool,
}

/// The least square of a norm.
const LEAST: f64 = 1e-12;

ports! {
    /// The ports of [`CosineLoss`].
    pub struct CosineLossPorts {
        /// x.
        x: Read,
        /// The targets.
        t: Read,
        /// Σ x·t of each row.
        both: Read,
        /// Σ x² of each row.
        of_x: Read,
        /// Σ t² of each row.
        of_t: Read,
        /// The rows of scores.
        scores: Update,
        /// ∂ℓ/∂x, where it is computed.
        d_x: Option<Write>,
    }
}

impl Family for CosineLoss {
    const NAME: &'static str = "cosine_loss";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "t", "d_x"];
    type Ports = CosineLossPorts<Lens>;
    type Uniforms = CosineLossUniforms;

    fn lens(&self) -> CosineLossPorts<Lens> {
        let all = self.batch * self.outputs;
        CosineLossPorts {
            x: all,
            t: all,
            both: self.batch,
            of_x: self.batch,
            of_t: self.batch,
            scores: self.batch * self.columns,
            d_x: (self.gradient).then_some(all),
        }
    }

    fn uniforms(&self) -> CosineLossUniforms {
        CosineLossUniforms {
            batch: self.batch as u32,
            outputs: self.outputs as u32,
            columns: self.columns as u32,
            gradient: self.gradient.into(),
            scale: 1.0 / self.batch as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("loss/cosine_loss.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch, self.outputs)
    }

    fn by_fours(&self) -> bool {
        self.outputs.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: CosineLossPorts<Slices<'_, T>>) {
        let CosineLossPorts { x, t, both, of_x, of_t, scores, d_x } = ports;
        let d_x = d_x.unwrap_or_default();
        let (scale, least) = (T::of(1.0 / self.batch as f64), T::of(LEAST));
        for row in 0..self.batch {
            let (square_x, square_t) = (of_x[row].max(least), of_t[row].max(least));
            let norms = square_x.sqrt() * square_t.sqrt();
            scores[row * self.columns] = -both[row] / norms;
            if self.gradient {
                let along = if of_x[row] > least { both[row] / square_x } else { T::zero() };
                let span = row * self.outputs..(row + 1) * self.outputs;
                let pairs = x[span.clone()].iter().zip(&t[span.clone()]);
                for (d_x, (&x, &t)) in d_x[span].iter_mut().zip(pairs) {
                    *d_x = (x * along - t) / norms * scale;
                }
            }
        }
    }
}

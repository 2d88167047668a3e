//! y = σ(ρ ⊙ (x·W + b)) in one kernel, ρ included.

use super::product::{self, matrix, multiply};
use super::{Args, Binding, Family, Grid, Traits, Trust, UNUSED, constants, read, uniforms, wgsl, write};
use crate::{Activation, LearnL, Real, Rotation, Rule};

uniforms!(DenseForwardUniforms { batch: u32, inputs: u32, units: u32, x_q: f32, limit: f32, epsilon: f32 });

/// f = x·W + b; z = ρ ⊙ f; y = σ(z), with q = f(x_Q) and ρ = L/(|q| + ε) on the way. x is `[B, K]`, W `[K, N]`, z and y
/// `[B, N]`; `rotation` `[2N]` takes ρ, then q.
#[derive(Clone, Copy, Debug)]
pub struct DenseForward {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The rotation, or `None` for a classic layer.
    pub rotation: Option<Rotation>,
    /// Whether z is stored for the backward pass.
    pub keep_z: bool,
    /// σ.
    pub activation: Activation,
}

/// Rows of W summed together before they join the whole sum.
const ROWS: usize = 64;

impl DenseForward {
    /// Writes ρ and q.
    fn rotate<T: Real>(&self, rotating: Rotation, w: &[T], b: &[T], lambda: &[T], rotation: &mut [T]) {
        let n = self.units;
        let (rho, q) = rotation.split_at_mut(n);
        let aligned = rotating.rule == Rule::Aligned;
        let x_q = T::of(rotating.x_q.into());
        q.fill(T::zero());
        // Sums of a block of rows are summed in turn: a small q is a difference of large numbers.
        let sums = super::rows::map_parts(w, ROWS * n, |rows| {
            let mut sums = vec![T::zero(); n];
            for row in rows.chunks_exact(n) {
                if aligned {
                    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum = *sum + w * w);
                } else {
                    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum = *sum + w);
                }
            }
            sums
        });
        for sums in sums {
            q.iter_mut().zip(sums).for_each(|(q, sum)| *q = *q + sum);
        }
        for n in 0..n {
            let bias = if self.has_bias { b[n] } else { T::zero() };
            q[n] = if aligned { (x_q * x_q * q[n] + bias * bias).sqrt() } else { x_q * q[n] + bias };
            let limit = match rotating.learn {
                LearnL::Fixed => T::of(rotating.limit.into()),
                LearnL::PerLayer => lambda[0].exp(),
                LearnL::PerUnit => lambda[n].exp(),
            };
            rho[n] = limit / (q[n].abs() + T::of(rotating.epsilon.into()));
        }
    }
}

impl Family for DenseForward {
    const NAME: &'static str = "dense_forward";
    const TRUST: Trust = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("x"), read("w"), read("b"), read("lambda"), write("rotation"), write("z"), write("y")];
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "w", "b", "rotation", "z", "y"];
    type Uniforms = DenseForwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (k, n, outputs) = (self.inputs, self.units, self.batch * self.units);
        vec![
            self.batch * k,
            k * n,
            if self.has_bias { n } else { UNUSED },
            if self.rotation.is_some_and(|r| r.learn == LearnL::PerUnit) { n } else { 1 },
            if self.rotation.is_some() { 2 * n } else { UNUSED },
            if self.keep_z { outputs } else { UNUSED },
            outputs,
        ]
    }

    fn uniforms(&self) -> DenseForwardUniforms {
        let rotation = self.rotation;
        DenseForwardUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
            x_q: rotation.map_or(0.0, |r| r.x_q),
            limit: rotation.map_or(0.0, |r| r.limit),
            epsilon: rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let learn = self.rotation.map_or(LearnL::Fixed, |r| r.learn);
        let options = constants(&[
            ("HAS_BIAS", self.has_bias),
            ("KEEP_Z", self.keep_z),
            ("COLUMN_SUMS", self.rotation.is_some()),
            ("ALIGNED", self.rotation.is_some_and(|r| r.rule == Rule::Aligned)),
            ("LEARN_PER_LAYER", learn == LearnL::PerLayer),
            ("LEARN_PER_UNIT", learn == LearnL::PerUnit),
        ]);
        let mut parts = vec![wgsl!("lib/math.wgsl"), self.activation.wgsl(), options];
        parts.extend(product::shader(wgsl!("dense_forward.wgsl"), variant));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.batch, self.units)
    }

    fn by_fours(&self) -> bool {
        self.inputs.is_multiple_of(4) && self.units.is_multiple_of(4)
    }

    fn supports(&self, variant: usize, traits: Traits) -> bool {
        product::supports(variant, self.by_fours(), traits)
    }

    fn prefer(&self, traits: Traits) -> usize {
        product::prefer(traits, self.by_fours(), (self.batch, self.inputs, self.units))
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, w, b, lambda) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (rotation, z, y) = (args.write(4), args.write(5), args.write(6));
        if let Some(rotating) = self.rotation {
            self.rotate(rotating, w, b, lambda, rotation);
        }
        multiply(y, (self.batch, self.inputs, self.units), matrix(x, self.inputs), matrix(w, self.units));
        super::rows::for_each_pair(y, z, self.units, self.keep_z, |_, y, z| {
            for y in y.chunks_exact_mut(self.units) {
                match (self.has_bias, self.rotation.is_some()) {
                    (true, true) => {
                        let shares = b.iter().zip(&*rotation);
                        y.iter_mut().zip(shares).for_each(|(y, (&b, &rho))| *y = (*y + b) * rho);
                    }
                    (true, false) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = *y + b),
                    (false, true) => y.iter_mut().zip(&*rotation).for_each(|(y, &rho)| *y = *y * rho),
                    (false, false) => {}
                }
            }
            if self.keep_z {
                z.copy_from_slice(y);
            }
            self.activation.apply(y);
        });
    }
}

//! From dy to df, with the sums over the batch that ρ, λ and the bias need.

use super::{Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, read, uniforms, wgsl, write};
use crate::{Activation, Real, Rotation, Rule};

uniforms!(RotateBackwardUniforms {
    batch: u32,
    units: u32,
    has_bias: u32,
    rotated: u32,
    rule: u32,
    detached: u32,
    x_q: f32,
    epsilon: f32,
});

/// dz = dy ⊙ σ'(z), df = ρ ⊙ dz, s = Σ dz ⊙ z, dq, db and the virtual sample's share of dW.
/// Serves classic layers too: there ρ = 1 and dq = 0.
#[derive(Clone, Copy, Debug)]
pub struct RotateBackward {
    /// B.
    pub batch: usize,
    /// N.
    pub units: usize,
    /// Whether db is asked for.
    pub has_bias: bool,
    /// σ.
    pub activation: Activation,
    /// The rotation, or `None` for a classic layer.
    pub rotation: Option<Rotation>,
}

/// Rows summed together on one CPU thread; fixed, so that the sums do not depend on the number of threads.
const ROWS: usize = 32;

impl Family for RotateBackward {
    const NAME: &'static str = "rotate_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["d_y", "z", "rotation", "b", "d_f", "d_b", "virtual_sample", "s"];
    const BINDINGS: &'static [Binding] = &[
        read("d_y"),
        read("z"),
        read("rotation"),
        read("b"),
        write("d_f"),
        write("d_b"),
        write("virtual_sample"),
        write("s"),
    ];
    type Uniforms = RotateBackwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (outputs, n) = (self.batch * self.units, self.units);
        let bias = if self.has_bias { n } else { UNUSED };
        let (pair, single) = if self.rotation.is_some() { (2 * n, n) } else { (UNUSED, UNUSED) };
        vec![outputs, outputs, pair, bias, outputs, bias, single, single]
    }

    fn uniforms(&self) -> RotateBackwardUniforms {
        let aligned = self.rotation.is_some_and(|r| r.rule == Rule::Aligned);
        RotateBackwardUniforms {
            batch: self.batch as u32,
            units: self.units as u32,
            has_bias: self.has_bias.into(),
            rotated: self.rotation.is_some().into(),
            rule: aligned.into(),
            detached: self.rotation.is_some_and(|r| r.detached).into(),
            x_q: self.rotation.map_or(0.0, |r| r.x_q),
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/math.wgsl"), self.activation.wgsl(), wgsl!("rotate_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.units.div_ceil(16) as u32, 1, 1]
    }

    fn by_fours(&self) -> bool {
        self.units.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_y, z, rotation, b) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (d_f, d_b) = (args.write(4), args.write(5));
        let (virtual_sample, s) = (args.write(6), args.write(7));
        let n = self.units;
        let rho = self.rotation.map(|_| &rotation[..n]);
        // A block's s and db, side by side.
        let sums = super::rows::map_blocks(d_f, ROWS * n, |index, d_f| {
            let mut sums = vec![T::zero(); 2 * n];
            let (sum_s, sum_b) = sums.split_at_mut(n);
            let first = index * ROWS * n;
            let (d_y, z) = (&d_y[first..first + d_f.len()], &z[first..first + d_f.len()]);
            self.activation.derivatives(z, d_f);
            for ((d_f, d_y), z) in d_f.chunks_exact_mut(n).zip(d_y.chunks_exact(n)).zip(z.chunks_exact(n)) {
                d_f.iter_mut().zip(d_y).for_each(|(d_f, &d_y)| *d_f = *d_f * d_y);
                if let Some(rho) = rho {
                    sum_s.iter_mut().zip(&*d_f).zip(z).for_each(|((s, &d_z), &z)| *s = *s + d_z * z);
                    d_f.iter_mut().zip(rho).for_each(|(d_f, &rho)| *d_f = *d_f * rho);
                }
                sum_b.iter_mut().zip(&*d_f).for_each(|(b, &d_f)| *b = *b + d_f);
            }
            sums
        });
        for i in 0..n {
            let sum_s: T = sums.iter().map(|block| block[i]).sum();
            let mut sum_b: T = sums.iter().map(|block| block[n + i]).sum();
            if let Some(rotating) = self.rotation {
                let x_q = T::of(rotating.x_q.into());
                let q = rotation[n + i];
                let d_q = if rotating.detached || q == T::zero() {
                    T::zero()
                } else {
                    -q.signum() * sum_s / (q.abs() + T::of(rotating.epsilon.into()))
                };
                let (share, bias) = match rotating.rule {
                    Rule::Diagonal => (x_q * d_q, d_q),
                    Rule::Aligned => {
                        let per_q = if q == T::zero() { T::zero() } else { d_q / q };
                        let bias = if self.has_bias { b[i] * per_q } else { T::zero() };
                        (x_q * x_q * per_q, bias)
                    }
                };
                virtual_sample[i] = share;
                s[i] = sum_s;
                sum_b = sum_b + bias;
            }
            if self.has_bias {
                d_b[i] = sum_b;
            }
        }
    }
}

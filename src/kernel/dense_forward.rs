//! y = σ(ρ ⊙ (x·W + b)) in one kernel.

use super::product::{self, matrix, multiply};
use super::{Args, Binding, Family, Grid, Traits, Trust, read, uniforms, wgsl, write};
use crate::{Activation, Real};

uniforms!(DenseForwardUniforms {
    batch: u32,
    inputs: u32,
    units: u32,
    has_bias: u32,
    rotated: u32,
    keep_z: u32,
});

/// f = x·W + b; z = ρ ⊙ f; y = σ(z). x is `[B, K]`, W `[K, N]`, z and y `[B, N]`.
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
    /// Whether ρ multiplies f.
    pub rotated: bool,
    /// Whether z is stored for the backward pass.
    pub keep_z: bool,
    /// σ.
    pub activation: Activation,
}

impl DenseForward {
    /// Whether the operands can be read as vec4s.
    fn by_fours(&self) -> bool {
        self.inputs.is_multiple_of(4) && self.units.is_multiple_of(4)
    }
}

impl Family for DenseForward {
    const NAME: &'static str = "dense_forward";
    const TRUST: Trust = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("x"), read("w"), read("b"), read("rotation"), write("z"), write("y")];
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    type Uniforms = DenseForwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (k, n, outputs) = (self.inputs, self.units, self.batch * self.units);
        vec![
            self.batch * k,
            k * n,
            if self.has_bias { n } else { 1 },
            if self.rotated { 2 * n } else { 1 },
            if self.keep_z { outputs } else { 1 },
            outputs,
        ]
    }

    fn uniforms(&self) -> DenseForwardUniforms {
        DenseForwardUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
            has_bias: self.has_bias.into(),
            rotated: self.rotated.into(),
            keep_z: self.keep_z.into(),
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let mut parts = vec![wgsl!("lib/math.wgsl"), self.activation.wgsl()];
        parts.extend(product::shader(
            wgsl!("dense_forward.wgsl"),
            [wgsl!("lib/load/dense_forward.wgsl"), wgsl!("lib/load/dense_forward4.wgsl")],
            variant,
        ));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.batch, self.units)
    }

    fn quads(&self, variant: usize) -> &'static [&'static str] {
        product::quads(variant, &["x", "w"])
    }

    fn supports(&self, variant: usize) -> bool {
        product::supports(variant, self.by_fours())
    }

    fn prefer(&self, traits: Traits) -> usize {
        product::prefer(traits, self.by_fours(), (self.batch, self.inputs, self.units))
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, w) = (args.read(0), args.read(1));
        let (b, rotation) = (args.read(2), args.read(3));
        let (z, y) = (args.write(4), args.write(5));
        multiply(y, (self.batch, self.inputs, self.units), matrix(x, self.inputs), matrix(w, self.units));
        super::rows::for_each_pair(y, z, self.units, self.keep_z, |_, y, z| {
            for y in y.chunks_exact_mut(self.units) {
                match (self.has_bias, self.rotated) {
                    (true, true) => {
                        y.iter_mut().zip(b).zip(rotation).for_each(|((y, &b), &rho)| *y = (*y + b) * rho);
                    }
                    (true, false) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = *y + b),
                    (false, true) => y.iter_mut().zip(rotation).for_each(|(y, &rho)| *y = *y * rho),
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

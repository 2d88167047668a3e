//! y = σ(ρ ⊙ (x·W + b)) in one kernel, ρ included.

use super::frame_wgsl;
use crate::kernel::base::rows::vectorised;
use crate::kernel::product::{self, Block, PANEL, for_each_part, matrix, multiply_block};
use crate::kernel::rotation::formula::{DEPTH, add_rows, rho_wgsl};
use crate::kernel::{Choice, Family, Grid, Lens, Slices, Trust, constants, ports, uniforms, wgsl};
use crate::{Activation, Frame, Real, Rotation};

uniforms!(DenseForwardUniforms {
    batch: u32,
    inputs: u32,
    units: u32,
    x_q: f32,
    limit: f32,
    epsilon: f32,
    shift: f32,
    factor: f32,
});

/// f = (x − c)/d·W + b in the frame of c and d; z = ρ ⊙ f; y = σ(z), with q = f(x_Q) and ρ = L/(|q| + ε) computed along the way. x is
/// `[B, K]`, W `[K, N]`, z and y `[B, N]`; `rotation` `[2N]` receives ρ, then q.
#[derive(Clone, Copy, Debug)]
pub struct DenseForward {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// c and d. The twin takes c·ΣW/d from x·W/d, so |c|/d should be small.
    pub frame: Frame,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The rotation, or `None` for a classic layer.
    pub rotation: Option<Rotation>,
    /// Whether z is stored for the backward pass.
    pub keep_z: bool,
    /// σ.
    pub activation: Activation,
}

impl DenseForward {
    fn size(&self) -> product::Size {
        product::Size::one(self.batch, self.inputs, self.units)
    }

    /// Computes ρ and q of the units from `first` on; `q` holds the sums over W beforehand.
    fn rotate<T: Real>(
        &self,
        rotating: Rotation,
        first: usize,
        [b, lambda]: [&[T]; 2],
        rho: &mut [T],
        q: &mut [T],
    ) {
        let factor = rotating.term(T::of(rotating.x_q.into()));
        for (i, (rho, q)) in rho.iter_mut().zip(q).enumerate() {
            let bias = if self.has_bias { b[first + i] } else { T::zero() };
            let limit = rotating.l_of(lambda, (0, first + i), rotating.limit);
            (*rho, *q) = rotating.rho_and_q(factor * *q + rotating.term(bias), limit);
        }
    }
}

ports! {
    /// The ports of [`DenseForward`].
    pub struct DenseForwardPorts {
        /// Inputs, `[B, K]`.
        x: Read,
        /// W, `[K, N]`.
        w: Read,
        /// `[N]`, where there is a bias.
        b: Option<Read>,
        /// λ, `[1]` or `[N]`, where L is learnt.
        lambda: Option<Read>,
        /// ρ, then q, `[2N]`, of a rotated layer.
        rotation: Option<Write>,
        /// `[B, N]`, where it is kept.
        z: Option<Write>,
        /// Outputs, `[B, N]`.
        y: Write,
    }
}

impl Family for DenseForward {
    const NAME: &'static str = "dense_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "w", "b", "rotation", "z", "y"];
    type Ports = DenseForwardPorts<Lens>;
    type Uniforms = DenseForwardUniforms;

    fn lens(&self) -> DenseForwardPorts<Lens> {
        let (k, n, outputs) = (self.inputs, self.units, self.batch * self.units);
        DenseForwardPorts {
            x: self.batch * k,
            w: k * n,
            b: (self.has_bias).then_some(n),
            lambda: self.rotation.and_then(|rotation| rotation.lambdas(n)),
            rotation: (self.rotation.is_some()).then_some(2 * n),
            z: (self.keep_z).then_some(outputs),
            y: outputs,
        }
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
            shift: self.frame.shift(),
            factor: self.frame.factor(),
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let options = constants(&[("KEEP_Z", self.keep_z), ("COLUMN_SUMS", self.rotation.is_some())]);
        let rho = rho_wgsl(self.rotation, self.has_bias);
        let frame = frame_wgsl(self.frame);
        let mut parts = vec![wgsl!("base/parts/math.wgsl"), self.activation.wgsl(), options, rho, frame];
        parts.extend(product::shader(wgsl!("dense/dense_forward.wgsl"), variant, false));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.size())
    }

    fn by_fours(&self) -> bool {
        self.inputs.is_multiple_of(4) && self.units.is_multiple_of(4)
    }

    fn choice(&self) -> Option<Box<dyn Choice>> {
        Some(Box::new(self.size()))
    }

    fn twin<T: Real>(&self, ports: DenseForwardPorts<Slices<'_, T>>) {
        let DenseForwardPorts { x, w, b, lambda, rotation, z, y } = ports;
        let [b, lambda] = [b, lambda].map(Option::unwrap_or_default);
        let [rotation, z] = [rotation, z].map(Option::unwrap_or_default);
        let n = self.units;
        let (centre, factor) = (T::of(self.frame.centre.into()), T::of(self.frame.factor().into()));
        let shifted = self.frame.centre != 0.0;
        let (rho, q) = rotation.split_at_mut(rotation.len() / 2);
        let mut stored = rho.chunks_mut(PANEL).zip(q.chunks_mut(PANEL));
        let mut zs = Block::split(z, n);
        let parts = Block::split(y, n).map(|y| {
            // The blocks of the first rows store what all blocks compute.
            let stored = if y.row == 0 { stored.next() } else { None };
            (y, if self.keep_z { zs.next() } else { None }, stored)
        });
        for_each_part(self.batch * self.inputs * n, parts, |(mut y, mut z, stored)| {
            let (first, width) = (y.col, y.width());
            let [mut rho, mut q, mut sums] = [[T::zero(); PANEL]; 3];
            let (rho, q, sums) = (&mut rho[..width], &mut q[..width], &mut sums[..width]);
            let aligned = self.rotation.is_some_and(Rotation::aligned);
            // Rows of a panel of W that are summed and then multiplied while in a cache.
            let step = if self.rotation.is_some() || shifted { DEPTH } else { self.inputs };
            for k in (0..self.inputs).step_by(step) {
                let depth = step.min(self.inputs - k);
                let w = &w[k * n + first..];
                let rows = w.chunks(n).take(depth);
                vectorised(
                    #[inline(always)]
                    || match (aligned, shifted) {
                        (true, true) => add_rows(
                            rows,
                            [&mut *q, &mut *sums],
                            #[inline(always)]
                            |w| [w * w, w],
                        ),
                        (true, false) => add_rows(
                            rows,
                            [&mut *q],
                            #[inline(always)]
                            |w| [w * w],
                        ),
                        _ if self.rotation.is_some() || shifted => add_rows(
                            rows,
                            [&mut *sums],
                            #[inline(always)]
                            |w| [w],
                        ),
                        _ => {}
                    },
                );
                let x = matrix(&x[y.row * self.inputs + k..], self.inputs);
                multiply_block(&mut y, depth, x, matrix(w, n), k > 0);
            }
            if let Some(rotating) = self.rotation {
                if !aligned {
                    q.copy_from_slice(sums);
                }
                self.rotate(rotating, first, [b, lambda], rho, q);
            }
            if let Some((all_rho, all_q)) = stored {
                all_rho.copy_from_slice(rho);
                all_q.copy_from_slice(q);
            }
            // f is x·W/d + b − c·ΣW/d.
            let added = sums;
            added.iter_mut().for_each(|sum| *sum = -(centre * factor * *sum));
            if self.has_bias {
                added.iter_mut().zip(&b[first..]).for_each(|(sum, &b)| *sum = *sum + b);
            }
            vectorised(
                #[inline(always)]
                || {
                    for row in 0..y.rows() {
                        let y = y.line(row);
                        if self.rotation.is_some() {
                            let terms = added.iter().zip(&*rho);
                            y.iter_mut()
                                .zip(terms)
                                .for_each(|(y, (&added, &rho))| *y = (*y * factor + added) * rho);
                        } else if self.has_bias || self.frame != Frame::default() {
                            y.iter_mut().zip(&*added).for_each(|(y, &added)| *y = *y * factor + added);
                        }
                        if let Some(z) = &mut z {
                            z.line(row).copy_from_slice(y);
                        }
                        self.activation.apply(y);
                    }
                },
            );
        });
    }
}

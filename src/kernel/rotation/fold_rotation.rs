//! Auto-rotation of a recurrent layer: as ρ ⊙ (x·W + b) is linear in W and b, ρ is folded into them, the layer runs as a classic
//! one, and the gradients of the folded weights lead back to those of W and b.

use crate::Real;
use crate::kernel::base::rows::map_each;
use crate::kernel::product::PANEL;
use crate::kernel::rotation::formula::{DEPTH, add_rows, d_v_wgsl, q_wgsl};
use crate::kernel::rotation::gate_kernels::{ACROSS, GateKernels};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Share, Slices, Trust, constants, ports, slices, uniforms, wgsl,
};

uniforms!(FoldRotationUniforms {
    inputs: u32,
    units: u32,
    columns: u32,
    lines: u32,
    rotated_lines: u32,
    x_q: f32,
    h_q: f32,
    epsilon: f32,
    limit_0: f32,
    limit_1: f32,
    limit_2: f32,
    limit_3: f32,
});

uniforms!(UnfoldRotationUniforms {
    inputs: u32,
    units: u32,
    columns: u32,
    rotated_lines: u32,
    x_q: f32,
    h_q: f32,
    epsilon: f32,
    l1: f32,
    l2: f32,
    recurrent_l1: f32,
    recurrent_l2: f32,
});

/// ρ and q of every column, and W, U and b with ρ folded in. Formulas: `fold_rotation.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct FoldRotation {
    /// The weights.
    pub kernels: GateKernels,
    /// L of every gate, where it is not learnt.
    pub limits: [f32; 4],
}

/// The gradients of the weights from those of the folded weights, and s = Σ dz ⊙ z of every column. Formulas:
/// `unfold_rotation.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct UnfoldRotation {
    /// The weights.
    pub kernels: GateKernels,
    /// The factors of W's regulariser: L1, then L2.
    pub penalty: [f32; 2],
    /// The factors of U's regulariser, where U is rotated.
    pub recurrent_penalty: [f32; 2],
}

ports! {
    /// The ports of [`FoldRotation`].
    pub struct FoldRotationPorts {
        /// W.
        w: Read,
        /// U, where it is rotated, too.
        u_kernel: Option<Read>,
        /// b, where there is one.
        b: Option<Read>,
        /// λ, where L is learnt.
        lambda: Option<Read>,
        /// ρ, then q.
        rotation: Write,
        /// W·diag(ρ).
        w_folded: Write,
        /// U·diag(ρ).
        u_folded: Option<Write>,
        /// ρ ⊙ b.
        b_folded: Option<Write>,
    }
}

impl Family for FoldRotation {
    const NAME: &'static str = "fold_rotation";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["w", "u_kernel", "b", "rotation", "w_folded", "u_folded", "b_folded"];
    type Ports = FoldRotationPorts<Lens>;
    type Uniforms = FoldRotationUniforms;

    fn lens(&self) -> FoldRotationPorts<Lens> {
        let (w, u, b) = self.kernels.lens();
        let GateKernels { units, gates, rotation, .. } = self.kernels;
        FoldRotationPorts {
            w,
            u_kernel: u,
            b,
            lambda: rotation.lambdas(units).map(|each| gates * each),
            rotation: 2 * self.kernels.columns(),
            w_folded: w,
            u_folded: u,
            b_folded: b,
        }
    }

    fn uniforms(&self) -> FoldRotationUniforms {
        let GateKernels { inputs, units, lines, rotation, h_q, .. } = self.kernels;
        let [limit_0, limit_1, limit_2, limit_3] = self.limits;
        FoldRotationUniforms {
            inputs: inputs as u32,
            units: units as u32,
            columns: self.kernels.columns() as u32,
            lines: lines as u32,
            rotated_lines: self.kernels.rotated_lines() as u32,
            x_q: rotation.x_q,
            h_q: h_q.unwrap_or(0.0),
            epsilon: rotation.epsilon,
            limit_0,
            limit_1,
            limit_2,
            limit_3,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            q_wgsl(Some(self.kernels.rotation)),
            constants(&[("WHOLE", self.kernels.h_q.is_some())]),
            slices(ACROSS),
            wgsl!("rotation/fold_rotation.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.kernels.grid()
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.kernels.rounds()
    }

    fn by_fours(&self) -> bool {
        self.kernels.columns().is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: FoldRotationPorts<Slices<'_, T>>) {
        let FoldRotationPorts { w, u_kernel: u, b, lambda, rotation, w_folded, u_folded, b_folded } = ports;
        let [u, b, lambda] = [u, b, lambda].map(Option::unwrap_or_default);
        let [u_folded, b_folded] = [u_folded, b_folded].map(Option::unwrap_or_default);
        let GateKernels { units, lines, rotation: rotating, h_q, .. } = self.kernels;
        let columns = self.kernels.columns();
        let (rho, q) = rotation.split_at_mut(columns);
        let panels: Vec<_> = rho.chunks_mut(PANEL).zip(q.chunks_mut(PANEL)).enumerate().collect();
        map_each(
            panels,
            w.len(),
            #[inline(always)]
            |(panel, (rho, q)): (usize, (&mut [T], &mut [T]))| {
                let first = panel * PANEL;
                q.fill(T::zero());
                for (kernel, point) in [(w, Some(rotating.x_q)), (u, h_q)] {
                    let Some(point) = point else { continue };
                    let factor = rotating.term(T::of(point.into()));
                    add_rows(kernel[first..].chunks(columns), [&mut *q], |w| [factor * rotating.term(w)]);
                }
                for line in 0..self.kernels.rotated_lines() {
                    let b = &b[line * columns + first..];
                    q.iter_mut().zip(b).for_each(|(q, &b)| *q = *q + rotating.term(b));
                }
                for (i, (rho, q)) in rho.iter_mut().zip(q).enumerate() {
                    let gate = (first + i) / units;
                    let limit = rotating.l_of(lambda, (gate, first + i), self.limits[gate]);
                    (*rho, *q) = rotating.rho_and_q(*q, limit);
                }
            },
        );
        let fold = |from: &[T], to: &mut [T], rows: usize| {
            let lines: Vec<_> = to.chunks_mut(columns).zip(from.chunks(columns)).take(rows).collect();
            map_each(
                lines,
                rows * columns,
                #[inline(always)]
                |(to, from): (&mut [T], &[T])| {
                    to.iter_mut().zip(from).zip(&*rho).for_each(|((to, &from), &rho)| *to = from * rho);
                },
            );
        };
        fold(w, w_folded, self.kernels.inputs);
        if h_q.is_some() {
            fold(u, u_folded, units);
        }
        let rotated = self.kernels.rotated_lines();
        fold(b, b_folded, rotated);
        b_folded[rotated * columns..lines * columns].copy_from_slice(&b[rotated * columns..lines * columns]);
    }
}

ports! {
    /// The ports of [`UnfoldRotation`].
    pub struct UnfoldRotationPorts {
        /// W.
        w: Read,
        /// U, where it is rotated, too.
        u_kernel: Option<Read>,
        /// b, where there is one.
        b: Option<Read>,
        /// ρ, then q.
        rotation: Read,
        /// ∂ℓ/∂(W·diag(ρ)), replaced by ∂ℓ/∂W.
        d_w: Update,
        /// The same for U.
        d_u: Option<Update>,
        /// The same for b.
        d_b: Option<Update>,
        /// s = Σ dz ⊙ z of each unit.
        s: Write,
    }
}

impl Family for UnfoldRotation {
    const NAME: &'static str = "unfold_rotation";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["w", "u_kernel", "b", "rotation", "d_w", "d_u", "d_b", "s"];
    type Ports = UnfoldRotationPorts<Lens>;
    type Uniforms = UnfoldRotationUniforms;

    fn lens(&self) -> UnfoldRotationPorts<Lens> {
        let ((w, u, b), columns) = (self.kernels.lens(), self.kernels.columns());
        UnfoldRotationPorts { w, u_kernel: u, b, rotation: 2 * columns, d_w: w, d_u: u, d_b: b, s: columns }
    }

    fn uniforms(&self) -> UnfoldRotationUniforms {
        let GateKernels { inputs, units, rotation, h_q, .. } = self.kernels;
        let ([l1, l2], [recurrent_l1, recurrent_l2]) = (self.penalty, self.recurrent_penalty);
        UnfoldRotationUniforms {
            inputs: inputs as u32,
            units: units as u32,
            columns: self.kernels.columns() as u32,
            rotated_lines: self.kernels.rotated_lines() as u32,
            x_q: rotation.x_q,
            h_q: h_q.unwrap_or(0.0),
            epsilon: rotation.epsilon,
            l1,
            l2,
            recurrent_l1,
            recurrent_l2,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            d_v_wgsl(Some(self.kernels.rotation)),
            constants(&[("WHOLE", self.kernels.h_q.is_some())]),
            slices(ACROSS),
            wgsl!("rotation/unfold_rotation.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.kernels.grid()
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.kernels.rounds()
    }

    fn by_fours(&self) -> bool {
        self.kernels.columns().is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: UnfoldRotationPorts<Slices<'_, T>>) {
        let UnfoldRotationPorts { w, u_kernel: u, b, rotation, d_w, d_u, d_b, s } = ports;
        let [u, b] = [u, b].map(Option::unwrap_or_default);
        let [d_u, d_b] = [d_u, d_b].map(Option::unwrap_or_default);
        let GateKernels { inputs, units, rotation: rotating, h_q, .. } = self.kernels;
        let (columns, share) = (self.kernels.columns(), Share::by(Some(rotating)));
        let (rho, q) = rotation.split_at(columns);
        let rotated = self.kernels.rotated_lines();
        let (of_w, of_u, of_b) = (&*d_w, &*d_u, &*d_b);
        map_each(
            s.chunks_mut(PANEL).enumerate().collect(),
            w.len(),
            #[inline(always)]
            |(panel, s): (usize, &mut [T])| {
                let first = panel * PANEL;
                s.fill(T::zero());
                let mut add = |kernel: &[T], gradient: &[T], rows: usize| {
                    let mut part = [T::zero(); PANEL];
                    for k in 0..rows {
                        let at = k * columns + first;
                        let pairs = kernel[at..].iter().zip(&gradient[at..]);
                        part[..s.len()].iter_mut().zip(pairs).for_each(|(sum, (&w, &d))| *sum = *sum + w * d);
                        if k % DEPTH == DEPTH - 1 || k == rows - 1 {
                            s.iter_mut().zip(&part).for_each(|(sum, &part)| *sum = *sum + part);
                            part.fill(T::zero());
                        }
                    }
                };
                add(w, of_w, inputs);
                if h_q.is_some() {
                    add(u, of_u, units);
                }
                add(b, of_b, rotated);
                s.iter_mut().zip(&rho[first..]).for_each(|(s, &rho)| *s = rho * *s);
            },
        );
        let shares: Vec<T> = q.iter().zip(&*s).map(|(&q, &s)| rotating.d_v(q, s, T::zero()).0).collect();
        let unfold = |kernel: &[T], gradient: &mut [T], rows: usize, factor: f32, [l1, l2]: [f32; 2]| {
            let (l1, l2) = (T::of(l1.into()), T::of(2.0 * f64::from(l2)));
            let factor = rotating.term(T::of(factor.into()));
            let lines: Vec<_> = gradient.chunks_mut(columns).zip(kernel.chunks(columns)).take(rows).collect();
            map_each(
                lines,
                rows * columns,
                #[inline(always)]
                |(gradient, kernel): (&mut [T], &[T])| {
                    let shares = shares.iter().zip(rho);
                    for ((d, &w), (&d_v, &rho)) in gradient.iter_mut().zip(kernel).zip(shares) {
                        *d = rho * *d + share.of(factor * d_v, w) + l1 * w.sign() + l2 * w;
                    }
                },
            );
        };
        unfold(w, d_w, inputs, rotating.x_q, self.penalty);
        if let Some(h_q) = h_q {
            unfold(u, d_u, units, h_q, self.recurrent_penalty);
        }
        unfold(b, d_b, rotated, 1.0, [0.0; 2]);
    }
}

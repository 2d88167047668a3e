//! The optimisers' updates of all parameters in one dispatch, in Keras' form. Each keeps the parameters from
//! before, to go back to when the new ones turn out to give no finite loss.

use super::accumulate::rates;
use super::advance::clock;
use super::{Args, Binding, Family, Grid, flat_grid, read, read_index, uniforms, update, wgsl};
use crate::Real;

/// Shader parts that every optimiser begins with.
fn shader(stem: String) -> Vec<String> {
    vec![wgsl!("lib/index.wgsl"), wgsl!("lib/clock.wgsl"), wgsl!("lib/clip.wgsl"), stem]
}

/// What the twins of the optimisers share: the step's rates and the clipped gradient, or `None` when
/// training has halted.
fn begin<'a, T: Real>(
    args: &Args<'a, T>,
    clip_value: f32,
) -> Option<(&'a [T], impl Fn(T) -> T + use<'a, T>)> {
    let now = args.read_index(3);
    if now[clock::HALTED] != 0 {
        return None;
    }
    let row = &args.read(1)[now[clock::SLOT] as usize * rates::LEN..][..rates::LEN];
    let factor = args.read(2)[0];
    let limit = T::of(clip_value.into());
    let clipped = move |g: T| {
        let scaled = g * factor;
        if limit > T::zero() { scaled.max(-limit).min(limit) } else { scaled }
    };
    Some((row, clipped))
}

uniforms!(SgdUniforms { count: u32, nesterov: u32, momentum: f32, clip_value: f32 });

/// m = μ·m − lr·g; w += m, or μ·m − lr·g with Nesterov's momentum.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// The number of parameters.
    pub count: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// μ; without momentum m is not touched.
    pub momentum: f32,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// The largest |g|, or 0 for no limit.
    pub clip_value: f32,
}

impl Family for Sgd {
    const NAME: &'static str = "sgd";
    const BINDINGS: &'static [Binding] = &[
        read("gradient"),
        read("rates"),
        read("control"),
        read_index("clock"),
        update("w"),
        update("previous"),
        update("m"),
    ];
    type Uniforms = SgdUniforms;

    fn lens(&self) -> Vec<usize> {
        let moment = if self.momentum == 0.0 { 1 } else { self.count };
        vec![self.count, self.slots * rates::LEN, 2, clock::LEN, self.count, self.count, moment]
    }

    fn uniforms(&self) -> SgdUniforms {
        SgdUniforms {
            count: self.count as u32,
            nesterov: self.nesterov.into(),
            momentum: self.momentum,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("sgd.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let Some((row, clipped)) = begin(&args, self.clip_value) else { return };
        let (gradient, w, m) = (args.read(0), args.write(4), args.write(6));
        args.write(5).copy_from_slice(w);
        let (rate, momentum) = (row[rates::LEARNING_RATE], T::of(self.momentum.into()));
        for (i, (w, &g)) in w.iter_mut().zip(gradient).enumerate() {
            let change = -rate * clipped(g);
            *w = *w
                + if self.momentum == 0.0 {
                    change
                } else {
                    m[i] = momentum * m[i] + change;
                    if self.nesterov { momentum * m[i] + change } else { m[i] }
                };
        }
    }
}

uniforms!(RmsPropUniforms { count: u32, rho: f32, momentum: f32, epsilon: f32, clip_value: f32 });

/// v = ρ·v + (1 − ρ)·g²; change = lr·g/√(v + ε); w −= change, or m = μ·m + change; w −= m.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    /// The number of parameters.
    pub count: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// ρ, the decay of the mean square.
    pub rho: f32,
    /// μ; without momentum m is not touched.
    pub momentum: f32,
    /// ε, inside the root.
    pub epsilon: f32,
    /// The largest |g|, or 0 for no limit.
    pub clip_value: f32,
}

impl Family for RmsProp {
    const NAME: &'static str = "rmsprop";
    const BINDINGS: &'static [Binding] = &[
        read("gradient"),
        read("rates"),
        read("control"),
        read_index("clock"),
        update("w"),
        update("previous"),
        update("v"),
        update("m"),
    ];
    type Uniforms = RmsPropUniforms;

    fn lens(&self) -> Vec<usize> {
        let moment = if self.momentum == 0.0 { 1 } else { self.count };
        vec![self.count, self.slots * rates::LEN, 2, clock::LEN, self.count, self.count, self.count, moment]
    }

    fn uniforms(&self) -> RmsPropUniforms {
        RmsPropUniforms {
            count: self.count as u32,
            rho: self.rho,
            momentum: self.momentum,
            epsilon: self.epsilon,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("rmsprop.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let Some((row, clipped)) = begin(&args, self.clip_value) else { return };
        let (gradient, w) = (args.read(0), args.write(4));
        args.write(5).copy_from_slice(w);
        let (v, m) = (args.write(6), args.write(7));
        let [rho, momentum, epsilon] = [self.rho, self.momentum, self.epsilon].map(|c| T::of(c.into()));
        for (i, (w, &g)) in w.iter_mut().zip(gradient).enumerate() {
            let g = clipped(g);
            v[i] = rho * v[i] + (T::one() - rho) * g * g;
            let mut change = row[rates::LEARNING_RATE] * g / (v[i] + epsilon).sqrt();
            if self.momentum != 0.0 {
                change = change + momentum * m[i];
                m[i] = change;
            }
            *w = *w - change;
        }
    }
}

uniforms!(AdamUniforms {
    count: u32,
    decayed: u32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    epsilon: f32,
    weight_decay: f32,
    clip_value: f32,
});

/// m += (1 − β₁)(g − m); v += (1 − β₂)(g² − v); w −= α·m/(√v + ε), after the decoupled weight decay
/// w −= decay·lr·w of the first `decayed` parameters.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// The number of parameters.
    pub count: usize,
    /// How many of them, from the first, are decayed.
    pub decayed: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// 1 − β₁.
    pub one_minus_beta_1: f32,
    /// 1 − β₂.
    pub one_minus_beta_2: f32,
    /// ε, outside the root.
    pub epsilon: f32,
    /// The decay a step and a unit of learning rate; 0 is plain Adam.
    pub weight_decay: f32,
    /// The largest |g|, or 0 for no limit.
    pub clip_value: f32,
}

impl Family for Adam {
    const NAME: &'static str = "adam";
    const BINDINGS: &'static [Binding] = &[
        read("gradient"),
        read("rates"),
        read("control"),
        read_index("clock"),
        update("w"),
        update("previous"),
        update("m"),
        update("v"),
    ];
    type Uniforms = AdamUniforms;

    fn lens(&self) -> Vec<usize> {
        let n = self.count;
        vec![n, self.slots * rates::LEN, 2, clock::LEN, n, n, n, n]
    }

    fn uniforms(&self) -> AdamUniforms {
        AdamUniforms {
            count: self.count as u32,
            decayed: self.decayed as u32,
            one_minus_beta_1: self.one_minus_beta_1,
            one_minus_beta_2: self.one_minus_beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("adam.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let Some((row, clipped)) = begin(&args, self.clip_value) else { return };
        let (gradient, w) = (args.read(0), args.write(4));
        args.write(5).copy_from_slice(w);
        let (m, v) = (args.write(6), args.write(7));
        let [near_1, near_2] = [self.one_minus_beta_1, self.one_minus_beta_2].map(|c| T::of(c.into()));
        let [epsilon, decay] = [self.epsilon, self.weight_decay].map(|c| T::of(c.into()));
        let (rate, alpha) = (row[rates::LEARNING_RATE], row[rates::ALPHA]);
        for (i, (w, &g)) in w.iter_mut().zip(gradient).enumerate() {
            let g = clipped(g);
            m[i] = m[i] + near_1 * (g - m[i]);
            v[i] = v[i] + near_2 * (g * g - v[i]);
            let decayed = if i < self.decayed { *w - decay * rate * *w } else { *w };
            *w = decayed - alpha * m[i] / (v[i].sqrt() + epsilon);
        }
    }
}

//! The optimisers' updates of all parameters in one dispatch, in Keras' form. Each keeps the parameters from
//! before, to go back to when the new ones turn out to give no finite loss.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::rates;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, flat_grid, ports, uniforms, wgsl};

/// Shader parts that every optimiser begins with.
fn shader(stem: String) -> Vec<String> {
    vec![wgsl!("base/parts/index.wgsl"), wgsl!("base/parts/clock.wgsl"), wgsl!("step/parts/clip.wgsl"), stem]
}

/// Parameters that one task takes.
const TASK: usize = 1 << 13;

/// A stretch of the parameters with everything that an update touches. A moment that the options leave out
/// is empty.
struct Stretch<'a, T> {
    /// The stretch's first parameter.
    first: usize,
    gradient: &'a [T],
    w: &'a mut [T],
    previous: &'a mut [T],
    m: &'a mut [T],
    v: &'a mut [T],
}

impl<T: Real> Stretch<'_, T> {
    fn split(self) -> (Self, Self) {
        let middle = (self.w.len() / 2).next_multiple_of(64);
        let (gradient, gradient_2) = self.gradient.split_at(middle);
        let (w, w_2) = self.w.split_at_mut(middle);
        let (previous, previous_2) = self.previous.split_at_mut(middle);
        let (m, m_2) = self.m.split_at_mut(middle.min(self.m.len()));
        let (v, v_2) = self.v.split_at_mut(middle.min(self.v.len()));
        let second = Self {
            first: self.first + middle,
            gradient: gradient_2,
            w: w_2,
            previous: previous_2,
            m: m_2,
            v: v_2,
        };
        (Self { first: self.first, gradient, w, previous, m, v }, second)
    }

    /// Keeps the old parameters and calls `work` for stretches of all of them, on several threads where that pays.
    fn update(self, work: impl Fn(Self) + Copy + Send + Sync) {
        if self.w.len() > 2 * TASK {
            let (first, second) = self.split();
            rayon::join(|| first.update(work), || second.update(work));
        } else {
            self.previous.copy_from_slice(self.w);
            crate::kernel::base::rows::vectorised(
                #[inline(always)]
                || work(self),
            );
        }
    }
}

ports! {
    /// The ports of all optimisers.
    pub struct UpdatePorts {
        /// The gradient.
        gradient: Read,
        /// The table of rates.
        rates: Read,
        /// The factor that clips the gradient, and its norm.
        control: Read,
        /// The clock.
        clock: ReadIndex,
        /// The parameters.
        w: Update,
        /// The parameters before this update.
        previous: Update,
        /// The first moment, or the momentum, of optimisers that have one.
        m: Option<Update>,
        /// The second moment of optimisers that have one.
        v: Option<Update>,
    }
}

/// The buffers of an update; a moment that the options leave out is not there.
fn lens(count: usize, slots: usize, [m, v]: [bool; 2]) -> UpdatePorts<Lens> {
    UpdatePorts {
        gradient: count,
        rates: slots * rates::LEN,
        control: 2,
        clock: clock::LEN,
        w: count,
        previous: count,
        m: m.then_some(count),
        v: v.then_some(count),
    }
}

/// How gradients are clipped.
#[derive(Clone, Copy)]
struct Clipping<T> {
    factor: T,
    /// The largest |g|, or 0 for no limit.
    limit: T,
}

impl<T: Real> Clipping<T> {
    #[inline(always)]
    fn of(self, g: T) -> T {
        let scaled = g * self.factor;
        if self.limit > T::zero() { scaled.max(-self.limit).min(self.limit) } else { scaled }
    }
}

/// What the twins share.
struct Begun<'a, T> {
    /// The step's row of the table of rates.
    rates: &'a [T],
    clipping: Clipping<T>,
    /// All parameters with their moments.
    all: Stretch<'a, T>,
}

impl<'a, T: Real> UpdatePorts<Slices<'a, T>> {
    /// `None` when training has halted.
    fn begin(self, clip_value: f32) -> Option<Begun<'a, T>> {
        let Self { gradient, rates, control, clock: now, w, previous, m, v } = self;
        if now[clock::HALTED] != 0 {
            return None;
        }
        let rates = &rates[now[clock::SLOT] as usize * rates::LEN..][..rates::LEN];
        let clipping = Clipping { factor: control[0], limit: T::of(clip_value.into()) };
        let [m, v] = [m, v].map(Option::unwrap_or_default);
        Some(Begun { rates, clipping, all: Stretch { first: 0, gradient, w, previous, m, v } })
    }
}

uniforms!(SgdUniforms { count: u32, last_slot: u32, nesterov: u32, momentum: f32, clip_value: f32 });

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
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "w", "previous", "m"];
    type Ports = UpdatePorts<Lens>;
    type Uniforms = SgdUniforms;

    fn lens(&self) -> UpdatePorts<Lens> {
        lens(self.count, self.slots, [self.momentum != 0.0, false])
    }

    fn uniforms(&self) -> SgdUniforms {
        SgdUniforms {
            count: self.count as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            nesterov: self.nesterov.into(),
            momentum: self.momentum,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("step/sgd.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: UpdatePorts<Slices<'_, T>>) {
        let Some(Begun { rates, clipping, all }) = ports.begin(self.clip_value) else { return };
        let (rate, momentum) = (rates[rates::LEARNING_RATE], T::of(self.momentum.into()));
        all.update(
            #[inline(always)]
            |Stretch { gradient, w, m, .. }| {
                if self.momentum == 0.0 {
                    w.iter_mut().zip(gradient).for_each(|(w, &g)| *w = *w - rate * clipping.of(g));
                    return;
                }
                for ((w, &g), m) in w.iter_mut().zip(gradient).zip(m) {
                    let change = -rate * clipping.of(g);
                    *m = momentum * *m + change;
                    *w = *w + if self.nesterov { momentum * *m + change } else { *m };
                }
            },
        );
    }
}

uniforms!(RmsPropUniforms {
    count: u32,
    last_slot: u32,
    rho: f32,
    momentum: f32,
    epsilon: f32,
    clip_value: f32
});

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
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "w", "previous", "v", "m"];
    type Ports = UpdatePorts<Lens>;
    type Uniforms = RmsPropUniforms;

    fn lens(&self) -> UpdatePorts<Lens> {
        lens(self.count, self.slots, [self.momentum != 0.0, true])
    }

    fn uniforms(&self) -> RmsPropUniforms {
        RmsPropUniforms {
            count: self.count as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            rho: self.rho,
            momentum: self.momentum,
            epsilon: self.epsilon,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("step/rmsprop.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: UpdatePorts<Slices<'_, T>>) {
        let Some(Begun { rates, clipping, all }) = ports.begin(self.clip_value) else { return };
        let [rho, momentum, epsilon] = [self.rho, self.momentum, self.epsilon].map(|c| T::of(c.into()));
        let rate = rates[rates::LEARNING_RATE];
        all.update(
            #[inline(always)]
            |Stretch { gradient, w, m, v, .. }| {
                let change = |g: T, v: &mut T| {
                    let g = clipping.of(g);
                    *v = rho * *v + (T::one() - rho) * g * g;
                    rate * g / (*v + epsilon).sqrt()
                };
                if self.momentum == 0.0 {
                    w.iter_mut().zip(gradient).zip(v).for_each(|((w, &g), v)| *w = *w - change(g, v));
                    return;
                }
                for (((w, &g), v), m) in w.iter_mut().zip(gradient).zip(v).zip(m) {
                    *m = momentum * *m + change(g, v);
                    *w = *w - *m;
                }
            },
        );
    }
}

uniforms!(AdamUniforms {
    count: u32,
    last_slot: u32,
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
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "w", "previous", "m", "v"];
    type Ports = UpdatePorts<Lens>;
    type Uniforms = AdamUniforms;

    fn lens(&self) -> UpdatePorts<Lens> {
        lens(self.count, self.slots, [true; 2])
    }

    fn uniforms(&self) -> AdamUniforms {
        AdamUniforms {
            count: self.count as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            decayed: self.decayed as u32,
            one_minus_beta_1: self.one_minus_beta_1,
            one_minus_beta_2: self.one_minus_beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            clip_value: self.clip_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        shader(wgsl!("step/adam.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: UpdatePorts<Slices<'_, T>>) {
        let Some(Begun { rates, clipping, all }) = ports.begin(self.clip_value) else { return };
        let [near_1, near_2] = [self.one_minus_beta_1, self.one_minus_beta_2].map(|c| T::of(c.into()));
        let [epsilon, decay] = [self.epsilon, self.weight_decay].map(|c| T::of(c.into()));
        let (rate, alpha) = (rates[rates::LEARNING_RATE], rates[rates::ALPHA]);
        all.update(
            #[inline(always)]
            |Stretch { first, gradient, w, m, v, .. }| {
                if decay > T::zero() {
                    let decayed = self.decayed.saturating_sub(first).min(w.len());
                    w[..decayed].iter_mut().for_each(|w| *w = *w - decay * rate * *w);
                }
                for (((w, &g), m), v) in w.iter_mut().zip(gradient).zip(m).zip(v) {
                    let g = clipping.of(g);
                    *m = *m + near_1 * (g - *m);
                    *v = *v + near_2 * (g * g - *v);
                    *w = *w - alpha * *m / (v.sqrt() + epsilon);
                }
            },
        );
    }
}

//! The update of all parameters in one dispatch, by an optimiser's rule. The old parameters are kept in case the new ones give no
//! finite loss.

use crate::describe::{Options, value};
use crate::kernel::clock;
use crate::kernel::rates;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, Uniforms, constants, each, flat_grid, ports, wgsl,
};
use crate::{Real, Result};

/// An optimiser's rule: how a parameter changes, given its gradient and up to two numbers, such as moments, that are kept for it
/// between updates. [`Optimizer::new`](crate::Optimizer::new) makes it an optimiser, with learning rate, gradient clipping and
/// weight decay.
///
/// The rule is written twice, in Rust for the CPU and in WGSL for GPUs. [`check::update_rule`](crate::extend::check::update_rule)
/// compares the two.
pub trait UpdateRule: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The rule's name in reports, descriptions and errors, in lower case. It also names what the rule keeps.
    const NAME: &'static str;

    /// The names of the rule's numbers, which the shader reads as `u.momentum` and so on.
    const NUMBERS: &'static [&'static str] = &[];

    /// A WGSL function that does for four parameters what [`UpdateRule::update`] does for one:
    /// `fn update(gradient: vec4<f32>, sizes: vec3<f32>, w: vec4<f32>, kept: ptr<function, array<vec4<f32>, 2>>) -> vec4<f32>`.
    const WGSL: &'static str;

    /// Whether every parameter tensor moves as far as it is long (You et al. 2020): by the learning rate times ‖w‖/‖c‖, where c is the
    /// change that [`UpdateRule::update`] makes of w = 0 with the step size 1. A norm of 0 leaves the ratio at 1. Default: no.
    const BY_TENSOR: bool = false;

    /// Whether the shader may run without bounds checks.
    const TRUST: Trust<Self> = Trust::CHECKED;

    /// The numbers of [`UpdateRule::NUMBERS`], all finite.
    fn numbers(&self) -> Vec<f32> {
        Vec::new()
    }

    /// The names of the numbers kept for every parameter, at most two. They start at 0.
    fn kept(&self) -> &'static [&'static str] {
        &[]
    }

    /// The parameter after an update, from its gradient, its old value and three numbers: the step size, which is the learning rate times
    /// the first of [`UpdateRule::factors`], and the other two. Kept numbers are updated in place, in the order of [`UpdateRule::kept`];
    /// any others are unused.
    fn update<T: Real>(&self, gradient: T, sizes: [T; 3], w: T, kept: [&mut T; 2]) -> T;

    /// What update number `update`, counted from 0, needs of the number of updates, such as Adam's bias corrections: the step size for a
    /// learning rate of 1, and two further numbers. Default: 1 each.
    fn factors(&self, update: u64) -> [f64; 3] {
        let _ = update;
        [1.0; 3]
    }

    /// Checks that the options are in their ranges.
    ///
    /// # Errors
    /// An option out of its range, by name.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// The options by name, for descriptions and for comparison when a training is resumed.
    fn options(&self) -> Options {
        let named = Self::NUMBERS.iter().zip(self.numbers());
        named.map(|(name, number)| ((*name).to_owned(), value(&number))).collect()
    }
}

/// Parameters per task.
pub(super) const TASK: usize = 1 << 13;

/// A stretch of the parameters with everything that an update touches. Slices for numbers that the rule does not keep are empty.
struct Part<'a, T> {
    /// The stretch's first parameter.
    first: usize,
    gradient: &'a [T],
    w: &'a mut [T],
    previous: &'a mut [T],
    kept: [&'a mut [T]; 2],
}

impl<T: Real> Part<'_, T> {
    fn split(self) -> (Self, Self) {
        let middle = (self.w.len() / 2).next_multiple_of(64);
        let (gradient, gradient_2) = self.gradient.split_at(middle);
        let (w, w_2) = self.w.split_at_mut(middle);
        let (previous, previous_2) = self.previous.split_at_mut(middle.min(self.previous.len()));
        let [(a, a_2), (b, b_2)] = self.kept.map(|kept| kept.split_at_mut(middle.min(kept.len())));
        let second = Self {
            first: self.first + middle,
            gradient: gradient_2,
            w: w_2,
            previous: previous_2,
            kept: [a_2, b_2],
        };
        (Self { first: self.first, gradient, w, previous, kept: [a, b] }, second)
    }

    /// Saves the old parameters, if they are to be, and calls `work` for stretches that cover all of them, on several threads where that pays.
    fn update(self, work: impl Fn(Self) + Copy + Send + Sync) {
        if self.w.len() > 2 * TASK {
            let (first, second) = self.split();
            rayon::join(|| first.update(work), || second.update(work));
        } else {
            if !self.previous.is_empty() {
                self.previous.copy_from_slice(self.w);
            }
            crate::kernel::base::rows::vectorised(
                #[inline(always)]
                || work(self),
            );
        }
    }
}

ports! {
    /// The ports of [`Update`].
    pub struct UpdatePorts {
        /// The gradient.
        gradient: Read,
        /// The table of rates.
        rates: Read,
        /// The factor that clips the gradient, and its norm.
        control: Read,
        /// The clock.
        clock: ReadIndex,
        /// The parameters, or the change of each by a rule that goes by tensor.
        w: Update,
        /// The parameters before this update; not for a rule that goes by tensor.
        previous: Option<Update>,
        /// The first number that the rule keeps of every parameter, where it keeps any.
        moment_1: Option<Update>,
        /// The second one, where it keeps two.
        moment_2: Option<Update>,
    }
}

/// What all parameters of an update share.
#[derive(Clone, Copy)]
struct Common<T> {
    sizes: [T; 3],
    /// The factor of the gradients.
    factor: T,
    /// The largest |g|, or 0 for no limit.
    limit: T,
}

impl<T: Real> Common<T> {
    #[inline(always)]
    fn next(self, rule: &impl UpdateRule, w: &mut T, g: T, kept: [&mut T; 2]) {
        let scaled = g * self.factor;
        let g = if self.limit > T::zero() { scaled.max(-self.limit).min(self.limit) } else { scaled };
        *w = rule.update(g, self.sizes, *w, kept);
    }
}

/// The uniform block of [`Update`].
#[derive(Clone, Debug)]
pub struct UpdateUniforms<R> {
    rule: R,
    /// Count, last slot, decayed.
    words: [u32; 3],
    /// Weight decay, clip value, factor of the learning rate.
    limits: [f32; 3],
}

impl<R: UpdateRule> Uniforms for UpdateUniforms<R> {
    fn wgsl() -> String {
        let words = ["count", "last_slot", "decayed"].map(|name| format!("{name}: u32"));
        let limits = ["weight_decay", "clip_value", "rate_factor"].map(|name| format!("{name}: f32"));
        let numbers = R::NUMBERS.iter().map(|name| format!("    {name}: f32,\n"));
        let fields = words.iter().chain(&limits).map(|field| format!("    {field},\n"));
        format!("struct Uniforms {{\n{}}}\n", fields.chain(numbers).collect::<String>())
    }

    fn words(&self) -> Vec<u32> {
        let numbers = self.limits.into_iter().chain(self.rule.numbers());
        self.words.into_iter().chain(numbers.map(f32::to_bits)).collect()
    }
}

/// w = the rule's result for w and its clipped gradient; before that, the first `decayed` parameters lose decay·lr·w (decoupled
/// weight decay, Loshchilov and Hutter 2019). For a rule that goes by tensor w becomes the change instead, which
/// [`TrustRatio`](super::TrustRatio) then applies, with the decay. Nothing changes while the clock is halted.
#[derive(Clone, Copy, Debug)]
pub struct Update<R> {
    /// The rule.
    pub rule: R,
    /// The number of parameters.
    pub count: usize,
    /// How many of them, from the first, are decayed.
    pub decayed: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// The decay per step and unit of learning rate; 0 for none.
    pub weight_decay: f32,
    /// The largest |g|, or 0 for no limit.
    pub clip_value: f32,
    /// The factor of the learning rate.
    pub rate_factor: f32,
}

impl<R: UpdateRule> Family for Update<R> {
    const NAME: &'static str = R::NAME;
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "w", "previous", "moment_1", "moment_2"];
    type Ports = UpdatePorts<Lens>;
    type Uniforms = UpdateUniforms<R>;

    fn lens(&self) -> UpdatePorts<Lens> {
        let Self { count, slots, .. } = *self;
        let kept = self.rule.kept().len();
        UpdatePorts {
            gradient: count,
            rates: slots * rates::LEN,
            control: 2,
            clock: clock::LEN,
            w: count,
            previous: (!R::BY_TENSOR).then_some(count),
            moment_1: (kept > 0).then_some(count),
            moment_2: (kept > 1).then_some(count),
        }
    }

    fn uniforms(&self) -> UpdateUniforms<R> {
        let last_slot = (self.slots as u32).saturating_sub(1);
        UpdateUniforms {
            rule: self.rule.clone(),
            words: [self.count as u32, last_slot, self.decayed as u32],
            limits: [self.weight_decay * self.rate_factor, self.clip_value, self.rate_factor],
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let kept = self.rule.kept().len();
        vec![
            each(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/rates.wgsl"),
            constants(&[("KEEPS_ONE", kept > 0), ("KEEPS_TWO", kept > 1), ("BY_TENSOR", R::BY_TENSOR)]),
            R::TRUST.part(R::WGSL.to_owned()),
            wgsl!("step/parts/update.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: UpdatePorts<Slices<'_, T>>) {
        let UpdatePorts { gradient, rates, control, clock: now, w, previous, moment_1, moment_2 } = ports;
        if now[clock::HALTED] != 0 {
            return;
        }
        let rates = &rates[now[clock::SLOT] as usize * rates::LEN..][..rates::LEN];
        let rate = rates[rates::LEARNING_RATE];
        let limit = T::of(self.clip_value.into());
        let scale = T::of(self.rate_factor.into());
        let size = if R::BY_TENSOR { T::one() } else { rates[rates::STEP_SIZE] * scale };
        let sizes = [size, rates[rates::FACTORS], rates[rates::FACTORS + 1]];
        let common = Common { sizes, factor: control[0], limit };
        let (rule, decay) = (&self.rule, T::of((self.weight_decay * self.rate_factor).into()));
        let kept = [moment_1, moment_2].map(Option::unwrap_or_default);
        let previous = previous.unwrap_or_default();
        Part { first: 0, gradient, w, previous, kept }.update(
            #[inline(always)]
            |Part { first, gradient, w, kept: [a, b], .. }| {
                if R::BY_TENSOR {
                    w.fill(T::zero());
                } else if decay > T::zero() {
                    let decayed = self.decayed.saturating_sub(first).min(w.len());
                    w[..decayed].iter_mut().for_each(|w| *w = *w - decay * rate * *w);
                }
                let parameters = w.iter_mut().zip(gradient);
                match (a.is_empty(), b.is_empty()) {
                    (true, _) => {
                        for (w, &g) in parameters {
                            common.next(rule, w, g, [&mut T::zero(), &mut T::zero()]);
                        }
                    }
                    (false, true) => {
                        for ((w, &g), a) in parameters.zip(a) {
                            common.next(rule, w, g, [a, &mut T::zero()]);
                        }
                    }
                    (false, false) => {
                        for (((w, &g), a), b) in parameters.zip(a).zip(b) {
                            common.next(rule, w, g, [a, b]);
                        }
                    }
                }
            },
        );
    }
}

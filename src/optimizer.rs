//! Optimisers, with Keras' defaults and Keras' formulas.

use crate::kernel::{
    self, Accumulate, AccumulatePorts, Guard, GuardPorts, SumSquares, SumSquaresPorts, UpdatePorts, rates,
};
use crate::plan::arena::{Arena, keys};
use crate::plan::{FEW, Recorder, View};
use crate::{Error, Result, Schedule};

/// Limits on the gradient. By norm: all gradients together are scaled down to it (Keras' `global_clipnorm`, PyTorch's
/// `clip_grad_norm_`). By value: every single one is cut (Keras' `clipvalue`). With both, the norm comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Clip {
    /// The largest norm, above 0.
    pub norm: Option<f32>,
    /// The largest absolute value, above 0.
    pub value: Option<f32>,
}

/// Stochastic gradient descent, plain or with momentum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sgd {
    /// Keras' default: 0.01.
    pub learning_rate: Schedule,
    /// 0 ≤ μ < 1; default 0.
    pub momentum: f32,
    /// Nesterov's momentum; default off.
    pub nesterov: bool,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.01),
            momentum: 0.0,
            nesterov: false,
            clip: Clip::default(),
        }
    }
}

/// RMSprop (Hinton), not centred.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RmsProp {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of the mean square, 0..1; default 0.9.
    pub rho: f32,
    /// 0 ≤ μ < 1; default 0.
    pub momentum: f32,
    /// ε > 0, inside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.001),
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            clip: Clip::default(),
        }
    }
}

/// Adam (Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adam {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of the mean, 0..1; default 0.9.
    pub beta_1: f64,
    /// The decay of the mean square, 0..1; default 0.999.
    pub beta_2: f64,
    /// ε > 0, outside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Adam {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            clip: Clip::default(),
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): w −= lr·decay·w before the update. As in
/// Keras, kernels and biases are decayed; a learnt L never is.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AdamW {
    /// Adam's part.
    pub adam: Adam,
    /// The decay; Keras' default is 0.004.
    pub weight_decay: f32,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { adam: Adam::default(), weight_decay: 0.004 }
    }
}

/// Any of the optimisers.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Adam.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
}

impl From<Sgd> for Optimizer {
    fn from(o: Sgd) -> Self {
        Self::Sgd(o)
    }
}

impl From<RmsProp> for Optimizer {
    fn from(o: RmsProp) -> Self {
        Self::RmsProp(o)
    }
}

impl From<Adam> for Optimizer {
    fn from(o: Adam) -> Self {
        Self::Adam(o)
    }
}

impl From<AdamW> for Optimizer {
    fn from(o: AdamW) -> Self {
        Self::AdamW(o)
    }
}

/// The moments of all kinds of optimisers, by their names in the executor.
pub(crate) const MOMENTS: [&str; 5] = ["sgd m", "rmsprop v", "rmsprop m", "adam m", "adam v"];

/// Parameters updated by one dispatch: within WebGPU's 128 MiB a binding.
const PARAMETERS_A_DISPATCH: usize = 32 << 20;

impl Optimizer {
    /// The optimiser of this name with its defaults: `sgd`, `rmsprop`, `adam` or `adamw`.
    ///
    /// # Errors
    /// An unknown name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "sgd" => Ok(Sgd::default().into()),
            "rmsprop" => Ok(RmsProp::default().into()),
            "adam" => Ok(Adam::default().into()),
            "adamw" => Ok(AdamW::default().into()),
            _ => Err(Error::invalid(
                "optimizer",
                format!("{name:?}"),
                "sgd, rmsprop, adam, adamw",
                "use one of these",
            )),
        }
    }

    /// The optimiser with another learning rate.
    pub fn with_learning_rate(mut self, rate: impl Into<Schedule>) -> Self {
        let rate = rate.into();
        match &mut self {
            Self::Sgd(o) => o.learning_rate = rate,
            Self::RmsProp(o) => o.learning_rate = rate,
            Self::Adam(o) => o.learning_rate = rate,
            Self::AdamW(o) => o.adam.learning_rate = rate,
        }
        self
    }

    /// The optimiser with these limits on the gradient.
    pub fn with_clip(mut self, clip: Clip) -> Self {
        match &mut self {
            Self::Sgd(o) => o.clip = clip,
            Self::RmsProp(o) => o.clip = clip,
            Self::Adam(o) => o.clip = clip,
            Self::AdamW(o) => o.adam.clip = clip,
        }
        self
    }

    /// The learning rate over time.
    pub fn learning_rate(&self) -> Schedule {
        match self {
            Self::Sgd(o) => o.learning_rate,
            Self::RmsProp(o) => o.learning_rate,
            Self::Adam(o) => o.learning_rate,
            Self::AdamW(o) => o.adam.learning_rate,
        }
    }

    fn clip(&self) -> Clip {
        match self {
            Self::Sgd(o) => o.clip,
            Self::RmsProp(o) => o.clip,
            Self::Adam(o) => o.clip,
            Self::AdamW(o) => o.adam.clip,
        }
    }

    /// Whether all numbers are usable.
    ///
    /// # Errors
    /// The number that is not, by name.
    pub fn check(&self) -> Result<()> {
        self.learning_rate().check()?;
        let below_1 = |v: f64| (0.0..1.0).contains(&v);
        let positive = |v: f32| v.is_finite() && v > 0.0;
        let mut wrong = Vec::new();
        let mut check = |name: &str, fine: bool| {
            if !fine {
                wrong.push(name.to_owned());
            }
        };
        let clip = self.clip();
        check("clip.norm", clip.norm.is_none_or(positive));
        check("clip.value", clip.value.is_none_or(positive));
        match self {
            Self::Sgd(o) => check("momentum", below_1(o.momentum.into())),
            Self::RmsProp(o) => {
                check("rho", below_1(o.rho.into()));
                check("momentum", below_1(o.momentum.into()));
                check("epsilon", positive(o.epsilon));
            }
            Self::Adam(adam) | Self::AdamW(AdamW { adam, .. }) => {
                check("beta_1", below_1(adam.beta_1));
                check("beta_2", below_1(adam.beta_2));
                check("epsilon", positive(adam.epsilon));
            }
        }
        if let Self::AdamW(o) = self {
            check("weight_decay", o.weight_decay.is_finite() && o.weight_decay >= 0.0);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Error::invalid(
            format!("optimizer option {}", wrong.join(", ")),
            format!("{self:?}"),
            "decays and momenta in 0..1, ε > 0, limits > 0, weight decay >= 0",
            "correct the option",
        ))
    }

    /// The names of the shared buffers that hold its moments, each as long as the parameters. Optimisers of
    /// different kinds keep theirs apart; Adam and AdamW share.
    pub fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd(o) if o.momentum == 0.0 => &[],
            Self::Sgd(_) => &MOMENTS[0..1],
            Self::RmsProp(o) if o.momentum == 0.0 => &MOMENTS[1..2],
            Self::RmsProp(_) => &MOMENTS[1..3],
            Self::Adam(_) | Self::AdamW(_) => &MOMENTS[3..5],
        }
    }

    /// The kind whose moments it uses.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sgd(_) => "sgd",
            Self::RmsProp(_) => "rmsprop",
            Self::Adam(_) | Self::AdamW(_) => "adam",
        }
    }

    /// Learning rate and Adam's α for an update, the first being 0.
    pub fn rates(&self, update: u64) -> [f64; 2] {
        let rate = self.learning_rate().rate(update);
        match self {
            Self::Adam(adam) | Self::AdamW(AdamW { adam, .. }) => {
                // Beyond i32 the corrections are 1.
                let t = i32::try_from(update + 1).unwrap_or(i32::MAX);
                [rate, rate * (1.0 - adam.beta_2.powi(t)).sqrt() / (1.0 - adam.beta_1.powi(t))]
            }
            _ => [rate, 0.0],
        }
    }

    /// Records the guard and the update of all parameters.
    pub fn record(&self, rec: &mut Recorder<'_>, step: UpdateViews, arena: &Arena) {
        let (n, slots) = (arena.len(), step.rates.len / rates::LEN);
        let clip = self.clip();
        let clip_value = clip.value.unwrap_or(0.0);
        let clip_norm = clip.norm.unwrap_or(0.0);
        record_guard(rec, step, clip_norm);
        let moments: Vec<View> =
            self.moments().iter().map(|key| rec.shared(key, kernel::Element::Float, n)).collect();
        let parameters = rec.shared(keys::PARAMETERS, kernel::Element::Float, n);
        let previous = rec.shared(keys::PREVIOUS, kernel::Element::Float, n);
        for (first, count) in spans(n) {
            let part = |rec: &Recorder<'_>, view: View| rec.part(view, first, count);
            let (gradient, w, previous) =
                (part(rec, step.gradient), part(rec, parameters), part(rec, previous));
            let mut moments = moments.iter().map(|&view| part(rec, view));
            let [m, v] = match self {
                Self::Sgd(_) => [moments.next(), None],
                Self::RmsProp(_) => {
                    let v = moments.next();
                    [moments.next(), v]
                }
                Self::Adam(_) | Self::AdamW(_) => [moments.next(), moments.next()],
            };
            let (rates, control, clock) = (step.rates, step.control, step.clock);
            let ports = UpdatePorts { gradient, rates, control, clock, w, previous, m, v };
            match *self {
                Self::Sgd(Sgd { momentum, nesterov, .. }) => {
                    rec.op(kernel::Sgd { count, slots, momentum, nesterov, clip_value }, ports);
                }
                Self::RmsProp(RmsProp { rho, momentum, epsilon, .. }) => {
                    rec.op(kernel::RmsProp { count, slots, rho, momentum, epsilon, clip_value }, ports);
                }
                Self::Adam(adam) | Self::AdamW(AdamW { adam, .. }) => {
                    let weight_decay = if let Self::AdamW(o) = self { o.weight_decay } else { 0.0 };
                    rec.op(
                        kernel::Adam {
                            count,
                            decayed: arena.decayed_end().saturating_sub(first).min(count),
                            slots,
                            one_minus_beta_1: (1.0 - adam.beta_1) as f32,
                            one_minus_beta_2: (1.0 - adam.beta_2) as f32,
                            epsilon: adam.epsilon,
                            weight_decay,
                            clip_value,
                        },
                        ports,
                    );
                }
            }
        }
    }
}

/// First element and length of the stretches of an arena that one dispatch takes.
pub(crate) fn spans(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(PARAMETERS_A_DISPATCH).map(move |first| (first, PARAMETERS_A_DISPATCH.min(len - first)))
}

/// Records the check that the step's loss and gradient are finite, and the factor that clips the gradient
/// to `clip_norm` (0 for no limit).
pub(crate) fn record_guard(rec: &mut Recorder<'_>, step: UpdateViews, clip_norm: f32) {
    let partials = rec.scratch(SumSquares::partials(step.gradient.len));
    for (first, count) in spans(step.gradient.len) {
        let gradient = rec.part(step.gradient, first, count);
        let part = rec.part(partials, SumSquares::partials(first), SumSquares::partials(count));
        rec.op(SumSquares { count }, SumSquaresPorts { values: gradient, partials: part });
    }
    let (partials, count) = rec.condense(partials, partials.len, 1, FEW);
    let slots = step.rates.len / rates::LEN;
    rec.op(
        Guard { partials: count, columns: step.columns, slots, clip_norm, kind: step.kind },
        GuardPorts {
            partials,
            tallies: step.tallies,
            clock: step.clock,
            control: step.control,
            due: step.due,
        },
    );
}

/// Records the adding of the step's gradient to `total`.
pub(crate) fn record_accumulation(rec: &mut Recorder<'_>, step: UpdateViews, total: View) {
    let slots = step.rates.len / rates::LEN;
    for (first, count) in spans(total.len) {
        let (gradient, total) = (rec.part(step.gradient, first, count), rec.part(total, first, count));
        rec.op(
            Accumulate { count, slots },
            AccumulatePorts { gradient, rates: step.rates, clock: step.clock, total },
        );
    }
}

/// The views that an update works on, besides the parameters and moments.
#[derive(Clone, Copy, Debug)]
pub struct UpdateViews {
    /// The gradients, or their accumulated sum.
    pub gradient: View,
    /// The table of rates.
    pub rates: View,
    /// The sums of the step's scores.
    pub tallies: View,
    /// The width of a row of tallies.
    pub columns: usize,
    /// The clock.
    pub clock: View,
    /// Clip factor and norm.
    pub control: View,
    /// Which step is due in every slot: see [`Guard::due`].
    pub due: View,
    /// The step's kind, where another may be due.
    pub kind: Option<u32>,
}

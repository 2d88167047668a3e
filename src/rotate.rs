//! Auto-rotation's options: where the point x_Q lies, L, ε. The mathematics is in [`docs::rotation`](crate::docs::rotation), the formulas
//! in `kernel/rotation/formula.rs`.

use crate::range::{Frame, Range};
use crate::{Activation, Error, Result};
use serde::{Deserialize, Deserializer};

/// Where the point x_Q lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// x_Q·(1, …, 1), as in the papers and in arpkeras: q = f(x_Q·1).
    #[default]
    Diagonal,
    /// Along the unit's own weights, this crate's rule: q = √(x_Q²·Σw² + b²). It is smooth and never near 0 unless the weights are.
    Aligned,
    /// Critical auto-rotation, this crate's rule for nets of any depth: the aligned rule with x_Q = 1 on the inputs (x − c)/d around
    /// their [`Frame`], q = √(Σw² + b²). See [`AutoRotate::critical`].
    Critical,
}

/// Whether L is trained, L = exp(λ). The papers mention learnable saturation regions but publish no parametrisation: this one is this
/// crate's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnL {
    /// L is not trained.
    #[default]
    Fixed,
    /// One λ for the layer.
    PerLayer,
    /// One λ per unit.
    PerUnit,
}

/// Auto-rotation of a layer: z = ρ·f(x) with ρ = L/(|q| + ε). By default it has no hyperparameters: x_Q follows from the range of the
/// layer's inputs and L from its activation.
///
/// The range of a network's inputs is either declared ([`Sequential::input_range`](crate::Sequential::input_range), or for a layer
/// [`AutoRotate::limits`] and [`AutoRotate::x_q`]) and then used as it is, or observed in data
/// ([`Sequential::for_data`](crate::Sequential::for_data)). An observed range ignores a few values far beyond the rest
/// ([`Dataset::observe`](crate::Dataset::observe)); inputs that are all below 0, for which x_Q would lie between most of them and 0, are
/// refused. Hidden layers' ranges follow from the activations before them.
///
/// In files and settings, options that are not given have their defaults: those of [`AutoRotate::critical`] with its rule.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, Deserialize)]
#[serde(from = "Told")]
pub struct AutoRotate {
    pub(crate) rule: Rule,
    pub(crate) x_q: Option<f32>,
    #[serde(rename = "l")]
    pub(crate) limit: Option<f32>,
    pub(crate) limits: Option<(f32, f32)>,
    pub(crate) epsilon: f32,
    #[serde(rename = "learn_l")]
    pub(crate) learn: LearnL,
    pub(crate) detached: bool,
    pub(crate) per_filter: bool,
    pub(crate) delta: Option<f32>,
    pub(crate) frame: Option<Frame>,
    /// `None` is the default, `Some(None)` no norm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) norm: Option<Option<f32>>,
    pub(crate) decay: bool,
}

/// Options as they are told, of which some may be missing.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Told {
    rule: Rule,
    x_q: Option<f32>,
    l: Option<f32>,
    limits: Option<(f32, f32)>,
    epsilon: Option<f32>,
    learn_l: Option<LearnL>,
    detached: bool,
    per_filter: bool,
    delta: Option<f32>,
    frame: Option<Frame>,
    #[serde(deserialize_with = "some")]
    norm: Option<Option<f32>>,
    decay: Option<bool>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Option<f32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<Told> for AutoRotate {
    fn from(told: Told) -> Self {
        let Told { rule, x_q, l, limits, detached, per_filter, delta, frame, .. } = told;
        let default =
            if rule == Rule::Critical { Self::critical() } else { Self { rule, ..Self::default() } };
        Self {
            rule,
            x_q,
            limit: l,
            limits,
            epsilon: told.epsilon.unwrap_or(default.epsilon),
            learn: told.learn_l.unwrap_or(default.learn),
            detached,
            per_filter,
            delta,
            frame,
            norm: told.norm,
            decay: told.decay.unwrap_or(default.decay),
        }
    }
}

impl Default for AutoRotate {
    fn default() -> Self {
        Self {
            rule: Rule::Diagonal,
            x_q: None,
            limit: None,
            limits: None,
            epsilon: 1e-5,
            learn: LearnL::Fixed,
            detached: false,
            per_filter: false,
            delta: None,
            frame: None,
            norm: None,
            decay: true,
        }
    }
}

impl AutoRotate {
    /// The default: diagonal x_Q from the propagated range, L from the activation, ε = 1e-5.
    pub fn new() -> Self {
        Self::default()
    }

    /// Critical auto-rotation, this crate's way to train plain nets of saturating neurons of any depth: at the centre of its inputs the
    /// layer's Jacobian starts as 1 + δ times an orthogonal matrix, so that gradients neither vanish nor explode.
    ///
    /// z = G/q·(w·(x − c)/d + b) with q = √(‖w‖² + b²) per unit or filter. The centre c is σ(0) of the activation before, handed on by
    /// pooling, dropout and the like, and d is 1. A network's inputs, whose mean and deviation are those of the data
    /// ([`Sequential::for_data`](crate::Sequential::for_data)) or follow from a declared range, and normalised values are brought to √δ, the
    /// deviation at which values settle between critical layers: d is theirs over √δ. A convolution's own padding is with c. G = exp(λ)
    /// is learnt per unit and starts at 1 + δ times [`Activation::critical_gain`]; δ follows from the depth, the number of critical layers
    /// in the network. Kernels start orthogonal, gate by gate and group by group, those of convolutions delta-orthogonal, each unit's weights
    /// with a length of √depth (with more units than inputs only the units' lengths are then exact), and weight decay does not apply to them.
    /// Each of these is an option. A [`ZeroPadding`](crate::ZeroPadding2d) layer pads with 0, whatever the centre is.
    ///
    /// It is weight normalisation (Salimans and Kingma 2016) of (w, b) together in a centred frame, with the gain of mean-field theory
    /// (Schoenholz et al. 2017) and a dynamically isometric start (Saxe et al. 2014; Xiao et al. 2018).
    pub fn critical() -> Self {
        Self { rule: Rule::Critical, learn: LearnL::PerUnit, decay: false, ..Self::default() }
    }

    /// Sets the rule for the point x_Q. [`AutoRotate::critical`] sets more than that.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    /// Sets x_Q itself instead of deriving it from the range of inputs.
    pub fn x_q(mut self, x_q: f32) -> Self {
        self.x_q = Some(x_q);
        self
    }

    /// Sets L > 0 instead of using the activation's; if L is learnt, this is its initial value. In a recurrent layer it applies to all
    /// gates.
    pub fn l(mut self, limit: f32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Overrides the range of the layer's inputs, x_min and x_max (arpkeras' `xmin_lim`, `xmax_lim`); with [`Rule::Critical`] also their
    /// frame, unless [`AutoRotate::frame`] sets it: around the middle of the range, and from the deviation of numbers spread evenly over it.
    pub fn limits(mut self, min: f32, max: f32) -> Self {
        self.limits = Some((min, max));
        self
    }

    /// Sets δ > −1 of [`Rule::Critical`], by which G starts above criticality: G = (1 + δ)·gain. By default
    /// min(0.1, 0.9/√depth), with the number of critical layers in the network as its depth. Without effect if L is given.
    pub fn delta(mut self, delta: f32) -> Self {
        self.delta = Some(delta);
        self
    }

    /// Sets the frame in which [`Rule::Critical`] sees the layer's inputs, as (x − centre)/deviation, instead of deriving it.
    pub fn frame(mut self, frame: Frame) -> Self {
        self.frame = Some(frame);
        self
    }

    /// Sets the length of each unit's weights at the start with [`Rule::Critical`], above 0, instead of the root of the number of critical
    /// layers in the network. What a unit computes does not depend on it, but an update turns long weights less, as the layers of a deep
    /// network need: small turns of all of them add up. With the layer's default initialiser, kernels are then orthogonal; another
    /// initialiser is used and its units' weights brought to this length. `None` leaves the initialiser as it is, for comparisons
    /// from the same initial weights.
    pub fn norm(mut self, norm: impl Into<Option<f32>>) -> Self {
        self.norm = Some(norm.into());
        self
    }

    /// Sets whether weight decay applies to kernel and bias with [`Rule::Critical`], where their length has no meaning.
    pub fn decay(mut self, decay: bool) -> Self {
        self.decay = decay;
        self
    }

    /// Sets ε ≥ 0 in ρ = L/(|q| + ε).
    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Trains L = exp(λ), one for the layer or one per unit; weight decay never applies to it.
    pub fn learn_l(mut self, learn: LearnL) -> Self {
        self.learn = learn;
        self
    }

    /// Treats q as a constant in the backward pass: no gradient flows through ρ to kernel and bias (dq = 0), while the one through f
    /// stays. A learnt L is still trained, since dλ = Σ s does not pass through q. By default gradients flow through all of ρ, as in the
    /// reference.
    pub fn detached(mut self, detached: bool) -> Self {
        self.detached = detached;
        self
    }

    /// Gives a convolution one ρ per filter, that of a window not cut off by a border, instead of the exact one for every position. The
    /// two differ where zeros pad the input. A transposed convolution's windows overlap differently from position to position: there it
    /// is the mean over them, q = x_Q·Σw/Πstrides + b. Other layers have one ρ per unit anyway, as has every layer with
    /// [`Rule::Aligned`].
    pub fn per_filter(mut self, per_filter: bool) -> Self {
        self.per_filter = per_filter;
        self
    }

    /// The frame of a critical layer's inputs, handed on to it or its own.
    pub(crate) fn frame_of(&self, inputs: Frame, depth: Option<usize>) -> Frame {
        let of_range = || self.given_range().map(|range| settled(Frame::of(range), depth));
        self.frame.or_else(of_range).unwrap_or(inputs)
    }

    /// Rejects options that only the critical rule has.
    fn check_rule(&self, path: &str) -> Result<()> {
        let given = [
            ("delta", self.delta.is_some()),
            ("frame", self.frame.is_some()),
            ("norm", self.norm.flatten().is_some()),
            ("decay(false)", !self.decay),
        ];
        match given.iter().find(|(_, given)| *given && self.rule != Rule::Critical) {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(
                path,
                format!("{name} with the rule {:?}", self.rule),
                "the rule Critical, which alone has this option",
                "start from AutoRotate::critical(), or leave the option out",
            )),
        }
    }

    /// The declared range of inputs, which replaces the observed one.
    pub(crate) fn given_range(&self) -> Option<Range> {
        self.limits.map(|(min, max)| Range { min, max })
    }

    /// The options with everything automatic filled in, for a layer at `path` with inputs in `range`, observed in data or declared, and
    /// this activation, in a network of so many critical layers, if known.
    pub(crate) fn resolve(
        &self,
        path: &str,
        (range, observed): (Option<Range>, bool),
        activation: Activation,
        depth: Option<usize>,
    ) -> Result<Rotation> {
        self.check_rule(path)?;
        let limit = match self.rule {
            Rule::Critical => activation.critical_gain() * (1.0 + self.started_above(depth)),
            Rule::Diagonal | Rule::Aligned => activation.limit(),
        };
        let x_q = self.point(path, (range, observed))?;
        let positive = [
            ("1 + δ", 1.0 + self.delta.unwrap_or(0.0), "give delta(v) a number above −1"),
            ("L", self.limit.unwrap_or(limit), "give l(v) a positive value"),
            ("norm", self.norm.flatten().unwrap_or(1.0), "leave norm at its default, √depth"),
        ];
        for (name, value, remedy) in positive {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::invalid(
                    path,
                    format!("{name} = {value}"),
                    format!("a finite {name} > 0"),
                    remedy,
                ));
            }
        }
        if let Some(frame) = self.frame {
            frame.check(path)?;
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return Err(Error::invalid(
                path,
                format!("ε = {}", self.epsilon),
                "a finite ε >= 0",
                "leave epsilon at its default, 1e-5",
            ));
        }
        Ok(Rotation {
            rule: self.rule,
            x_q,
            limit: self.limit.unwrap_or(limit),
            epsilon: self.epsilon,
            learn: self.learn,
            detached: self.detached,
        })
    }

    /// δ.
    fn started_above(&self, depth: Option<usize>) -> f32 {
        self.delta.unwrap_or_else(|| depth.map_or(0.05, delta_at))
    }

    /// The length of each unit's weights at the start of a critical layer, if it is set.
    pub(crate) fn length(&self, depth: Option<usize>) -> Option<f32> {
        self.norm.unwrap_or_else(|| Some((depth.unwrap_or(1) as f32).sqrt()))
    }

    /// x_Q for inputs in `range`; by the critical rule for those in a frame.
    fn point(&self, path: &str, (range, observed): (Option<Range>, bool)) -> Result<f32> {
        let range = match self.limits {
            Some((min, max)) => Some(Range::new(min, max).map_err(|_| {
                Error::invalid(
                    path,
                    format!("limits({min}, {max})"),
                    "finite numbers with x_min <= x_max",
                    "give the smaller limit first",
                )
            })?),
            None => range,
        };
        let critical = self.rule == Rule::Critical;
        let x_q = match (self.x_q, range) {
            (Some(x_q), _) => x_q,
            _ if critical => 1.0,
            (None, Some(range)) if observed && self.limits.is_none() && range.passes_x_q() => {
                return Err(Error::invalid(
                    path,
                    format!(
                        "inputs observed in {range}, all to one side of 0, so that x_Q = 2·x_max − x_min is {} and \
                         most units would start saturated",
                        range.x_q()
                    ),
                    "inputs mostly closer to 0 than x_Q, such as a range that contains 0",
                    "scale the inputs with Scaler::standard or Scaler::min_max, or declare a range with \
                     Sequential::input_range, limits(min, max) or x_q(v)",
                ));
            }
            (None, Some(range)) => range.x_q(),
            (None, None) => {
                return Err(Error::invalid(
                    path,
                    "auto-rotation with inputs of unknown range",
                    "a range of inputs to derive x_Q from",
                    "declare it with Sequential::input_range, build from data with Sequential::for_data, or \
                     give limits(min, max) or x_q(v)",
                ));
            }
        };
        if !x_q.is_finite() || (x_q == 0.0 && (self.x_q.is_none() || critical)) {
            return Err(Error::invalid(
                path,
                format!("x_Q = {x_q}"),
                "a finite x_Q, and not 0 when derived from the range or with critical auto-rotation",
                "give limits(min, max) or x_q(v)",
            ));
        }
        Ok(x_q)
    }
}

/// δ by default in a network of so many critical layers.
fn delta_at(depth: usize) -> f32 {
    (0.9 / (depth as f32).sqrt()).min(0.1)
}

/// The frame in which values of this centre and deviation have the deviation √δ, at which values settle between the critical layers of a
/// network with so many. Without critical layers nobody sees values in their frame, and it stays what it is.
pub(crate) fn settled(frame: Frame, depth: Option<usize>) -> Frame {
    depth.map_or(frame, |depth| Frame { deviation: frame.deviation / delta_at(depth).sqrt(), ..frame })
}

/// Resolved auto-rotation of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rotation {
    /// The rule for the point x_Q.
    pub rule: Rule,
    /// x_Q, a finite number.
    pub x_q: f32,
    /// L > 0, or the initial value of a learnt L.
    pub limit: f32,
    /// ε ≥ 0.
    pub epsilon: f32,
    /// Whether L is trained.
    pub learn: LearnL,
    /// Whether q is a constant in the backward pass; see [`AutoRotate::detached`].
    pub detached: bool,
}

impl Rotation {
    /// The number of λ in a gate of `units` units; `None` if L is fixed.
    pub(crate) fn lambdas(&self, units: usize) -> Option<usize> {
        match self.learn {
            LearnL::Fixed => None,
            LearnL::PerLayer => Some(1),
            LearnL::PerUnit => Some(units),
        }
    }
}

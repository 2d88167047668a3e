//! The activations. To add one, add one entry to the table at the end of this file: its name, L and range, and its value and derivative
//! in Rust and in WGSL. Names, errors, shaders and the kernel table follow from the entry.

mod formulas;
mod own;
mod start;

pub use own::{ActivationRule, OwnActivation};

use crate::{Error, Range, Real, Result};
use formulas::{
    log_one_plus_exponential, mish, mish_derivative, normal_cdf, normal_pdf, sigmoid, sigmoid_derivative,
    tanh_derivative,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Marks shader text from outside this crate: drivers check the indices of shaders that contain it.
pub(crate) const FOREIGN: &str = "// Not of this crate.\n";

/// The range of values of mean 0 and deviation 1 that have no limits, such as normalised ones: the one whose x_Q = 2·x_max − x_min is
/// two deviations, where a tanh neuron's L/x_Q by the aligned rule is its critical gain, 1.
pub(crate) const STANDARD_RANGE: Range = Range { min: -2.0 / 3.0, max: 2.0 / 3.0 };

macro_rules! activations {
    ($(
        $(#[$doc:meta])*
        $variant:ident: [$($name:literal),+] {
            limit: $limit:expr,
            range: |$input:ident| $range:expr,
            output_suffices: $output_suffices:expr,
            value: |$z:ident| $value:expr,
            derivative: |$dz:ident| $derivative:expr,
            wgsl_value: $wgsl_value:literal,
            wgsl_derivative: $wgsl_derivative:literal,
        }
    )+) => {
        /// The function σ between a layer's (rotated) pre-activation z and its output y.
        ///
        /// Each has a default L, the half-width of its dynamic region, and a range of outputs, which is the next layer's input range. L
        /// of tanh, sigmoid and arctan are from the arpkeras documentation, L of relu and leaky relu from the ARNN poster's code. The
        /// others are this crate's choice: where hard tanh, hard sigmoid and relu6 saturate, 4 for the rest (softsign's derivative has
        /// fallen to 1/25 there; those of the others do not vanish on one side), and 1 for linear and exponential, which never saturate.
        ///
        /// Your own: [`Activation::own`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Activation {
            $( $(#[$doc])* $variant, )+
            /// A user's activation.
            Own(OwnActivation),
        }

        impl Activation {
            /// Every built-in activation, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The names that [`Activation::from_name`] accepts; reports show the first.
            pub fn names(self) -> &'static [&'static str] {
                match self { $( Self::$variant => &[$($name),+], )+ Self::Own(own) => std::slice::from_ref(&own.table().name) }
            }

            /// The default L, the half-width of the dynamic region of z.
            pub fn limit(self) -> f32 {
                match self { $( Self::$variant => $limit, )+ Self::Own(own) => own.table().limit }
            }

            /// The range of y, given the range of the layer's own input if known; `None` if it depends on an unknown one.
            pub fn range(self, input: Option<Range>) -> Option<Range> {
                match self {
                    $( Self::$variant => { let $input = input; $range } )+
                    Self::Own(own) => (own.table().range)(input),
                }
            }

            /// Whether y alone is enough for the backward pass, so that z need not be stored.
            pub(crate) fn output_suffices(self) -> bool {
                match self { $( Self::$variant => $output_suffices, )+ Self::Own(_) => false }
            }

            /// y = σ(z).
            #[inline(always)]
            pub fn value<T: Real>(self, z: T) -> T {
                match self { $( Self::$variant => { let $z = z; $value } )+ Self::Own(own) => (own.loops().value)(z) }
            }

            /// σ'(z); at a kink as in Keras: relu's is that of z < 0, selu's that of z > 0, relu6's is 0, hard tanh's is 1.
            #[inline(always)]
            pub fn derivative<T: Real>(self, z: T) -> T {
                match self {
                    $( Self::$variant => { let $dz = z; $derivative } )+
                    Self::Own(own) => (own.loops().derivative)(z),
                }
            }

            /// Replaces every z by y.
            #[inline(always)]
            pub(crate) fn apply<T: Real>(self, values: &mut [T]) {
                match self {
                    $( Self::$variant => for value in values {
                        *value = { let $z = *value; $value };
                    } )+
                    Self::Own(own) => (own.loops().apply)(values),
                }
            }

            /// Writes σ'(z) for every z.
            #[inline(always)]
            pub(crate) fn derivatives<T: Real>(self, z: &[T], out: &mut [T]) {
                match self {
                    $( Self::$variant => for (out, &value) in out.iter_mut().zip(z) {
                        let $dz = value;
                        *out = $derivative;
                    } )+
                    Self::Own(own) => (own.loops().derivatives)(z, out),
                }
            }

            /// Writes y and σ'(z) for every z; what the two have in common is computed once.
            #[inline(always)]
            pub(crate) fn both<T: Real>(self, z: &[T], values: &mut [T], derivatives: &mut [T]) {
                match self {
                    $( Self::$variant => for ((y, d), &value) in values.iter_mut().zip(derivatives).zip(z) {
                        *y = { let $z = value; $value };
                        *d = { let $dz = value; $derivative };
                    } )+
                    Self::Own(own) => {
                        values[..z.len()].copy_from_slice(z);
                        (own.loops().apply)(&mut values[..z.len()]);
                        (own.loops().derivatives)(z, derivatives);
                    }
                }
            }

            /// The WGSL functions `activation(z)` and `activation_derivative(z)`, and their vec4 versions `activations` and
            /// `activation_derivatives`.
            pub(crate) fn wgsl(self) -> String {
                let (mark, [value, derivative]) = match self {
                    $( Self::$variant => ("", [$wgsl_value, $wgsl_derivative]), )+
                    Self::Own(own) => (FOREIGN, own.table().wgsl),
                };
                let function = |name: &str, value: &str| {
                    let parts = ["x", "y", "z", "w"].map(|part| format!("{name}(z.{part})")).join(", ");
                    format!(
                        "fn {name}(z: f32) -> f32 {{\n    return {value};\n}}\n\n\
                         fn {name}s(z: vec4<f32>) -> vec4<f32> {{\n    return vec4<f32>({parts});\n}}\n"
                    )
                };
                mark.to_owned() + &function("activation", value) + "\n" + &function("activation_derivative", derivative)
            }
        }
    };
}

impl Activation {
    /// The activation's name in reports and files.
    pub fn name(self) -> &'static str {
        self.names()[0]
    }

    /// The activation of this name (Keras' words; case does not matter).
    ///
    /// # Errors
    /// An unknown name; the error lists the known ones.
    pub fn from_name(name: &str) -> Result<Self> {
        let wanted = name.to_ascii_lowercase().replace('-', "_");
        Self::ALL.iter().copied().find(|a| a.names().contains(&wanted.as_str())).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|a| a.name()).collect();
            Error::invalid("activation", format!("{name:?}"), known.join(", "), "use one of these names")
        })
    }
}

/// By name; a user's with `own:` before it, so that it is taken for no other.
impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Own(_) => serializer.serialize_str(&format!("own:{}", self.name())),
            _ => serializer.serialize_str(self.name()),
        }
    }
}

/// By name, for built-in ones only; a user's activation comes with the program.
impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_name(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl std::str::FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::from_name(name)
    }
}

impl std::fmt::Display for Activation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// [min, max of the layer's own input, but at least 1]: unbounded above.
fn open_above(min: f32, input: Option<Range>) -> Option<Range> {
    input.map(|r| Range { min, max: r.max.max(1.0) })
}

/// λ of selu, and λ·α, the distance of its lowest value from 0.
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
pub(crate) const SELU_FLOOR: f64 = 1.758_099_340_847_376_8;

const UNIT: Range = Range { min: 0.0, max: 1.0 };
const SYMMETRIC: Range = Range { min: -1.0, max: 1.0 };

// No value hides a NaN, as max and clamp would: training must notice it.
activations! {
    /// y = z. L = 1, which only scales z, since nothing saturates; the next layer's x_Q is 2, two standard
    /// deviations.
    #[default]
    Linear: ["linear", "identity"] {
        limit: 1.0,
        range: |_input| Some(STANDARD_RANGE),
        output_suffices: true,
        value: |z| z,
        derivative: |_z| T::one(),
        wgsl_value: "z",
        wgsl_derivative: "1.0",
    }
    /// y = 1/(1 + e⁻ᶻ), in 0..1. L = 4.
    Sigmoid: ["sigmoid", "logistic"] {
        limit: 4.0,
        range: |_input| Some(UNIT),
        output_suffices: false,
        value: |z| sigmoid(z),
        derivative: |z| sigmoid_derivative(z),
        wgsl_value: "sigmoid(z)",
        wgsl_derivative: "sigmoid_derivative(z)",
    }
    /// y = tanh z, in −1..1. L = 2.
    Tanh: ["tanh"] {
        limit: 2.0,
        range: |_input| Some(SYMMETRIC),
        output_suffices: false,
        value: |z| z.hyperbolic_tangent(),
        derivative: |z| tanh_derivative(z),
        wgsl_value: "hyperbolic_tangent(z)",
        wgsl_derivative: "tanh_derivative(z)",
    }
    /// y = arctan z, in −π/2..π/2. L = 7.
    Arctan: ["arctan", "atan"] {
        limit: 7.0,
        range: |_input| Range::new(-std::f32::consts::FRAC_PI_2, std::f32::consts::FRAC_PI_2).ok(),
        output_suffices: false,
        value: |z| z.atan(),
        derivative: |z| T::one() / (T::one() + z * z),
        wgsl_value: "arc_tangent(z)",
        wgsl_derivative: "1.0 / (1.0 + z * z)",
    }
    /// y = max(z, 0). L = 4; range 0..max(own input, 1).
    Relu: ["relu"] {
        limit: 4.0,
        range: |input| open_above(0.0, input),
        output_suffices: true,
        value: |z| if z < T::zero() { T::zero() } else { z },
        derivative: |z| if z > T::zero() { T::one() } else { T::zero() },
        wgsl_value: "select(z, 0.0, z < 0.0)",
        wgsl_derivative: "select(0.0, 1.0, z > 0.0)",
    }
    /// y = max(z, 0) cut at 6 (Krizhevsky 2010). L = 6, where it saturates.
    Relu6: ["relu6"] {
        limit: 6.0,
        range: |_input| Some(Range { min: 0.0, max: 6.0 }),
        output_suffices: true,
        value: |z| if z < T::zero() { T::zero() } else if z > T::of(6.0) { T::of(6.0) } else { z },
        derivative: |z| if z > T::zero() && z < T::of(6.0) { T::one() } else { T::zero() },
        wgsl_value: "select(select(z, 0.0, z < 0.0), 6.0, z > 6.0)",
        wgsl_derivative: "select(0.0, 1.0, z > 0.0 && z < 6.0)",
    }
    /// y = z for z > 0, else 0.3 z (Keras' α). L = 4; range 0.3·min..max of the layer's own input.
    LeakyRelu: ["leaky_relu"] {
        limit: 4.0,
        range: |input| input.map(|r| Range { min: 0.3 * r.min, max: r.max.max(0.3 * r.min) }),
        output_suffices: false,
        value: |z| if z > T::zero() { z } else { T::of(0.3) * z },
        derivative: |z| if z > T::zero() { T::one() } else { T::of(0.3) },
        wgsl_value: "select(0.3 * z, z, z > 0.0)",
        wgsl_derivative: "select(0.3, 1.0, z > 0.0)",
    }
    /// y = z for z > 0, else eᶻ − 1 (Clevert et al. 2015, with α = 1). L = 4; range −1..max(own input, 1). `celu` (Barron 2017) with its
    /// default α = 1 is the same function.
    Elu: ["elu", "celu"] {
        limit: 4.0,
        range: |input| open_above(-1.0, input),
        output_suffices: false,
        value: |z| if z > T::zero() { z } else { z.exp_m1() },
        derivative: |z| if z > T::zero() { T::one() } else { z.exp() },
        wgsl_value: "select(z, exponential_minus_one(min(z, 0.0)), z < 0.0)",
        wgsl_derivative: "select(exp(min(z, 0.0)), 1.0, z > 0.0)",
    }
    /// y = λ·z for z ≥ 0, else λ·α·(eᶻ − 1), with λ = 1.0507 and α = 1.6733 (Klambauer et al. 2017): keeps mean 0 and variance 1 from layer
    /// to layer, with [`LecunNormal`](crate::Initializer::LecunNormal) kernels and [`AlphaDropout`](crate::AlphaDropout). L = 4; range
    /// −λα..λ·max(own input, 1).
    Selu: ["selu"] {
        limit: 4.0,
        range: |input| input.map(|r| Range { min: -SELU_FLOOR as f32, max: SELU_SCALE as f32 * r.max.max(1.0) }),
        output_suffices: false,
        value: |z| if z < T::zero() { T::of(SELU_FLOOR) * z.exp_m1() } else { T::of(SELU_SCALE) * z },
        derivative: |z| if z < T::zero() { T::of(SELU_FLOOR) * z.exp() } else { T::of(SELU_SCALE) },
        wgsl_value: "select(1.0507009873554805 * z, 1.7580993408473768 * exponential_minus_one(min(z, 0.0)), z < 0.0)",
        wgsl_derivative: "select(1.0507009873554805, 1.7580993408473768 * exp(min(z, 0.0)), z < 0.0)",
    }
    /// y = ln(1 + eᶻ). L = 4; range 0..max(own input, 1).
    Softplus: ["softplus"] {
        limit: 4.0,
        range: |input| open_above(0.0, input),
        output_suffices: false,
        value: |z| z.max(T::zero()) + log_one_plus_exponential(z),
        derivative: |z| sigmoid(z),
        wgsl_value: "select(z, 0.0, z < 0.0) + log_one_plus(exp(-abs(z)))",
        wgsl_derivative: "sigmoid(z)",
    }
    /// y = ln(1/(1 + e⁻ᶻ)), the logarithm of the sigmoid (Keras 3's name; PyTorch's `LogSigmoid`). L = 4; range min(own input, −1)..0.
    LogSigmoid: ["log_sigmoid", "logsigmoid"] {
        limit: 4.0,
        range: |input| input.map(|r| Range { min: r.min.min(-1.0), max: 0.0 }),
        output_suffices: false,
        value: |z| z.min(T::zero()) - log_one_plus_exponential(z),
        derivative: |z| sigmoid(-z),
        wgsl_value: "select(z, 0.0, z > 0.0) - log_one_plus(exp(-abs(z)))",
        wgsl_derivative: "sigmoid(-z)",
    }
    /// y = eᶻ. L = 1, since nothing saturates above; range 0..e, which z up to L gives.
    Exponential: ["exponential", "exp"] {
        limit: 1.0,
        range: |_input| Some(Range { min: 0.0, max: std::f32::consts::E }),
        output_suffices: false,
        value: |z| z.exp(),
        derivative: |z| z.exp(),
        wgsl_value: "exp(z)",
        wgsl_derivative: "exp(z)",
    }
    /// y = z·sigmoid(z). L = 4; range −0.2785..max(own input, 1).
    Silu: ["silu", "swish"] {
        limit: 4.0,
        range: |input| open_above(-0.278_464_55, input),
        output_suffices: false,
        value: |z| z * sigmoid(z),
        derivative: |z| { let s = sigmoid(z); s * (T::one() + z * sigmoid(-z)) },
        wgsl_value: "z * sigmoid(z)",
        wgsl_derivative: "sigmoid(z) * (1.0 + z * sigmoid(-z))",
    }
    /// y = z·tanh(ln(1 + eᶻ)) (Misra 2019). L = 4; range −0.3088..max(own input, 1).
    Mish: ["mish"] {
        limit: 4.0,
        range: |input| open_above(-0.308_843_4, input),
        output_suffices: false,
        value: |z| mish(z),
        derivative: |z| mish_derivative(z),
        wgsl_value: "mish(z)",
        wgsl_derivative: "mish_derivative(z)",
    }
    /// y = z·Φ(z), exact (not the tanh approximation). L = 4; range −0.17..max(own input, 1).
    Gelu: ["gelu"] {
        limit: 4.0,
        range: |input| open_above(-0.169_970_76, input),
        output_suffices: false,
        value: |z| z * normal_cdf(z),
        derivative: |z| normal_cdf(z) + z * normal_pdf(z),
        wgsl_value: "z * normal_cdf(z)",
        wgsl_derivative: "normal_cdf(z) + z * exp(-0.5 * z * z) * 0.3989422804",
    }
    /// y = z cut to −1..1. L = 1, where it saturates.
    HardTanh: ["hard_tanh", "hardtanh"] {
        limit: 1.0,
        range: |_input| Some(SYMMETRIC),
        output_suffices: false,
        value: |z| if z < -T::one() { -T::one() } else if z > T::one() { T::one() } else { z },
        derivative: |z| if z.abs() <= T::one() { T::one() } else { T::zero() },
        wgsl_value: "select(select(z, -1.0, z < -1.0), 1.0, z > 1.0)",
        wgsl_derivative: "select(0.0, 1.0, abs(z) <= 1.0)",
    }
    /// y = z/5 + 1/2 cut to 0..1 (as in Keras 2, for the gates of older recurrent layers). L = 2.5, where it saturates.
    HardSigmoid: ["hard_sigmoid"] {
        limit: 2.5,
        range: |_input| Some(UNIT),
        output_suffices: false,
        value: |z| {
            let y = T::of(0.2) * z + T::of(0.5);
            if y < T::zero() { T::zero() } else if y > T::one() { T::one() } else { y }
        },
        derivative: |z| if z.abs() <= T::of(2.5) { T::of(0.2) } else { T::zero() },
        wgsl_value: "select(select(0.2 * z + 0.5, 0.0, 0.2 * z + 0.5 < 0.0), 1.0, 0.2 * z + 0.5 > 1.0)",
        wgsl_derivative: "select(0.0, 0.2, abs(z) <= 2.5)",
    }
    /// y = z/(1 + |z|), in −1..1. L = 4.
    Softsign: ["softsign"] {
        limit: 4.0,
        range: |_input| Some(SYMMETRIC),
        output_suffices: false,
        value: |z| z / (T::one() + z.abs()),
        derivative: |z| { let d = T::one() + z.abs(); T::one() / (d * d) },
        wgsl_value: "z / (1.0 + abs(z))",
        wgsl_derivative: "1.0 / ((1.0 + abs(z)) * (1.0 + abs(z)))",
    }
}

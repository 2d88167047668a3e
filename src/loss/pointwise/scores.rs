//! Formulas of metrics alone, without a slope.

use crate::Real;
use crate::kernel::{Pointwise, Trust};

/// A formula of a metric, by the name, the value and its shader.
macro_rules! scores {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* } $told:literal, |$of:ident, $x:ident, $t:ident| $value:expr, $wgsl:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name {
            $(pub(crate) $field: f32,)*
        }

        impl Pointwise for $name {
            const TRUST: Trust<Self> = Trust::OWN;

            fn name(&self) -> String {
                $told.to_owned()
            }

            fn value<T: Real>(&self, $x: T, $t: T) -> T {
                let $of = self;
                $value
            }

            fn derivative<T: Real>(&self, _x: T, _t: T) -> T {
                T::zero()
            }

            fn wgsl(&self) -> [String; 2] {
                let $of = self;
                [$wgsl, "0.0".to_owned()]
            }
        }
    )+};
}

fn one_if<T: Real>(condition: bool) -> T {
    if condition { T::one() } else { T::zero() }
}

/// The least |t| of a percentage.
const LEAST: f32 = 1e-7;

scores! {
    /// 1 if x is on the same side of the threshold as t is of 1/2, else 0.
    Agreement { threshold } "binary_accuracy",
        |of, x, t| one_if((x > T::of(of.threshold.into())) == (t > T::of(0.5))),
        format!("select(0.0, 1.0, (x > {:?}) == (t > 0.5))", of.threshold);
    /// 1 if x is above the threshold and t above 1/2, else 0.
    Found { threshold } "true_positives",
        |of, x, t| one_if(x > T::of(of.threshold.into()) && t > T::of(0.5)),
        format!("select(0.0, 1.0, (x > {:?}) && (t > 0.5))", of.threshold);
    /// 1 if x is above the threshold, else 0.
    Claimed { threshold } "predicted_positives",
        |of, x, _t| one_if(x > T::of(of.threshold.into())),
        format!("select(0.0, 1.0, x > {:?})", of.threshold);
    /// 1 if t is above 1/2, else 0.
    Positive {} "positives", |_of, _x, t| one_if(t > T::of(0.5)), "select(0.0, 1.0, t > 0.5)".to_owned();
    /// 100·|x − t|/|t|.
    Percentage {} "mean_absolute_percentage_error",
        |_of, x, t| T::of(100.0) * (x - t).abs() / t.abs().max(T::of(LEAST.into())),
        format!("100.0 * abs(x - t) / max(abs(t), {LEAST:?})");
}

//! Numbers in JSON, which cannot represent non-finite ones: these are written as the strings `"NaN"`, `"Infinity"` and `"-Infinity"`,
//! which Rust, Python and JavaScript read as numbers. Missing numbers are null.
//!
//! For fields: `#[serde(with = "crate::store::number")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Writes a number, an array of numbers, or an optional one.
pub(crate) fn serialize<T: Numbers, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.told().serialize(to)
}

/// Reads what [`serialize`] writes; null where a number is expected is NaN.
pub(crate) fn deserialize<'de, T: Numbers, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::Told::deserialize(from).map(T::of)
}

/// Types that hold numbers.
pub(crate) trait Numbers {
    /// Their form in files.
    type Told: Serialize + for<'de> Deserialize<'de>;

    fn told(&self) -> Self::Told;

    fn of(told: Self::Told) -> Self;
}

/// A number in a file.
pub(crate) struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            finite if finite.is_finite() => to.serialize_f64(finite),
            nan if nan.is_nan() => to.serialize_str("NaN"),
            infinite if infinite > 0.0 => to.serialize_str("Infinity"),
            _ => to.serialize_str("-Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Text(String),
            Missing(()),
        }
        match Form::deserialize(from)? {
            Form::Number(number) => Ok(Self(number)),
            Form::Missing(()) => Ok(Self(f64::NAN)),
            Form::Text(text) => text.parse().map(Self).map_err(|_| {
                de::Error::custom(format!(
                    "found {text:?}, expected a number, \"NaN\", \"Infinity\" or \"-Infinity\""
                ))
            }),
        }
    }
}

impl Numbers for f64 {
    type Told = Number;

    fn told(&self) -> Number {
        Number(*self)
    }

    fn of(told: Number) -> Self {
        told.0
    }
}

impl<T: Numbers> Numbers for Vec<T> {
    type Told = Vec<T::Told>;

    fn told(&self) -> Self::Told {
        self.iter().map(T::told).collect()
    }

    fn of(told: Self::Told) -> Self {
        told.into_iter().map(T::of).collect()
    }
}

impl<T: Numbers> Numbers for Option<T> {
    type Told = Option<T::Told>;

    fn told(&self) -> Self::Told {
        self.as_ref().map(T::told)
    }

    fn of(told: Self::Told) -> Self {
        told.map(T::of)
    }
}

impl<T: Numbers> Numbers for [T; 3] {
    type Told = [T::Told; 3];

    fn told(&self) -> Self::Told {
        self.each_ref().map(T::told)
    }

    fn of(told: Self::Told) -> Self {
        told.map(T::of)
    }
}

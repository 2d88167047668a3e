//! Options as values by name: the content of descriptions of networks and trainings, and their differences; numbers for texts.

use serde_json::Value;
use std::collections::BTreeMap;

/// Options by name, with JSON values.
pub type Options = BTreeMap<String, Value>;

/// A serialised object as a value.
pub(crate) fn value(of: &(impl serde::Serialize + ?Sized)) -> Value {
    // Via text, in which an f32 has only its significant digits: 0.3, not 0.30000001192092896.
    let text = serde_json::to_string(of).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// A serialised structure, by the names of its fields.
pub(crate) fn options(of: &(impl serde::Serialize + ?Sized)) -> Options {
    match value(of) {
        Value::Object(fields) => fields.into_iter().collect(),
        _ => Options::new(),
    }
}

/// The values inside a value as text, by names such as `adam.learning_rate.constant`; a single value has an empty name.
pub(crate) fn flat(value: &Value) -> BTreeMap<String, String> {
    fn add(name: &str, value: &Value, all: &mut BTreeMap<String, String>) {
        let text = match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                    add(&name, value, all);
                }
                return;
            }
            Value::Null => "none".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        all.insert(name.to_owned(), text);
    }
    let mut all = BTreeMap::new();
    add("", value, &mut all);
    all
}

/// What only one has, and what only the other has, as text; `None` if there is no difference. An option that is missing is none.
pub(crate) fn difference(
    one: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> Option<(String, String)> {
    let only = |own: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        let missing = |name: &str, text: &str| !name.is_empty() && text == "none";
        let own = own.iter().filter(|(name, text)| match others.get(*name) {
            Some(other) => other != *text,
            None => !missing(name, text),
        });
        let parts: Vec<String> = own.map(|(name, text)| format!("{name} {text}").trim().to_owned()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    let none = || "none of these".to_owned();
    match (only(one, other), only(other, one)) {
        (None, None) => None,
        (one, other) => Some((one.unwrap_or_else(none), other.unwrap_or_else(none))),
    }
}

/// A number for a text, such as a parameter's path: FNV-1a, which does not change with the standard library.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Optimizer, Sgd};

    #[test]
    fn options_differ_by_name_and_value() {
        let of = |optimizer: Optimizer| flat(&value(&optimizer.description()));
        let adam = of(Adam::default().into());
        assert_eq!(adam["adam.epsilon"], "1e-7", "an f32 with its own digits");
        assert_eq!(adam["adam.clip.norm"], "none");
        assert_eq!(difference(&adam, &adam), None);
        let older: BTreeMap<_, _> = adam.iter().filter(|(_, text)| *text != "none").collect();
        let older = older.into_iter().map(|(name, text)| (name.clone(), text.clone())).collect();
        assert_eq!(difference(&adam, &older), None, "of a version without these options");
        let other = of(Adam { learning_rate: 0.25.into(), ..Adam::default() }.into());
        let (one, two) = difference(&adam, &other).unwrap();
        assert_eq!((&*one, &*two), ("adam.learning_rate.constant 0.001", "adam.learning_rate.constant 0.25"));
        let (one, two) = difference(&adam, &of(Sgd::default().into())).unwrap();
        assert!(one.contains("adam.beta_1 0.9") && two.contains("sgd.momentum 0"), "{one}; {two}");
        assert_eq!(difference(&flat(&value(&4)), &flat(&value(&8))), Some(("4".into(), "8".into())));
    }
}

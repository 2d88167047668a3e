//! The names of classes: what a label means. Data sets agree if their names do, not their numbers.

use super::{Dataset, Split, Targets};
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};

/// How many names a message lists.
const LISTED: usize = 5;

impl Targets {
    /// The names of the classes, in the order of the labels; `None` for numbers.
    pub fn class_names(&self) -> Option<&[String]> {
        match self {
            Self::Classes { names, .. } => Some(names),
            Self::Values { .. } => None,
        }
    }
}

impl Split {
    /// Two parts from elsewhere, after checking that they belong together: rows of the same shape, and the same class names in the same
    /// order. A part may lack rows of a class, but not the class.
    ///
    /// # Errors
    /// Parts that differ; the error says how.
    pub fn new(train: Dataset, test: Dataset) -> Result<Self> {
        if train.shape() != test.shape() {
            return Err(Error::invalid(
                "test data",
                format!("rows of shape {:?}", test.shape()),
                format!("{:?}, as in the training data", train.shape()),
                "pass two parts of one data set",
            ));
        }
        if let (Some(expected), Some(found)) = (train.targets().class_names(), test.targets().class_names()) {
            check_same("test data", found, expected, "those of the training data")?;
        }
        Ok(Self { train, test })
    }
}

/// Checks that two lists of class names are the same; `whose` says where the expected ones come from.
pub(crate) fn check_same(place: &str, found: &[String], expected: &[String], whose: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let beyond = |names: &[String], others: &[String]| -> Vec<String> {
        let others: HashSet<&String> = others.iter().collect();
        names.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let mut gone = beyond(expected, found);
    let mut others: HashMap<String, String> = gone.iter().map(|name| (spoken(name), name.clone())).collect();
    let (mut more, mut spelled) = (Vec::new(), Vec::new());
    for name in beyond(found, expected) {
        match others.remove(&spoken(&name)) {
            Some(other) => {
                gone.retain(|name| *name != other);
                spelled.push(format!("{name:?} for {other:?}"));
            }
            None => more.push(name),
        }
    }
    let parts = [("without", &gone), ("with the additional", &more)];
    let differing = parts.iter().filter(|(_, names)| !names.is_empty());
    let mut words: Vec<String> = differing.map(|(word, names)| format!("{word} {}", listed(names))).collect();
    let mut remedy = "load all parts with the same class_names, in the same order";
    if !spelled.is_empty() {
        words.push(format!("in another spelling: {}", shortened(&spelled)));
        remedy = "load all parts with the same class_names, or make all of them with one Preparation";
    }
    if words.is_empty() {
        let place =
            found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
        words.push(match (found.get(place), expected.get(place)) {
            (Some(found), Some(expected)) => {
                format!("in another order: class {place} is {found:?}, not {expected:?}")
            }
            (Some(found), None) => format!("class {place}, {found:?}, is one too many"),
            (None, expected) => {
                format!("class {place}, {:?}, is missing", expected.map_or("", String::as_str))
            }
        });
    }
    Err(Error::invalid(
        format!("{place}, class names"),
        format!("{} ({})", listed(found), words.join(", ")),
        format!("{}, {whose}", listed(expected)),
        remedy,
    ))
}

/// The normal form of a name, regardless of its case and of how a number is written.
fn spoken(name: &str) -> String {
    let name = name.trim();
    name.parse().map_or_else(|_| name.to_lowercase(), |number: f64| (number + 0.0).to_string())
}

/// Checks that names can name classes: at least one, and no duplicates.
pub(crate) fn check_distinct(place: impl ToString, names: &[String]) -> Result<()> {
    let mut seen = HashSet::new();
    let found = match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => format!("class {twice:?} twice"),
        None if names.is_empty() => "no names".into(),
        None => return Ok(()),
    };
    Err(Error::invalid(place, found, "a different name for every class", "correct the class names"))
}

/// The first few names, and how many there are.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => "no classes".into(),
        _ => shortened(&names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>()),
    }
}

fn shortened(parts: &[String]) -> String {
    let some = parts[..parts.len().min(LISTED)].join(", ");
    if parts.len() > LISTED { format!("{some} and {} more", parts.len() - LISTED) } else { some }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn differ(found: &[String], expected: &[String]) -> String {
        check_same("test data", found, expected, "those of the training data").unwrap_err().to_string()
    }

    #[test]
    fn a_number_is_the_same_class_however_it_is_written() {
        for (one, other) in
            [("-0", "0"), ("-0.0", "0"), ("1", "1.0"), ("1e2", "100"), (" 3 ", "3"), ("Cat", "cat")]
        {
            assert_eq!(spoken(one), spoken(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("1", "-1"), ("1", "1.5"), ("0", "cat")] {
            assert_ne!(spoken(one), spoken(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn a_mismatch_lists_both_and_what_differs() {
        let animals = names(&["ant", "bee", "cat"]);
        assert!(check_same("x", &animals, &animals.clone(), "y").is_ok());
        assert_eq!(
            differ(&names(&["bee", "cat", "dog"]), &animals),
            "test data, class names: found \"bee\", \"cat\", \"dog\" (without \"ant\", with the additional \"dog\"), \
             expected \"ant\", \"bee\", \"cat\", those of the training data; load all parts with the same class_names, \
             in the same order"
        );
        let turned = differ(&names(&["ant", "cat", "bee"]), &animals);
        assert!(turned.contains("(in another order: class 1 is \"cat\", not \"bee\")"), "{turned}");
        let fewer = differ(&names(&["ant", "bee"]), &animals);
        assert!(fewer.contains("found \"ant\", \"bee\" (without \"cat\")"), "{fewer}");
        let twice = differ(&names(&["ant", "bee", "cat", "cat"]), &animals);
        assert!(twice.contains("(class 3, \"cat\", is one too many)"), "{twice}");
        let missing =
            check_same("x", &animals, &names(&["ant", "bee", "cat", "cat"]), "y").unwrap_err().to_string();
        assert!(missing.contains("(class 3, \"cat\", is missing)"), "{missing}");
    }

    #[test]
    fn names_that_differ_in_spelling_only_are_told_to() {
        let numbers = differ(&names(&["0.0", "1.0"]), &names(&["0", "1"]));
        assert!(
            numbers.ends_with(
                "found \"0.0\", \"1.0\" (in another spelling: \"0.0\" for \"0\", \"1.0\" for \"1\"), expected \"0\", \"1\", \
                 those of the training data; load all parts with the same class_names, or make all of them with one \
                 Preparation"
            ),
            "{numbers}"
        );
        let words = differ(&names(&["No", "maybe", "yes"]), &names(&["Yes", "no", "so-so"]));
        assert!(
            words.contains(
                "(without \"so-so\", with the additional \"maybe\", in another spelling: \"No\" for \"no\", \"yes\" for \"Yes\")"
            ),
            "{words}"
        );
    }

    #[test]
    fn a_thousand_classes_are_told_in_a_few_words() {
        let many: Vec<String> = (0..1000).map(|i| format!("n{i:04}")).collect();
        let message = differ(&many[10..], &many);
        assert!(message.len() < 500, "{message}");
        for part in ["\"n0010\"", "and 985 more", "without \"n0000\"", "\"n0004\" and 5 more", "and 995 more"]
        {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }

    #[test]
    fn parts_must_agree_in_shape_and_names() {
        let part = |shape: &[usize], classes: &[&str]| {
            Dataset::classes(shape, vec![0.0; 4], vec![0; 4 / shape[0]], names(classes)).unwrap()
        };
        // A class without rows is still a class.
        assert!(Split::new(part(&[2], &["a", "b"]), part(&[2], &["a", "b"])).is_ok());
        let error = Split::new(part(&[2], &["a"]), part(&[4], &["a"])).unwrap_err().to_string();
        assert!(error.contains("found rows of shape [4], expected [2]"), "{error}");
        let error = Split::new(part(&[2], &["a"]), part(&[2], &["b"])).unwrap_err().to_string();
        assert!(error.contains("\"a\"") && error.contains("\"b\""), "{error}");
    }
}

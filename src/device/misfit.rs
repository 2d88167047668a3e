//! What executors refuse to do with a buffer.

use crate::kernel::Element;
use crate::{Error, Result};

/// Whether a buffer that holds `len` of `held` has `end` elements of this type. `what` says which buffer it is.
pub(super) fn check(what: &str, element: Element, end: usize, (held, len): (Element, usize)) -> Result<()> {
    if element != held {
        return Err(Error::invalid(
            what,
            format!("an access to {}", name(element)),
            format!("one to {}, which it holds", name(held)),
            "use it for what it was allocated for, or allocate it anew",
        ));
    }
    if end > len {
        return Err(Error::invalid(
            what,
            format!("an access that ends at element {end}"),
            format!("at most {len}, its length"),
            "access less of it, or allocate it anew",
        ));
    }
    Ok(())
}

/// The name of a shared buffer in errors.
pub(super) fn named(key: &str) -> String {
    format!("buffer {key:?}")
}

/// There is no shared buffer of this name.
pub(super) fn missing(key: &str) -> Error {
    Error::invalid(
        named(key),
        "nothing",
        "an allocated buffer",
        "allocate it before it is written, read or bound",
    )
}

fn name(element: Element) -> &'static str {
    match element {
        Element::Float => "numbers",
        Element::Index => "integers",
    }
}

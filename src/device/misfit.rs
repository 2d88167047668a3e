//! Uses of buffers that executors refuse, and those that wgpu refuses because of the program's own mistakes.

use crate::kernel::Element;
use crate::{Error, Result};

/// Checks that a buffer of `len` elements of type `held` has `end` elements of this type. `what` names the buffer.
pub(super) fn check(what: &str, element: Element, end: usize, (held, len): (Element, usize)) -> Result<()> {
    if element != held {
        return Err(Error::invalid(
            what,
            format!("an access to {}", name(element)),
            format!("one to {}, which it holds", name(held)),
            "use it for what it was allocated for, or allocate it again",
        ));
    }
    if end > len {
        return Err(Error::invalid(
            what,
            format!("an access that ends at element {end}"),
            format!("at most {len}, its length"),
            "access less of it, or allocate it again",
        ));
    }
    Ok(())
}

/// The name of a shared buffer in errors.
pub(super) fn named(key: &str) -> String {
    format!("buffer {key:?}")
}

/// The error for a shared buffer that does not exist.
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

/// The remedy for a wgpu error caused by the surrounding program. The crate destroys nothing, maps nothing that others use, and makes
/// everything that it binds on its own device.
pub(super) fn callers(description: &str) -> Option<&'static str> {
    let causes = [
        (
            "has been destroyed",
            "do not call destroy() on what a model, a learner or a pass uses; if a model's own buffer was destroyed, bring the \
             model back with Model::rebuild and Model::set_state",
        ),
        ("still mapped", "unmap the buffer before it is used"),
        (
            "doesn't match Device with",
            "use buffers, textures, caches and encoders of the device that the model was built on",
        ),
    ];
    causes.into_iter().find(|(words, _)| description.contains(words)).map(|(_, remedy)| remedy)
}

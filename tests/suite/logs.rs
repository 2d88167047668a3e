//! What the library says through `log`, for tests that look at it.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static WARNINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Kept;

impl Log for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Drivers may warn, too: of displays that are not there, for instance.
        metadata.level() <= Level::Warn && metadata.target().starts_with("autorot")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            WARNINGS.with_borrow_mut(|all| all.push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Keeps what this thread warns of from now on.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Kept).unwrap();
        log::set_max_level(LevelFilter::Warn);
    });
}

/// What this thread has warned of since the last call.
pub fn warnings() -> Vec<String> {
    WARNINGS.take()
}

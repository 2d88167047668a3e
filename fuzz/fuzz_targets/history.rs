//! Histories from JSON: whatever can be read can be written again; and what tables and figures make of it.

#![no_main]

use autorot::History;
use autorot_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(history) = serde_json::from_slice::<History>(data) else { return };
    let folder = Folder::default();
    let path = |name: &str| folder.path().join(name);
    history.save_json(path("history.json")).expect("what was read can be written");
    let again = History::load_json(path("history.json")).expect("what was written can be read");
    assert_eq!(format!("{history:?}"), format!("{again:?}"));
    if history.save_csv(path("history.csv")).is_ok() {
        let again = History::load_csv(path("history.csv")).expect("what was written can be read");
        assert_eq!(format!("{history:?}"), format!("{again:?}"));
    }
    let _ = history.plot(path("history.svg"));
});

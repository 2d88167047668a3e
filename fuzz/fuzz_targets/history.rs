//! Histories from JSON: whatever can be read can be written again; and what tables and figures make of it.

#![no_main]

use autorot::History;
use autorot_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(history) = serde_json::from_slice::<History>(data) else { return };
    let folder = Folder::default();
    let path = |name: &str| folder.path().join(name);
    let _ = history.save_csv(path("history.csv"));
    history.save_json(path("history.json")).expect("what was read can be written");
    let again = std::fs::read(path("history.json")).expect("the file");
    let again: History = serde_json::from_slice(&again).expect("what was written can be read");
    assert_eq!(format!("{history:?}"), format!("{again:?}"));
    let _ = history.plot(path("history.svg"));
});

//! The table of choices that is kept between runs.

#![no_main]

use autorot::store::Table;
use autorot_fuzz::Folder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = Folder::default();
    let table = Table::new(folder.file("tuning.json", data));
    let Ok(before) = table.section("adapter") else {
        assert!(table.add("adapter", [("a".into(), "b".into())].into(), false).is_err());
        assert_eq!(std::fs::read(table.file()).expect("the file"), data, "what is no table is left alone");
        return;
    };
    let after = table.add("adapter", [("a".into(), "b".into())].into(), false).expect("a place for a name");
    assert!(before.iter().all(|(name, value)| after.get(name) == Some(value)));
    assert_eq!(table.section("adapter").expect("what was written"), after);
});

//! Tables with every option of the reader.

#![no_main]

use autorot::data::Csv;
use autorot_fuzz::{Folder, front};
use libfuzzer_sys::fuzz_target;

// Options, delimiter and a marker, then the file. Columns are named a to d.
fuzz_target!(|data: &[u8]| {
    let ([options, which, delimiter, marker], file) = front(data);
    let set = |bit: u8| options & (1 << bit) != 0;
    let folder = Folder::default();
    let mut csv = Csv::open(folder.file("table.csv", file)).decimal_comma(set(0));
    csv = csv.delimiter(if set(1) { delimiter } else { b",;\t "[usize::from(delimiter) % 4] });
    if set(2) {
        csv = csv.missing(["?", "NaN", "-200", "1e3", ""][usize::from(marker) % 5]);
    }
    if set(3) {
        csv = csv.missing(f64::from(marker));
    }
    let names =
        |bits: u8| ["a", "b", "c", "d"].into_iter().enumerate().filter(move |(i, _)| bits >> i & 1 == 1);
    csv = csv.inputs(names(which & 15).map(|(_, name)| name));
    let mut targets = names(which >> 4).map(|(_, name)| name);
    csv = if set(4) { csv.classes(targets.next_back().unwrap_or("d")) } else { csv.targets(targets) };
    if set(5) {
        csv = csv.class_names(["x", "y", "1", "2"]);
    }
    if let Ok((data, _)) = csv.load_counted() {
        assert!(data.inputs().iter().all(|v| v.is_finite()));
        assert_eq!(data.shape(), [(which & 15).count_ones() as usize]);
        assert_eq!(data.targets().len() % data.len(), 0);
    }
});

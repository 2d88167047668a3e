//! Tables with every option of the reader, and preparations fitted on them.

#![no_main]

use autorot::data::{Columns, Csv, Impute, Preparation, Scale, Unknown};
use autorot_fuzz::{Folder, front};
use libfuzzer_sys::fuzz_target;

// Options, columns, delimiter, a marker and more options, then the file. Columns are named a to d, or by their index.
fuzz_target!(|data: &[u8]| {
    let ([options, which, delimiter, marker, more], file) = front(data);
    let set = |bit: u8| options & (1 << bit) != 0;
    let also = |bit: u8| more & (1 << bit) != 0;
    let folder = Folder::default();
    let mut csv = Csv::open(folder.file("table.csv", file)).decimal_comma(set(0));
    csv = match delimiter {
        250.. => csv.whitespace(),
        200.. => csv,
        _ if set(1) => csv.delimiter(delimiter),
        _ => csv.delimiter(b",;\t "[usize::from(delimiter) % 4]),
    };
    if set(2) {
        csv = csv.missing(["?", "NaN", "-200", "1e3", ""][usize::from(marker) % 5]);
    }
    if set(3) {
        csv = csv.missing(f64::from(marker));
    }
    if set(6) {
        csv = csv.comment(b'#');
    }
    if set(7) {
        csv = csv.encoding(["latin1", "utf-16le", "shift_jis"][usize::from(marker) % 3]);
    }
    let known = if also(0) { ["0", "1", "2", "3"] } else { ["a", "b", "c", "d"] };
    if also(0) {
        csv = csv.headerless();
    }
    let names = |bits: u8| known.into_iter().enumerate().filter(move |(i, _)| bits >> i & 1 == 1);
    let mut columns = Columns::new().unknown(if also(1) { Unknown::Ignore } else { Unknown::Error });
    let inputs = || names(which & 15).map(|(_, name)| name);
    columns = if also(2) { columns.categories(inputs()) } else { columns.inputs(inputs()) };
    let mut targets = names(which >> 4).map(|(_, name)| name);
    columns = if set(4) {
        columns.classes(targets.next_back().unwrap_or(known[3]))
    } else {
        columns.targets(targets).scale_targets(if also(3) { Scale::Standard } else { Scale::None })
    };
    if set(5) {
        columns = columns.class_names(["x", "y", "1", "2"]);
    }
    columns = columns.case_sensitive(also(4)).scale(if also(5) { Scale::Standard } else { Scale::None });
    let impute = [Impute::Drop, Impute::Mean, Impute::MostFrequent, Impute::constant(marker)];
    columns = columns.impute(impute[usize::from(more >> 6)].clone()).indicator(more >> 6 == 3);
    let csv = csv.columns(columns.clone());
    if let Ok((data, _)) = csv.load_counted() {
        assert!(data.inputs().iter().all(|v| v.is_finite()));
        assert_eq!(data.targets().len() % data.len(), 0);
        let table = csv.table().expect("what was read before");
        let preparation = Preparation::fit(&table, &columns).expect("what was fitted before");
        assert_eq!(data.shape(), [preparation.width()]);
        assert_eq!(preparation.features().len(), preparation.width());
        let stored = serde_json::to_string(&preparation).expect("numbers and text");
        let back: Preparation = serde_json::from_str(&stored).expect("what was stored");
        assert_eq!(back.apply(&table).expect("what was applied before"), data);
    }
});

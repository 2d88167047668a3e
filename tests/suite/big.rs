//! Files of which rows are read when they are needed: the same rows as those that are loaded as a whole.

use crate::files::says;
#[cfg(feature = "arrow")]
use autorot::data::Columnar;
use autorot::data::{Columns, Csv, Impute, Npy, Preparation, Scale, Source, blocks, idx::Idx};
use autorot::{Dataset, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A `.npy` file as numpy writes it: header of version 1, padded to 64 bytes, then the numbers.
fn npy(folder: &Path, name: &str, kind: &str, shape: &str, order: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}");
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut all = b"\x93NUMPY\x01\x00".to_vec();
    all.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    all.extend(header.as_bytes());
    all.extend(bytes);
    std::fs::write(&path, all).unwrap();
    path
}

/// All rows of a source, in an order that is not that of the file.
fn all(source: &dyn Source) -> Vec<Dataset> {
    let order = autorot::data::Order::shuffled(source.len(), 1, 1);
    let mut reader = source.begin(order).unwrap();
    (0..source.len()).map(|_| reader.next(1).unwrap()).collect()
}

/// A source has the rows of the data set.
fn same(source: &dyn Source, data: &Dataset) {
    let order = autorot::data::Order::shuffled(data.len(), 1, 1).indices();
    let wanted: Vec<Dataset> = order.iter().map(|&row| data.select(&[row as usize]).unwrap()).collect();
    assert_eq!(all(source), wanted);
}

#[test]
fn numpys_arrays_of_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = [0_u8, 1, 2, 100, 101, 102, 7, 8, 9];
    let targets = npy(
        folder.path(),
        "t.npy",
        "<f8",
        "(3,)",
        "False",
        &[1.5_f64, -2.0, 1e-3].map(f64::to_le_bytes).concat(),
    );
    let wanted = |inputs: Vec<f32>| Dataset::values([3], inputs, [1], vec![1.5, -2.0, 1e-3]).unwrap();
    let plain = wanted(numbers.map(f32::from).to_vec());
    let both: [(&str, Vec<u8>); 22] = [
        ("|u1", numbers.to_vec()),
        ("|i1", numbers.to_vec()),
        ("<u1", numbers.to_vec()),
        ("<u2", numbers.map(|n| u16::from(n).to_le_bytes()).concat()),
        (">u2", numbers.map(|n| u16::from(n).to_be_bytes()).concat()),
        ("<i2", numbers.map(|n| i16::from(n).to_le_bytes()).concat()),
        (">i2", numbers.map(|n| i16::from(n).to_be_bytes()).concat()),
        ("<u4", numbers.map(|n| u32::from(n).to_le_bytes()).concat()),
        (">u4", numbers.map(|n| u32::from(n).to_be_bytes()).concat()),
        ("<i4", numbers.map(|n| i32::from(n).to_le_bytes()).concat()),
        (">i4", numbers.map(|n| i32::from(n).to_be_bytes()).concat()),
        ("<u8", numbers.map(|n| u64::from(n).to_le_bytes()).concat()),
        (">u8", numbers.map(|n| u64::from(n).to_be_bytes()).concat()),
        ("<i8", numbers.map(|n| i64::from(n).to_le_bytes()).concat()),
        (">i8", numbers.map(|n| i64::from(n).to_be_bytes()).concat()),
        ("<f4", numbers.map(|n| f32::from(n).to_le_bytes()).concat()),
        (">f4", numbers.map(|n| f32::from(n).to_be_bytes()).concat()),
        ("<f8", numbers.map(|n| f64::from(n).to_le_bytes()).concat()),
        (">f8", numbers.map(|n| f64::from(n).to_be_bytes()).concat()),
        ("=f4", vec![]),
        ("<f2", vec![]),
        ("|O", vec![]),
    ];
    for (kind, bytes) in both {
        let inputs = npy(folder.path(), "x.npy", kind, "(3, 3)", "False", &bytes);
        let files = Npy::open(&inputs).values(&targets);
        if bytes.is_empty() {
            says(files.load(), &["x.npy"]);
            continue;
        }
        assert_eq!(files.load().unwrap(), plain, "{kind}");
        same(&files.source().unwrap(), &plain);
    }
    // Truth values, and a division that is that of idx files.
    let truth = npy(folder.path(), "x.npy", "|b1", "(3, 3)", "False", &[0, 1, 1, 0, 0, 1, 1, 1, 0]);
    let data = Npy::open(&truth).values(&targets).load().unwrap();
    assert_eq!(data, wanted([0, 1, 1, 0, 0, 1, 1, 1, 0_u8].map(f32::from).to_vec()));
    let bytes = npy(folder.path(), "x.npy", "|u1", "(3, 3)", "False", &numbers);
    let data = Npy::open(&bytes).values(&targets).divide(255.0).load().unwrap();
    assert_eq!(data, wanted(numbers.map(|n| f32::from(n) / 255.0).to_vec()));
}

#[test]
fn numpys_labels_and_weights() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, kind: &str, shape: &str, bytes: &[u8]| {
        npy(folder.path(), name, kind, shape, "False", bytes)
    };
    let inputs = file("x.npy", "|u1", "(2, 3, 2)", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let (labels, steps) =
        (file("y.npy", "|u1", "(2,)", &[2, 0]), file("s.npy", "|u1", "(2, 3)", &[0, 1, 0, 1, 1, 0]));
    let weights = file("w.npy", "<f4", "(2,)", &[0.5_f32, 2.0].map(f32::to_le_bytes).concat());
    let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
    let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let wanted = Dataset::classes([3, 2], values.clone(), vec![2, 0], named(&["0", "1", "2"])).unwrap();
    let wanted = wanted.with_weights(vec![0.5, 2.0]).unwrap();
    same(&Npy::open(&inputs).labels(&labels).weights(&weights).source().unwrap(), &wanted);
    let wanted =
        Dataset::step_classes([3, 2], values, vec![0, 1, 0, 1, 1, 0], named(&["off", "on"])).unwrap();
    same(&Npy::open(&inputs).labels(&steps).class_names(["off", "on"]).source().unwrap(), &wanted);

    let open = || Npy::open(&inputs);
    says(open().load(), &["x.npy", "neither values nor labels"]);
    says(open().labels(&labels).values(&labels).load(), &["x.npy", "both values and labels"]);
    says(open().labels(&labels).class_names(["a", "b"]).load(), &["y.npy", "label 2 in row 0", "below 2"]);
    let wrong = file("z.npy", "<f4", "(2,)", &[0.0_f32, 0.5].map(f32::to_le_bytes).concat());
    says(open().labels(&wrong).load(), &["z.npy", "label 0.5 in row 1", "whole numbers"]);
    let wrong = file("z.npy", "|u1", "(3,)", &[0, 0, 0]);
    says(open().labels(&wrong).load(), &["z.npy", "3 rows", "2, one for each"]);
    let wrong = file("z.npy", "<f4", "(2,)", &[1.0, f32::NAN].map(f32::to_le_bytes).concat());
    says(open().values(&wrong).load(), &["z.npy", "NaN in row 1"]);
    let wrong = file("z.npy", "<f8", "(2,)", &[1.0, 1e300].map(f64::to_le_bytes).concat());
    says(open().values(&wrong).load(), &["z.npy", "inf in row 1"]);
    let wrong = file("z.npy", "<f4", "(2,)", &[0; 7]);
    says(open().values(&wrong).load(), &["z.npy", "bytes", "the file is damaged"]);
    let wrong = file("z.npy", "<f4", "()", &[0; 4]);
    says(open().values(&wrong).load(), &["z.npy", "[rows, ...]"]);
    let wrong = npy(folder.path(), "z.npy", "<f4", "(2, 2)", "True", &[0; 16]);
    says(open().values(&wrong).load(), &["z.npy", "column-major", "ascontiguousarray"]);
    std::fs::write(&wrong, b"not an array").unwrap();
    says(open().values(&wrong).load(), &["z.npy", "no header"]);
    // A file that becomes shorter while it is read.
    let rows = open().labels(&labels).source().unwrap();
    std::fs::OpenOptions::new().write(true).open(&inputs).unwrap().set_len(100).unwrap();
    says(blocks(&rows, 2).unwrap().next().unwrap(), &["x.npy"]);
}

#[test]
fn idx_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let pixels = write(
        "images",
        &[&[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2][..], &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 255, 128]]
            .concat(),
    );
    let labels = write("labels", &[0, 0, 8, 1, 0, 0, 0, 3, 4, 1, 4]);
    let files = Idx::open(&pixels, &labels);
    same(&files.source().unwrap(), &files.load().unwrap());
    let short = write("short", &[0, 0, 0x0b, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 7, 255, 255, 1, 0]);
    let files = Idx::open(&short, &labels).class_names(["a", "b", "c", "d", "e"]);
    same(&files.source().unwrap(), &files.load().unwrap());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&std::fs::read(&pixels).unwrap()).unwrap();
    let packed = write("packed", &packed.finish().unwrap());
    says(Idx::open(&packed, &labels).source(), &["packed", "gzip", "gunzip"]);
    says(Idx::open(&pixels, &pixels).source(), &["images", "one dimension"]);
    says(
        Idx::open(write("cut", &[0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 1, 5]), &labels).source(),
        &["cut", "damaged"],
    );
}

/// A table with everything that may lie across the edges of pieces: quotes with line breaks, blank lines, comments, missing values.
fn table(rows: usize, end: &str) -> String {
    let mut text = format!("name,size,kind,price{end}");
    for row in 0..rows {
        let name = if row % 7 == 0 { format!("\"a, {end}\"\"b\"\"{row}\"") } else { format!("n{row}") };
        let size = if row % 11 == 3 { String::new() } else { format!("{}.5", row * 37 % 101) };
        text += &format!("{name},{size},{},{}{end}", ["red", "blue", "green"][row % 3], row % 13);
        if row % 50 == 10 {
            text += end;
        }
    }
    text
}

#[test]
fn csv_files_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let columns =
        Columns::new().inputs(["size"]).scale(Scale::Standard).categories(["kind"]).targets(["price"]);
    // More than one piece of 4 MiB.
    let rows = 250_000;
    for end in ["\n", "\r\n"] {
        std::fs::write(&path, table(rows, end)).unwrap();
        let csv = Csv::open(&path);
        let head = csv.head(1000).unwrap();
        assert_eq!((head.len(), head.columns().len()), (1000, 4));
        let whole = csv.table().unwrap();
        assert_eq!(head.fields("name").unwrap(), whole.fields("name").unwrap()[..1000]);
        let preparation = Preparation::fit(&head, &columns).unwrap();
        let wanted = preparation.apply(&whole).unwrap();
        let source = csv.source(&preparation).unwrap();
        assert_eq!(source.len(), wanted.len());
        assert!(source.len() < rows, "some rows lack their size");
        let mut first = 0;
        for block in blocks(&source, 4096).unwrap() {
            let block = block.unwrap();
            assert_eq!(block.inputs(), &wanted.inputs()[first * 4..(first + block.len()) * 4]);
            first += block.len();
        }
        assert_eq!(first, wanted.len());
    }
    // Imputed values keep their rows.
    let csv = Csv::open(&path);
    let imputed = Preparation::fit(&csv.head(500).unwrap(), &columns.clone().impute(Impute::Mean)).unwrap();
    assert_eq!(csv.source(&imputed).unwrap().len(), rows);
    // A row that is wrong far behind is told by its line.
    let mut text = table(rows, "\n");
    let lines = text.lines().count();
    text += "last,oops,red,1\n";
    std::fs::write(&path, &text).unwrap();
    let wrong = csv.source(&imputed).unwrap();
    let error = blocks(&wrong, 4096).unwrap().find_map(Result::err).unwrap();
    says(Err::<(), _>(error), &["table.csv", &format!("line {}", lines + 1), "oops"]);
    std::fs::write(&path, text.replace("last,oops,red,1\n", "last,oops,red,1,1\n")).unwrap();
    says(csv.source(&imputed), &["table.csv", &format!("line {}", lines + 1), "5 fields"]);
}

#[test]
fn packed_and_encoded_csv_files_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let text = "größe;preis\n1,5;2\n2,5;3\n";
    let columns = Columns::new().inputs(["größe"]).targets(["preis"]);
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let utf16 = [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let sep = format!("sep=;\r\n{text}").into_bytes();
    for (name, bytes, encoding) in [
        ("plain", text.as_bytes().to_vec(), None),
        ("latin", latin, Some("latin1")),
        ("wide", utf16, None),
        ("packed", packed.clone(), None),
        ("sep", sep, None),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let csv = Csv::open(&path).decimal_comma(true);
        let csv = encoding.map_or(csv.clone(), |encoding| csv.encoding(encoding));
        let preparation = Preparation::fit(&csv.head(10).unwrap(), &columns).unwrap();
        let wanted = preparation.apply(&csv.table().unwrap()).unwrap();
        let found: Vec<Dataset> =
            blocks(&csv.source(&preparation).unwrap(), 2).unwrap().map(Result::unwrap).collect();
        assert_eq!(found, [wanted], "{name}");
    }
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Csv::open(path)
    };
    says(write("cut", &packed[..packed.len() - 9]).head(10), &["cut", "damaged"]);
    says(write("white", b"a b\n1 2\n3  4\n").head(10), &["white", "white space", "load the file as a whole"]);
    says(write("binary", &[1, 0, 2, 0]).head(10), &["binary", "bytes of 0"]);
    let preparation = Preparation::fit(
        &write("few", b"a,b\n1,2\n").head(10).unwrap(),
        &Columns::new().inputs(["a"]).targets(["b"]),
    )
    .unwrap();
    says(write("none", b"a,b\n,2\n").source(&preparation), &["none", "no complete row"]);
    says(write("other", b"a,c\n1,2\n").source(&preparation), &["other", "no column \"b\""]);
}

#[cfg(feature = "images")]
#[test]
fn folders_of_images() {
    use autorot::data::folder::ImageFolder;
    let folder = tempfile::tempdir().unwrap();
    for (class, shades) in [("dark", [10_u8, 20]), ("light", [200, 255])] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        for shade in shades {
            let picture =
                image::RgbImage::from_fn(5, 4, |x, y| image::Rgb([shade, x as u8 * 9, y as u8 * 7]));
            picture.save(folder.path().join(class).join(format!("{shade}.png"))).unwrap();
        }
    }
    let open = || ImageFolder::open(folder.path());
    for files in [open(), open().gray(true), open().size(3, 6), open().class_names(["light", "dark"])] {
        same(&files.source().unwrap(), &files.load().unwrap());
    }
    says(open().skip_damaged(true).source(), &["skip_damaged", "numbers its rows"]);
    // Found when it is read at the latest: here in the sample.
    std::fs::write(folder.path().join("dark/30.png"), b"no image").unwrap();
    says(open().source(), &["30.png"]);
    image::RgbImage::new(2, 2).save(folder.path().join("dark/30.png")).unwrap();
    says(open().source(), &["30.png", "2 × 2 pixels", "4 × 5"]);
}

/// Files as Arrow's own writers make them, in all three formats.
#[cfg(feature = "arrow")]
#[test]
fn parquet_and_arrow_files() {
    use arrow_array::{ArrayRef, Float64Array, Int32Array, RecordBatch, StringArray};
    use std::sync::Arc;
    let folder = tempfile::tempdir().unwrap();
    let rows = 20_000;
    let sizes = |first: usize| {
        Float64Array::from_iter((first..first + rows / 2).map(|row| match row % 11 {
            3 => None,
            4 => Some(f64::NAN),
            _ => Some((row * 37 % 101) as f64 + 0.1),
        }))
    };
    let batch = |first: usize| {
        let part = || first..first + rows / 2;
        let kinds = StringArray::from_iter_values(part().map(|row| ["red", "blue", "green"][row % 3]));
        let prices = Int32Array::from_iter_values(part().map(|row| (row % 13) as i32 - 5));
        let names = StringArray::from_iter_values(part().map(|row| format!("n{row}")));
        let columns: [(&str, ArrayRef); 4] = [
            ("name", Arc::new(names)),
            ("size", Arc::new(sizes(first))),
            ("kind", Arc::new(kinds)),
            ("price", Arc::new(prices)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    };
    let batches = [batch(0), batch(rows / 2)];
    let (parquet, arrow, stream) =
        (folder.path().join("p"), folder.path().join("a"), folder.path().join("s"));
    let create = |path: &Path| std::fs::File::create(path).unwrap();
    let schema = batches[0].schema();
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(create(&parquet), schema.clone(), Some(properties)).unwrap();
    let mut files = arrow_ipc::writer::FileWriter::try_new(create(&arrow), &schema).unwrap();
    let mut streams = arrow_ipc::writer::StreamWriter::try_new(create(&stream), &schema).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
        files.write(batch).unwrap();
        streams.write(batch).unwrap();
    }
    writer.close().unwrap();
    files.finish().unwrap();
    streams.finish().unwrap();

    // The same table by hand.
    let complete = || (0..rows).filter(|row| !matches!(row % 11, 3 | 4));
    let wanted: Vec<f32> = complete()
        .flat_map(|row| {
            let kind = ["blue", "green", "red"].map(|kind| kind == ["red", "blue", "green"][row % 3]);
            let size = ((row * 37 % 101) as f64 + 0.1) as f32;
            [size, kind[0].into(), kind[1].into(), kind[2].into()]
        })
        .collect();
    let prices: Vec<f32> = complete().map(|row| (row % 13) as f32 - 5.0).collect();
    let wanted = Dataset::values([4], wanted, [1], prices).unwrap();
    let columns = Columns::new().inputs(["size"]).categories(["kind"]).targets(["price"]);
    for path in [&parquet, &arrow, &stream] {
        let file = Columnar::open(path);
        let head = file.head(100).unwrap();
        assert_eq!(
            (head.len(), head.columns()),
            (100, &["name", "size", "kind", "price"].map(String::from)[..])
        );
        assert_eq!(file.table().unwrap().len(), rows);
        let preparation = Preparation::fit(&head, &columns).unwrap();
        let blocks: Vec<Dataset> =
            blocks(&file.source(&preparation).unwrap(), wanted.len()).unwrap().map(Result::unwrap).collect();
        assert_eq!(blocks[0].targets(), wanted.targets());
        assert_eq!(blocks[0].inputs(), wanted.inputs());
        // A part of the file.
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        says(file.table(), &[&format!("/{name}"), "Parquet or Arrow"]);
    }
    let other = folder.path().join("other");
    std::fs::write(&other, "a,b\n1,2\n").unwrap();
    says(Columnar::open(&other).table(), &["other", "Parquet or Arrow"]);
    says(Columnar::open(folder.path().join("none")).head(1), &["none"]);
}

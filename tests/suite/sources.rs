//! Data that are read when they are needed: the same bits as from memory, in any order of reading, with faults told by name.

use crate::common::devices;
use crate::files::says;
use crate::nets::{glyphs, model, trainer, waves};
use crate::resume::{numbers, same};
use autorot::data::{Indexed, Order, Source, Stream, blocks};
use autorot::train::Evaluation;
use autorot::{Adam, Dataset, Dense, Device, Error, Interval, Loss, Metric, Result, Sequential, Trainer};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The rows of a data set, read by number.
fn indexed(data: &Dataset) -> impl Source + '_ {
    Indexed::new(data.len(), |rows: &[usize]| data.select(rows)).unwrap()
}

/// The rows of a data set as a stream of blocks of `step` rows.
fn streamed<'a>(
    data: &'a Dataset,
    step: usize,
) -> Stream<impl Fn(u64) -> Result<Blocks<'a>> + 'a, Blocks<'a>> {
    Stream::new(data.len(), move |_| Ok(Blocks { data, first: 0, step })).unwrap()
}

struct Blocks<'a> {
    data: &'a Dataset,
    first: usize,
    step: usize,
}

impl Iterator for Blocks<'_> {
    type Item = Result<Dataset>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows: Vec<usize> = (self.first..self.data.len()).take(self.step).collect();
        self.first += rows.len();
        (!rows.is_empty()).then(|| self.data.select(&rows))
    }
}

/// The first input of every row, of all rows that a reader returns in pieces.
fn firsts(source: &dyn Source, order: Order, pieces: &[usize]) -> Vec<f32> {
    let mut reader = source.begin(order).unwrap();
    let mut left = order.rows() - order.first();
    let mut found = Vec::new();
    for &piece in pieces.iter().cycle() {
        let rows = piece.min(left);
        if rows == 0 {
            return found;
        }
        let block = reader.next(rows).unwrap();
        assert_eq!(block.len(), rows);
        found.extend(block.inputs().chunks(block.row_len()).map(|row| row[0]));
        left -= rows;
    }
    found
}

fn numbered(rows: usize) -> Dataset {
    Dataset::values([2], (0..2 * rows).map(|i| (i / 2) as f32).collect(), [1], vec![1.0; rows]).unwrap()
}

#[test]
fn rows_by_number_and_plain_streams_train_as_from_memory() {
    let data = glyphs();
    for device in devices() {
        let fit = |train: &dyn Source, validation: &dyn Source, shuffle: bool| {
            let mut model = model(&data.train, &device);
            let mut trainer = trainer(Adam::default()).epochs(2).shuffle(shuffle);
            let history = trainer.fit(&mut model, train, Some(validation)).unwrap();
            let evaluation = trainer.evaluate(&mut model, validation).unwrap();
            (history, evaluation, model.state().unwrap())
        };
        for shuffle in [true, false] {
            let wanted = fit(&data.train, &data.test, shuffle);
            let check = |found: (autorot::History, Evaluation, autorot::model::ModelState)| {
                same(&found.0, &wanted.0);
                assert_eq!((found.1, found.2), (wanted.1.clone(), wanted.2.clone()), "{}", device.name());
            };
            check(fit(&indexed(&data.train), &indexed(&data.test), shuffle));
            if !shuffle {
                check(fit(&streamed(&data.train, 77), &streamed(&data.test, 5), shuffle));
            }
        }
    }
}

#[test]
fn a_stream_is_shuffled_by_its_buffer() {
    let data = numbered(300);
    let order = Order::shuffled(300, 3, 1);
    let stream = |step, buffer| streamed(&data, step).shuffle_buffer(buffer);
    let found = firsts(&stream(64, 50), order, &[32]);
    let mut sorted = found.clone();
    sorted.sort_by(f32::total_cmp);
    assert_eq!(sorted, (0..300).map(|i| i as f32).collect::<Vec<_>>(), "every row once");
    // A row comes at most a buffer's length before its place.
    assert!(found.iter().enumerate().all(|(place, &row)| row < (place + 50) as f32));
    assert!(found.iter().take(50).any(|&row| row > 50.0), "rows are mixed");
    assert_eq!(found, firsts(&stream(7, 50), order, &[1, 19, 100]), "whatever the sizes of blocks and steps");
    assert_ne!(found, firsts(&stream(64, 50), Order::shuffled(300, 3, 2), &[32]), "another epoch");
    assert_ne!(found, firsts(&stream(64, 50), Order::shuffled(300, 4, 1), &[32]), "another seed");
    for first in [1, 31, 64, 299] {
        assert_eq!(firsts(&stream(64, 50), order.from(first), &[32]), found[first..], "from row {first} on");
    }
    assert_eq!(firsts(&stream(64, 1), order, &[32]), sorted, "no buffer");
    assert_eq!(firsts(&stream(64, 50), Order::plain(300), &[32]), sorted, "a plain order needs none");
    // A buffer for all rows: each is as likely as any other to come first.
    let first = |epoch| firsts(&stream(9, 9).shuffle_buffer(300), Order::shuffled(300, 0, epoch), &[300])[0];
    let mean = (1..=200).map(first).sum::<f32>() / 200.0;
    assert!((mean - 149.5).abs() < 5.0 * 86.6 / 200_f32.sqrt(), "{mean}");
}

#[test]
fn a_stream_has_rows_of_its_own_in_every_epoch() {
    let epochs = AtomicUsize::new(0);
    let stream = Stream::new(8, |epoch: u64| {
        epochs.fetch_max(epoch as usize, Ordering::Relaxed);
        let value = move |row: u64| (epoch * 10 + row) as f32;
        Ok((0..8).map(move |row| Dataset::values([1], vec![value(row)], [1], vec![value(row)])))
    })
    .unwrap();
    assert_eq!(stream.sample().inputs(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let mut model =
        Sequential::for_data(stream.sample()).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    let mut trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(3).batch(3).progress(false);
    trainer.fit(&mut model, &stream, None).unwrap();
    assert_eq!(epochs.load(Ordering::Relaxed), 3);
}

/// Sequences with masks, weights and classes by step come whole through a stream's slots.
#[test]
fn all_parts_of_rows_come_through_a_stream() {
    let names = ["a", "b"].map(str::to_owned).to_vec();
    let inputs: Vec<f32> = (0..40).map(|i| if i % 8 >= 6 { -1.0 } else { i as f32 }).collect();
    let labels = (0..20).map(|i| i % 2).collect();
    let data = Dataset::step_classes([4, 2], inputs, labels, names).unwrap();
    let data = data.with_mask(-1.0).unwrap().with_weights((0..20).map(|i| i as f32).collect()).unwrap();
    let all: Vec<Dataset> = blocks(&streamed(&data, 2), 3).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(all, [data.select(&[0, 1, 2]).unwrap(), data.select(&[3, 4]).unwrap()]);
    let stream = streamed(&data, 2).shuffle_buffer(3);
    let mut reader = stream.begin(Order::shuffled(5, 1, 1)).unwrap();
    let rows = reader.next(5).unwrap();
    let place =
        |row: usize| data.inputs().chunks(8).position(|other| other == rows.row(row).unwrap()).unwrap();
    assert_eq!(rows, data.select(&[0, 1, 2, 3, 4].map(place)).unwrap());
}

#[test]
fn a_training_goes_on_within_an_epoch() {
    let data = glyphs();
    let stream = streamed(&data.train, 50).shuffle_buffer(200);
    let numbered = indexed(&data.train);
    for device in devices() {
        for source in [&stream as &dyn Source, &numbered] {
            let trainer = || trainer(Adam::default()).epochs(2);
            let mut whole = model(&data.train, &device);
            let history = trainer().fit(&mut whole, source, Some(&data.test)).unwrap();
            let mut again = model(&data.train, &device);
            let mut trainer = trainer().snapshot_every(Interval::Steps(7));
            trainer.fit(&mut again, source, Some(&data.test)).unwrap();
            assert_eq!(trainer.snapshot().unwrap().place(), (2, 10), "in the middle of the second epoch");
            again.rebuild(&device).unwrap();
            same(&trainer.resume(&mut again, source, Some(&data.test)).unwrap(), &history);
            assert_eq!(again.state().unwrap(), whole.state().unwrap(), "{}: {source:?}", device.name());
        }
        // Other rows.
        let other = indexed(&data.test);
        let mut trained = trainer(Adam::default()).epochs(1);
        let mut model = model(&data.train, &device);
        trained.fit(&mut model, &numbered, None).unwrap();
        says(trained.resume(&mut model, &other, None), &["training data", "rows of shape"]);
    }
}

/// Without a thread the rows are the same.
#[test]
fn rows_are_read_without_a_thread_as_well() {
    let data = glyphs();
    let source = streamed(&data.train, 50);
    let (mut blocking, mut waiting) =
        (model(&data.train, &Device::cpu()), model(&data.train, &Device::cpu()));
    let trainer = || trainer(Adam::default()).epochs(2);
    let wanted = trainer().fit(&mut blocking, &source, Some(&indexed(&data.test))).unwrap();
    let test = indexed(&data.test);
    let found = pollster::block_on(trainer().fit_async(&mut waiting, &source, Some(&test))).unwrap();
    same(&found, &wanted);
    assert_eq!(waiting.state().unwrap(), blocking.state().unwrap());
}

#[test]
fn r2_of_targets_that_are_not_in_memory() {
    let data = waves(200);
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).metric(Metric::R2);
    trainer = trainer.progress(false);
    let mut fit = |source: &dyn Source| {
        let net = Sequential::for_data(&data).add(Dense::new(2));
        let mut model = net.build(&Device::cpu(), 2).unwrap();
        numbers(&trainer.fit(&mut model, source, Some(source)).unwrap())
    };
    let (wanted, found) = (fit(&data), fit(&indexed(&data)));
    assert_eq!(wanted.len(), found.len());
    assert!(wanted.iter().zip(&found).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs()), "{wanted:?} {found:?}");
}

#[test]
fn faults_of_a_source_are_told() {
    let data = numbered(64);
    let fit = |source: &dyn Source| {
        let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
        let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).batch(16);
        trainer.progress(false).fit(&mut model, source, None)
    };
    let after = |calls: usize, then: fn(Dataset) -> Result<Dataset>| {
        let (data, count) = (data.clone(), AtomicUsize::new(0));
        Indexed::new(64, move |rows: &[usize]| {
            let block = data.select(rows)?;
            // The first call is for the sample.
            if count.fetch_add(1, Ordering::Relaxed) <= calls { Ok(block) } else { then(block) }
        })
        .unwrap()
    };
    let gone = |_| Err(Error::io("rows.bin", std::io::Error::other("the disk is gone")));
    says(fit(&after(2, gone)), &["rows.bin", "the disk is gone"]);
    says(fit(&after(1, |block| block.select(&[0]))), &["rows from 16 on", "1 rows", "expected 16"]);
    says(
        fit(&after(1, |block| block.reshape([2, 1]))),
        &["rows from 16 on", "[2, 1]", "inputs of shape [2]"],
    );
    says(
        fit(&after(3, |block| block.with_weights(vec![1.0; 16]))),
        &["rows from 48 on", "weights: 1", "no weight"],
    );

    let short = Stream::new(100, |_| Ok(Blocks { data: &data, first: 0, step: 10 })).unwrap();
    says(fit(&short), &["data stream", "64 rows", "100 rows for an epoch"]);
    let empty = |rows| Stream::new(rows, |_| Ok(std::iter::empty::<Result<Dataset>>()));
    says(empty(3), &["0 rows before its end"]);
    says(empty(0), &["0 rows", "expected 1 to"]);
    let none = Indexed::new(0, |rows: &[usize]| data.select(rows));
    says(none, &["data source", "0 rows"]);
    says(blocks(&data, 0).map(|_| ()), &["0 rows"]);
    // A block that cannot be read ends the blocks.
    let source = after(1, |_| Err(Error::invalid("rows", "a", "b", "c")));
    let read: Vec<bool> = blocks(&source, 16).unwrap().map(|block| block.is_ok()).collect();
    assert_eq!(read, [true, false]);
}

#[test]
fn a_loss_that_is_not_finite_is_traced_in_rows_that_are_not_in_memory() {
    let data = Dataset::values([1], vec![1.0; 64], [1], vec![1e30; 64]).unwrap();
    for device in devices() {
        let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&device, 0).unwrap();
        let mut trainer =
            Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).batch(16).progress(false);
        let error = trainer.fit(&mut model, &indexed(&data), None).unwrap_err();
        let wanted = trainer.fit(&mut model, &data, None).unwrap_err();
        assert_eq!(error.to_string(), wanted.to_string());
        assert!(matches!(error, Error::NonFinite { .. }), "{error}");
    }
}

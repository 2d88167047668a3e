//! Several processes that train together: the same bits whatever their number, and ends that all of them hear of.

mod ends;
mod frozen;
mod synchronized;

use crate::common::{Random, devices};
use crate::nets::{assert_trained, glyphs};
use crate::resume::same;
use autorot::data::{Indexed, PadSequences, Source, Stream};
use autorot::model::Weights;
use autorot::train::processes::Threads;
use autorot::*;
use std::ops::ControlFlow;
use std::sync::Mutex;

/// What a rank's training has come to.
type End = (Result<History>, Weights);

/// What each of so many ranks returns; one is a thread, too.
pub fn ranks<T: Send>(size: usize, work: impl Fn(usize, Threads) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let own = Threads::new(size).unwrap().into_iter().enumerate();
        let work = &work;
        let all: Vec<_> = own.map(|(rank, own)| scope.spawn(move || work(rank, own))).collect();
        all.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// A task on which one process and several are compared.
struct Case<'a> {
    device: Device,
    net: Box<dyn Fn() -> Sequential + Sync + 'a>,
    trainer: Box<dyn Fn() -> Trainer<'static> + Sync + 'a>,
    train: &'a dyn Source,
    validation: Option<&'a dyn Source>,
}

impl Case<'_> {
    fn model(&self) -> Model {
        (self.net)().build(&self.device, 5).unwrap()
    }

    /// Trains on so many ranks; `each` says what else a rank's trainer does.
    fn fit_with(&self, size: usize, each: &(dyn Fn(usize) -> Trainer<'static> + Sync)) -> Vec<End> {
        ranks(size, |rank, own| {
            let mut model = self.model();
            let history = each(rank).processes(own).fit(&mut model, self.train, self.validation);
            (history, model.weights().unwrap())
        })
    }

    fn fit(&self, size: usize) -> Vec<End> {
        self.fit_with(size, &|_| (self.trainer)().progress(false))
    }

    /// The same bits on one rank and on several, which has trained something.
    fn equals(&self, sizes: &[usize]) {
        let mut one = self.model();
        let before = one.weights().unwrap();
        let history = (self.trainer)()
            .progress(false)
            .micro_batches(8)
            .fit(&mut one, self.train, self.validation)
            .unwrap();
        let wanted = one.weights().unwrap();
        assert_trained(&before, &wanted);
        for &size in sizes {
            for (rank, (found, weights)) in self.fit(size).into_iter().enumerate() {
                let place = format!("rank {rank} of {size} on {}", self.device.name());
                same(&found.unwrap_or_else(|e| panic!("{place}: {e}")), &history);
                assert!(weights == wanted, "{place}: other weights");
            }
        }
    }
}

fn cross_entropy() -> Trainer<'static> {
    let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).metric(Metric::Accuracy);
    trainer.batch(64).epochs(2)
}

#[test]
fn dense_nets_with_critical_rotation() {
    let Split { train, test } = glyphs();
    for device in devices() {
        let net = || {
            let hidden =
                || Dense::new(24).activation(Activation::Sigmoid).auto_rotate(AutoRotate::critical());
            let ends =
                Dense::new(train.targets().width()).kernel_regularizer(Regularizer { l1: 1e-5, l2: 1e-4 });
            Sequential::for_data(&train)
                .add(Flatten)
                .add(hidden())
                .add(Dropout::new(0.2))
                .add(hidden())
                .add(ends)
        };
        let trainer = || cross_entropy().metric(Metric::TopK { k: 3 });
        let clip = Clip { norm: Some(0.5), value: None };
        let clipped = Optimizer::from(Adam { clip, ..Adam::default() });
        let case = Case {
            device,
            net: Box::new(net),
            trainer: Box::new(trainer),
            train: &train,
            validation: Some(&test),
        };
        case.equals(&[1, 2, 4, 8]);
        let trainer = move || Trainer::new(clipped.clone(), Loss::SoftmaxCrossEntropy).batch(50).epochs(1);
        Case { trainer: Box::new(trainer), ..case }.equals(&[2]);
    }
}

#[test]
fn convolutions_with_batch_normalisation_and_dropout() {
    let Split { train, test } = glyphs();
    let shape = [train.shape(), &[1]].concat();
    let train = train.select(&(0..200).collect::<Vec<_>>()).unwrap().reshape(shape.clone()).unwrap();
    let test = test.reshape(shape.clone()).unwrap();
    for device in devices() {
        let net = || {
            Sequential::for_data(&train)
                .add(RandomFlip::horizontal())
                .add(Conv2d::new(6, 3).strides(2).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
                .add(BatchNorm::new())
                .add(Dropout::new(0.3))
                .add(Conv2d::new(8, 3).strides(2).activation(Activation::Relu))
                .add(BatchNorm::new())
                .add(Flatten)
                .add(Dense::new(train.targets().width()))
        };
        let case = Case {
            device,
            net: Box::new(net),
            trainer: Box::new(cross_entropy),
            train: &train,
            validation: Some(&test),
        };
        case.equals(&[2, 4]);
    }
}

#[test]
fn sequences_with_masks() {
    let mut random = Random::new(3);
    let sequences: Vec<Vec<f32>> = (0..90).map(|i| random.vector(3 * (1 + i * 7 % 9), 1.0)).collect();
    let labels = sequences.iter().map(|s| u32::from(s[0] > 0.0)).collect();
    let names = vec!["down".to_owned(), "up".to_owned()];
    let data = PadSequences::new(3, -9.0).classes(&sequences, labels, names).unwrap();
    // A target for every step: what is masked does not count.
    let steps: Vec<u32> = (0..90 * 9).map(|i| u32::from(data.inputs()[3 * i] > 0.0)).collect();
    let by_step = PadSequences::new(3, -9.0)
        .step_classes(
            &sequences,
            &sequences
                .iter()
                .enumerate()
                .map(|(i, s)| steps[9 * i..9 * i + s.len() / 3].to_vec())
                .collect::<Vec<_>>(),
            vec!["down".to_owned(), "up".to_owned()],
        )
        .unwrap();
    for device in devices() {
        for (data, all) in [(&data, false), (&by_step, true)] {
            let net = move || {
                let lstm = Lstm::new(8).return_sequences(all).auto_rotate(AutoRotate::new());
                Sequential::for_data(data).add(Masking::new(-9.0)).add(lstm).add(Dense::new(2))
            };
            let case = Case {
                device: device.clone(),
                net: Box::new(net),
                trainer: Box::new(|| cross_entropy().batch(32)),
                train: data,
                validation: Some(data),
            };
            case.equals(&[2, 4]);
        }
    }
}

/// One micro-batch is the whole batch: nothing is different from a training without.
#[test]
fn a_single_micro_batch_changes_nothing() {
    let Split { train, test } = glyphs();
    for device in devices() {
        let train_one = |cut: bool| {
            let mut model = crate::nets::model(&train, &device);
            let trainer = cross_entropy().progress(false);
            let mut trainer = if cut { trainer.micro_batches(1) } else { trainer };
            let history = trainer.fit(&mut model, &train, Some(&test)).unwrap();
            (history, model.weights().unwrap())
        };
        let (plain, cut) = (train_one(false), train_one(true));
        same(&cut.0, &plain.0);
        assert_eq!(cut.1, plain.1, "{}", device.name());
    }
}

fn wave_case<'a>(train: &'a dyn Source, validation: Option<&'a dyn Source>) -> Case<'a> {
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(24).epochs(2);
    Case {
        device: Device::cpu(),
        net: Box::new(crate::nets::wave_network),
        trainer: Box::new(trainer),
        train,
        validation,
    }
}

#[test]
fn a_rank_reads_its_own_rows_alone() {
    let data = crate::nets::waves(100);
    let read = Mutex::new(vec![0; 100]);
    let indexed = Indexed::new(100, |rows: &[usize]| {
        rows.iter().for_each(|&row| read.lock().unwrap()[row] += 1);
        data.select(rows)
    })
    .unwrap();
    read.lock().unwrap().fill(0);
    wave_case(&indexed, None).fit(4).into_iter().for_each(|(history, _)| drop(history.unwrap()));
    assert!(read.lock().unwrap().iter().all(|times| *times == 2), "each row once in each of two epochs");
    let stream = Stream::new(100, |_| {
        let block = |first: usize| data.select(&(first..first + 10).collect::<Vec<_>>());
        Ok((0..100).step_by(10).map(block))
    })
    .unwrap()
    .shuffle_buffer(16);
    for source in [&data as &dyn Source, &indexed, &stream] {
        wave_case(source, Some(source)).equals(&[2, 4, 8]);
    }
    // In parts, where a device is to hold less.
    let case = wave_case(&data, Some(&data));
    let small =
        || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(24).epochs(2).resident_bytes(64);
    let (all, parts) =
        (case.fit(2), Case { trainer: Box::new(small), ..wave_case(&data, Some(&data)) }.fit(2));
    assert_eq!(all[0].1, parts[1].1);
}

#[test]
fn small_batches_leave_ranks_without_rows() {
    // The last step has 2 rows for 8 micro-batches.
    let data = crate::nets::waves(26);
    wave_case(&data, Some(&data)).equals(&[1, 2, 8]);
}

fn says(error: &Error, words: &[&str]) {
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{text:?} does not name {word:?}"));
}

#[test]
fn another_number_of_ranks_continues() {
    let data = crate::nets::waves(100);
    let case = wave_case(&data, Some(&data));
    let (whole, wanted) = case.fit(1).remove(0);
    let whole = whole.unwrap();
    for (first, then) in [(1, 4), (4, 1), (2, 8)] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run");
        let trainer = |_: usize| (case.trainer)().progress(false).snapshot_every(Interval::Steps(3));
        let ends = case.fit_with(first, &|rank| {
            let stop = move |batch: &mut train::BatchEnd| match (batch.epoch, batch.batch) {
                (2, 2) if rank == first - 1 => {
                    Err(Error::invalid("test", "the second epoch", "its end", "go on"))
                }
                _ => Ok(ControlFlow::Continue(())),
            };
            trainer(rank).checkpoint(&folder).on_batch_end(stop)
        });
        for (rank, (history, _)) in ends.into_iter().enumerate() {
            let error = history.unwrap_err();
            says(&error, &["test: found the second epoch"]);
            assert_eq!(error.to_string().contains(&format!("rank {}", first - 1)), rank != first - 1);
        }
        let ends = ranks(then, |rank, own| {
            let mut model = case.model();
            let history = trainer(rank).processes(own).resume_from(&folder, &mut model, &data, Some(&data));
            (history, model.weights().unwrap())
        });
        for (history, weights) in ends {
            same(&history.unwrap(), &whole);
            assert_eq!(weights, wanted, "{first} ranks, then {then}");
        }
    }
}

#[test]
fn what_differs_is_refused_by_name() {
    let (data, others) = (crate::nets::waves(100), crate::nets::waves(99));
    let case = wave_case(&data, None);
    let all_say = |ends: Vec<Error>, words: &[&str]| ends.iter().for_each(|error| says(error, words));
    let ends = case.fit_with(4, &|rank| (case.trainer)().progress(false).seed(u64::from(rank == 2)));
    let ends = ends.into_iter().map(|(history, _)| history.unwrap_err()).collect();
    all_say(ends, &["rank 2 on this process", "trainer option seed: found 1, expected 0, as rank 0"]);
    let with = |work: &(dyn Fn(usize) -> (Dataset, Sequential) + Sync)| {
        ranks(2, |rank, own| {
            let (data, net) = work(rank);
            let mut model = net.build(&Device::cpu(), 5).unwrap();
            (case.trainer)().progress(false).processes(own).fit(&mut model, &data, None).unwrap_err()
        })
    };
    let ends = with(&|rank| (if rank == 1 { &others } else { &data }.clone(), crate::nets::wave_network()));
    all_say(ends, &["rank 1", "training data: found 99 rows"]);
    let net = |rank: usize| {
        Sequential::new([3]).input_range(-1.0, 1.0).add(Dense::new(2 + rank)).add(Dense::new(2))
    };
    all_say(with(&|rank| (data.clone(), net(rank))), &["rank 1", "network", "units 3"]);
    // What a trainer cannot do on one rank, all hear of.
    let ends = case.fit_with(2, &|rank| (case.trainer)().progress(false).epochs(1 - rank));
    for (rank, (history, _)) in ends.into_iter().enumerate() {
        says(&history.unwrap_err(), &["trainer option epochs: found 0", ["rank 1", ""][rank]]);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let data = crate::nets::waves(100);
    let case = wave_case(&data, None);
    let fails = |trainer: Trainer<'static>, words: &[&str]| {
        says(&trainer.progress(false).fit(&mut case.model(), &data, None).unwrap_err(), words);
    };
    let plain = || (case.trainer)();
    fails(plain().micro_batches(6), &["micro_batches: found 6", "a power of two"]);
    fails(plain().micro_batches(32), &["micro_batches: found 32 for a batch of 24 rows", "at most 16"]);
    fails(plain().micro_batches(4).accumulate(2), &["trainer option accumulate"]);
    for (size, cut) in [(3, 8), (4, 2)] {
        let ends = case.fit_with(size, &|_| plain().progress(false).micro_batches(cut));
        for (history, _) in ends {
            says(&history.unwrap_err(), &["trainer option processes", "a power of two that divides"]);
        }
    }
    let cut = plain().micro_batches(4);
    says(&cut.begin(&mut case.model(), &data).unwrap_err(), &["Trainer::begin", "4 micro-batches"]);
    let stateful = Gru::new(3).stateful(true);
    let sequences = Dataset::values([4, 1], vec![0.5; 4 * 32], [1], vec![0.5; 32]).unwrap();
    let mut model =
        Sequential::for_data(&sequences).add(stateful).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    let mut trainer = plain().batch(16).shuffle(false).micro_batches(4).progress(false);
    says(&trainer.fit(&mut model, &sequences, None).unwrap_err(), &["0.gru", "a stateful layer"]);
}

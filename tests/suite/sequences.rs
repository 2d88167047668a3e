//! Networks on sequences: padding changes nothing; losses and metrics of every step, memory, reports, errors.

use crate::common::{Random, Tolerance, assert_close, devices};
use autorot::extend::Layer;
use autorot::{
    Adam, AutoRotate, Bidirectional, Cell, Conv1d, ConvLstm1d, ConvLstm2d, Dataset, Dense, Device, Error,
    Flatten, Gru, Loss, Lstm, Masking, MergeMode, Metric, Model, Optimizer, Padding, Recurrent, Sequential,
    Sgd, SimpleRnn, TimeDistributed, Trainer,
};

pub const FEATURES: usize = 3;
const MASK: f32 = -7.0;

/// Every cell, rotated.
pub fn cells() -> Vec<Cell> {
    Cell::ALL.iter().copied().chain([Cell::Gru { reset_after: false }]).collect()
}

pub fn rotated(cell: Cell) -> Recurrent {
    Recurrent::new(cell, 5).auto_rotate(AutoRotate::new())
}

/// Sequences of these lengths, and the same padded to `steps`.
fn padded(lengths: &[usize], steps: usize) -> (Vec<Vec<f32>>, Vec<f32>) {
    let mut random = Random::new(3);
    let sequences: Vec<Vec<f32>> = lengths.iter().map(|n| random.vector(n * FEATURES, 1.0)).collect();
    let pad = |s: &Vec<f32>| {
        let mut s = s.clone();
        s.resize(steps * FEATURES, MASK);
        s
    };
    let all = sequences.iter().flat_map(pad).collect();
    (sequences, all)
}

fn masked(steps: usize, layer: impl Layer + 'static) -> Sequential {
    Sequential::new([steps, FEATURES]).input_range(-1.0, 1.0).add(Masking::new(MASK)).add(layer)
}

#[test]
fn a_padded_batch_gives_what_its_sequences_give_alone() {
    let (steps, lengths) = (9, [9, 1, 4, 7, 2]);
    let (sequences, all) = padded(&lengths, steps);
    let nets: Vec<Box<dyn Fn(usize) -> Sequential>> = cells()
        .into_iter()
        .map(|cell| -> Box<dyn Fn(usize) -> Sequential> {
            Box::new(move |steps| {
                let both = Bidirectional::new(rotated(cell).return_sequences(true));
                masked(steps, both)
                    .add(Dense::new(4).activation(autorot::Activation::Tanh))
                    .add(rotated(cell).go_backwards(true))
                    .add(Dense::new(2))
            })
        })
        .collect();
    for device in devices() {
        for net in &nets {
            let padded = net(steps).build(&device, 4).unwrap().predict(&all).unwrap();
            for (i, sequence) in sequences.iter().enumerate() {
                let mut model = net(lengths[i]).build(&device, 4).unwrap();
                let alone = model.predict(sequence).unwrap();
                let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
                let what = format!("{}: sequence {i}", device.name());
                assert_close(&what, &wide(&padded[i * 2..][..2]), &wide(&alone), Tolerance::new(1e-6, 1e-5));
            }
        }
    }
}

#[test]
fn padding_leaves_losses_metrics_and_gradients_of_every_step_as_they_are() {
    let (steps, lengths) = (6, [6, 2, 3, 1]);
    let (sequences, all) = padded(&lengths, steps);
    let label = |i: usize, t: usize| ((i + t) % 3) as u32;
    let names = || ["a", "b", "c"].map(String::from).to_vec();
    let labels = (0..lengths.len()).flat_map(|i| (0..steps).map(move |t| label(i, t))).collect();
    let whole = Dataset::step_classes([steps, FEATURES], all, labels, names()).unwrap();
    let net = |steps| masked(steps, rotated(Cell::Lstm).return_sequences(true)).add(Dense::new(3));
    let still = Optimizer::from(Sgd::default()).with_learning_rate(0.0);
    let trainer = || {
        Trainer::new(still.clone(), Loss::SoftmaxCrossEntropy)
            .progress(false)
            .metric(Metric::Accuracy)
            .metric(Metric::TopK { k: 2 })
    };
    for device in devices() {
        let mut model = net(steps).build(&device, 1).unwrap();
        let found = trainer().evaluate(&mut model, &whole).unwrap();
        // Each sequence alone, weighted by its steps.
        let count: usize = lengths.iter().sum();
        let mut wanted = [0.0; 3];
        let mut gradient = 0.0;
        for (i, sequence) in sequences.iter().enumerate() {
            let labels = (0..lengths[i]).map(|t| label(i, t)).collect();
            let single =
                Dataset::step_classes([lengths[i], FEATURES], sequence.clone(), labels, names()).unwrap();
            let mut model = net(lengths[i]).build(&device, 1).unwrap();
            let alone = trainer().evaluate(&mut model, &single).unwrap();
            let share = lengths[i] as f64 / count as f64;
            let numbers = [alone.loss, alone.metrics[0], alone.metrics[1]];
            wanted.iter_mut().zip(numbers).for_each(|(sum, value)| *sum += share * value);
            gradient += share * bias_gradient(&mut model, &single);
        }
        let numbers = [found.loss, found.metrics[0], found.metrics[1]];
        assert_close(&device.name(), &numbers, &wanted, Tolerance::new(1e-6, 1e-5));
        // A step of training sees the same mean.
        let trained = trainer().epochs(1).batch(4).fit(&mut model, &whole, None).unwrap();
        assert_close(
            &device.name(),
            &[trained.epochs[0].train_loss],
            &[wanted[0]],
            Tolerance::new(1e-6, 1e-5),
        );
        let found = bias_gradient(&mut model, &whole);
        assert_close(&device.name(), &[found], &[gradient], Tolerance::new(1e-6, 1e-4));
    }
}

/// What one step of plain gradient descent takes off the output layer's first bias.
fn bias_gradient(model: &mut Model, data: &Dataset) -> f64 {
    let before = model.weights().unwrap();
    let mut trainer =
        Trainer::new(Optimizer::from(Sgd::default()).with_learning_rate(1.0), Loss::SoftmaxCrossEntropy)
            .progress(false);
    trainer = trainer.epochs(1).batch(data.len());
    trainer.fit(model, data, None).unwrap();
    let bias = |weights: &autorot::model::Weights| f64::from(weights["2.dense.bias"].values[0]);
    let step = bias(&before) - bias(&model.weights().unwrap());
    model.set_weights(&before).unwrap();
    step
}

#[test]
fn outputs_in_reverse_have_their_mask_in_reverse() {
    // What follows a layer that goes backwards sees the steps that count, wherever they now are.
    let (steps, lengths) = (6, [6, 2, 4]);
    let (sequences, all) = padded(&lengths, steps);
    let net = |steps| {
        masked(steps, rotated(Cell::Lstm).go_backwards(true).return_sequences(true)).add(rotated(Cell::Lstm))
    };
    for device in devices() {
        let found = net(steps).build(&device, 4).unwrap().predict(&all).unwrap();
        for (i, sequence) in sequences.iter().enumerate() {
            let alone = net(lengths[i]).build(&device, 4).unwrap().predict(sequence).unwrap();
            let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            assert_close(
                &device.name(),
                &wide(&found[i * 5..][..5]),
                &wide(&alone),
                Tolerance::new(1e-6, 1e-5),
            );
        }
    }
}

#[test]
fn reports_and_diagnoses_know_recurrent_layers() {
    let inputs = Random::new(4).vector(6 * 5 * FEATURES, 1.0);
    let data = Dataset::values([5, FEATURES], inputs, [1], vec![0.5; 6]).unwrap();
    for device in devices() {
        let net = Sequential::for_data(&data).add(Bidirectional::new(rotated(Cell::Lstm))).add(Dense::new(1));
        let mut model = net.build(&device, 1).unwrap();
        let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).progress(false).epochs(1);
        let reports = trainer.inspect(&mut model, &data, 6).unwrap();
        let forward = reports.iter().find(|r| r.path == "0.bidirectional.forward").unwrap();
        assert!(forward.saturated.unwrap() < 1.0 && forward.gradient_norm > 0.0);
        assert_eq!(forward.limit.unwrap()[0], 2.0, "that of the tanh gate");
        assert_eq!(forward.limit.unwrap()[2], 4.0, "that of the sigmoid gates");
        let mut weights = model.weights().unwrap();
        weights.get_mut("0.bidirectional.backward.kernel").unwrap().values[0] = 3e38;
        weights.get_mut("0.bidirectional.backward.kernel").unwrap().values[20] = -3e38;
        model.set_weights(&weights).unwrap();
        let failed = trainer.fit(&mut model, &data, None);
        assert_says(failed, &["0.bidirectional.backward"]);
    }
}

#[test]
fn memory_grows_with_the_number_of_steps_and_no_faster() {
    for cell in cells() {
        let activations = |steps: usize| {
            let net = Sequential::new([steps, 16])
                .input_range(0.0, 1.0)
                .add(Recurrent::new(cell, 32).auto_rotate(AutoRotate::new()));
            net.network(0).unwrap().memory(8).unwrap().activations as f64
        };
        let [short, long] = [20, 80].map(activations);
        assert!(long > 3.0 * short && long < 4.1 * short, "{cell:?}: {short} and {long} bytes");
    }
}

#[test]
fn recurrent_nets_learn_on_every_device_and_repeat_to_the_bit() {
    // Which of two halves of a sequence is the louder one.
    let (rows, steps) = (96, 10);
    let mut inputs = Random::new(8).vector(rows * steps * FEATURES, 0.3);
    for (row, x) in inputs.chunks_exact_mut(steps * FEATURES).enumerate() {
        let half = steps * FEATURES / 2;
        x[row % 2 * half..][..half].iter_mut().for_each(|v| *v += 0.5);
    }
    let labels = (0..rows as u32).map(|row| row % 2).collect();
    let names = ["first", "second"].map(String::from).to_vec();
    let data = Dataset::classes([steps, FEATURES], inputs, labels, names).unwrap();
    for cell in cells() {
        let mut losses = Vec::new();
        for device in devices() {
            let run = || {
                let layer = Recurrent::new(cell, 8)
                    .auto_rotate(AutoRotate::new())
                    .dropout(0.1)
                    .recurrent_dropout(0.1);
                let mut model =
                    Sequential::for_data(&data).add(layer).add(Dense::new(2)).build(&device, 1).unwrap();
                let mut trainer = Trainer::new(
                    Optimizer::from(Adam::default()).with_learning_rate(0.01),
                    Loss::SoftmaxCrossEntropy,
                )
                .progress(false)
                .metric(Metric::Accuracy)
                .epochs(12)
                .batch(32);
                trainer.fit(&mut model, &data, Some(&data)).unwrap()
            };
            let history = run();
            let (first, last) = (&history.epochs[0], history.epochs.last().unwrap());
            assert!(last.val_metrics[0] > 0.95, "{}: {cell:?} {:?}", device.name(), last.val_metrics);
            assert!(last.train_loss < 0.5 * first.train_loss);
            let again = run();
            let loss = |h: &autorot::History| h.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>();
            assert_eq!(loss(&history), loss(&again), "{}", device.name());
            losses.push(first.train_loss);
        }
        assert!(losses.iter().all(|l| (l - losses[0]).abs() < 1e-3), "{cell:?}: {losses:?}");
    }
}

/// The error's text, which must name all of this.
#[track_caller]
pub fn assert_says<T: std::fmt::Debug>(result: Result<T, Error>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

#[test]
fn a_single_unit_learns_from_a_single_row() {
    use autorot::Rule;
    let data = Dataset::values([2, 1], vec![0.5, -0.5], [1], vec![0.1]).unwrap();
    for device in devices() {
        for cell in cells() {
            let one = || Recurrent::new(cell, 1);
            let both = |merge| Bidirectional::new(one()).merge(merge);
            let turned = one().auto_rotate(AutoRotate::new().rule(Rule::Aligned));
            let nets = [
                Sequential::new([2, 1]).input_range(-1.0, 1.0).add(turned),
                Sequential::new([2, 1]).add(one().return_sequences(true)).add(one()),
                Sequential::new([2, 1]).add(both(MergeMode::Sum)),
                Sequential::new([2, 1]).add(both(MergeMode::Concat)).add(Dense::new(1)),
            ];
            for net in nets {
                let mut model = net.build(&device, 3).unwrap();
                let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false);
                trainer = trainer.epochs(2);
                let history = trainer.fit(&mut model, &data, None).unwrap();
                assert!(history.epochs[1].train_loss < history.epochs[0].train_loss, "{cell:?}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_sequence_is_said() {
    let net = |shape: &[usize]| Sequential::new(shape).input_range(0.0, 1.0);
    assert_says(net(&[0, 3]).add(Lstm::new(4)).network(0), &["[0, 3]"]);
    assert_says(net(&[12]).add(Gru::new(4)).network(0), &["0.gru", "[12]", "[steps, features]"]);
    assert_says(net(&[5, 3]).add(SimpleRnn::new(0)).network(0), &["0.simple_rnn", "0"]);
    assert_says(net(&[5, 3]).add(Lstm::new(4).truncate(0)).network(0), &["0.lstm", "truncate 0"]);
    assert_says(net(&[5, 3]).add(Lstm::new(4).recurrent_dropout(1.0)).network(0), &["recurrent dropout 1"]);
    assert_says(Cell::from_name("elman"), &["\"elman\"", "simple_rnn, lstm, gru"]);
    assert_says(
        net(&[5, 3]).add(Masking::new(0.0)).add(Conv1d::new(2, 2)).network(0),
        &["1.conv1d", "masked"],
    );
    assert_says(net(&[5, 3]).add(Masking::new(0.0)).add(Flatten).network(0), &["1.flatten", "masked"]);
    assert_says(net(&[5, 3]).add(Masking::new(f32::NAN)).network(0), &["0.masking", "NaN"]);
    assert_says(
        net(&[5, 3]).add(Bidirectional::new(Lstm::new(4).go_backwards(true))).network(0),
        &["0.bidirectional", "backwards"],
    );
    let grids = "time steps, 2 spatial dimensions, then channels";
    assert_says(net(&[5, 6, 3]).add(ConvLstm2d::new(2, 3)).network(0), &["0.conv_lstm2d", grids]);
    assert_says(net(&[5, 6, 6, 3]).add(ConvLstm2d::new(2, 7)).network(0), &["0.conv_lstm2d", "7", "6"]);
    assert_says(net(&[5, 6, 6, 3]).add(ConvLstm2d::new(0, 2)).network(0), &["0.conv_lstm2d", "0 filters"]);
    let causal = ConvLstm1d::new(2, 3).padding(Padding::Causal);
    assert_says(net(&[5, 6, 3]).add(causal).network(0), &["0.conv_lstm1d", "causal"]);
    let both = |backward: Recurrent| {
        let both = Bidirectional::new(Lstm::new(4)).backward_layer(backward);
        net(&[5, 3]).add(both.merge(MergeMode::Sum))
    };
    let backwards = |units| Gru::new(units).go_backwards(true);
    assert_says(both(Gru::new(4)).network(0), &["0.bidirectional", "go_backwards(true)"]);
    assert_says(both(backwards(4).return_sequences(true)).network(0), &["return_sequences"]);
    assert_says(both(backwards(4).stateful(true)).network(0), &["stateful"]);
    assert_says(both(backwards(4).return_state(true)).network(0), &["return_state"]);
    assert_says(both(backwards(3)).network(0), &["4 units forwards and 3 backwards", "Concat"]);
    assert_says(
        net(&[5]).add(TimeDistributed::new(Dense::new(2))).network(0),
        &["0.time_distributed", "[5]"],
    );
    assert_says(
        Sequential::new([5, 3]).add(Lstm::new(4).auto_rotate(AutoRotate::new())).network(0),
        &["0.lstm", "range"],
    );

    // Sequences of another length, and one that is masked from end to end.
    let mut model = net(&[5, 3]).add(Masking::new(0.0)).add(Lstm::new(2)).build(&Device::cpu(), 0).unwrap();
    assert_says(model.predict(&[0.5; 4 * 3]), &["12 values", "[5, 3]"]);
    let mut inputs = vec![0.5; 3 * 15];
    inputs[15..30].fill(0.0);
    assert_says(model.predict(&inputs), &["row 1", "masks"]);
    let targets = vec![0.0; 6];
    let data =
        |steps: usize, inputs: Vec<f32>| Dataset::values([steps, 3], inputs, [2], targets.clone()).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false);
    assert_says(trainer.fit(&mut model, &data(5, inputs), None), &["row 1", "masks"]);
    assert_says(trainer.fit(&mut model, &data(4, vec![0.5; 36]), None), &["[4, 3]", "[5, 3]"]);

    // Stateful layers want their rows in order, in whole batches; states of known layers only.
    let mut model = net(&[5, 3]).add(Lstm::new(2).stateful(true)).build(&Device::cpu(), 0).unwrap();
    let rows = data(5, vec![0.5; 45]);
    assert_says(trainer.fit(&mut model, &rows, None), &["0.lstm", "shuffle(false)"]);
    let mut trainer = trainer.shuffle(false).batch(2);
    assert_says(trainer.fit(&mut model, &rows, None), &["0.lstm", "batches of 2"]);
    assert_says(model.states("0.lstm", 3), &["0.lstm", "predict"]);
    assert_says(model.states("1.dense", 3), &["1.dense", "0.lstm"]);
    assert_says(model.set_states("0.lstm", &[vec![0.0; 6]]), &["0.lstm", "[6]", "2 of"]);

    // Masks and steps that the trainer cannot follow.
    let mut model = net(&[5, 3])
        .add(Masking::new(0.0))
        .add(Lstm::new(2).return_sequences(true))
        .build(&Device::cpu(), 0)
        .unwrap();
    let rows = |targets: &[usize]| {
        let values = vec![0.5; 3 * targets.iter().product::<usize>()];
        Dataset::values([5, 3], vec![0.5; 45], targets, values).unwrap()
    };
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).epochs(1);
    assert_says(trainer.fit(&mut model, &rows(&[2, 5]), None), &["2 targets of 5", "[5, 2]"]);
    assert!(trainer.fit(&mut model, &rows(&[5, 2]), None).is_ok());
    let masking = || net(&[5, 3]).add(Masking::new(0.0));
    let mut single = masking()
        .add(Lstm::new(2).return_sequences(true))
        .add(Dense::new(1))
        .build(&Device::cpu(), 0)
        .unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).epochs(1);
    assert!(trainer.fit(&mut single, &rows(&[5]), None).is_ok(), "a number for every step");
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false).epochs(1);
    assert_says(trainer.fit(&mut single, &rows(&[5]), None), &["1 output", "BinaryCrossEntropy"]);
    let turned = autorot::Residual::new().add(Gru::new(3).return_sequences(true).go_backwards(true));
    let turned = masking().add(turned).add(Gru::new(1)).build(&Device::cpu(), 0);
    assert_says(turned.and_then(|mut model| model.predict(&[0.5; 15])), &["1.residual", "mask"]);
    let time = |layer: TimeDistributed| net(&[4, 5, 3]).add(layer).network(0);
    assert_says(time(TimeDistributed::new(Masking::new(0.0))), &["0.time_distributed", "mask"]);
    assert_says(time(TimeDistributed::new(Lstm::new(2).stateful(true))), &["0.time_distributed", "states"]);
    let normed = TimeDistributed::new(autorot::BatchNorm::new());
    assert_says(
        net(&[5, 3]).add(Masking::new(0.0)).add(normed).network(0),
        &["1.time_distributed", "masked"],
    );

    // Labels of steps.
    let names = vec!["a".to_owned(), "b".to_owned()];
    assert_says(
        Dataset::step_classes([5, 3], vec![0.5; 15], vec![0; 4], names.clone()),
        &["4 labels", "[5, 3]"],
    );
    assert_says(Dataset::step_classes([5, 3], vec![0.5; 30], vec![2; 10], names), &["label 2", "row 0"]);
}

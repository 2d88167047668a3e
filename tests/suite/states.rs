//! States of recurrent layers: kept from batch to batch, given, returned; gradients cut at the ends of chunks.

use crate::common::{Random, Tolerance, assert_close, devices};
use crate::sequences::{FEATURES, assert_says, cells, rotated};
use autorot::{
    Cell, Dataset, Dense, Device, Gru, Loss, Model, Optimizer, Recurrent, Sequential, Sgd, Trainer,
};

#[test]
fn chunks_of_a_sequence_continue_it_where_layers_are_stateful() {
    let (rows, steps, chunk) = (3, 8, 4);
    let whole = Random::new(5).vector(rows * steps * FEATURES, 1.0);
    let part = |first: usize| -> Vec<f32> {
        let rows = whole.chunks_exact(steps * FEATURES);
        rows.flat_map(|row| row[first * FEATURES..][..chunk * FEATURES].to_vec()).collect()
    };
    for device in devices() {
        for cell in cells() {
            let net = |steps: usize, layer: Recurrent| {
                let model = Sequential::new([steps, FEATURES]).input_range(-1.0, 1.0).add(layer);
                model.build(&device, 2).unwrap()
            };
            let wanted = net(steps, rotated(cell)).predict(&whole).unwrap();
            let mut stateful = net(chunk, rotated(cell).stateful(true));
            stateful.predict(&part(0)).unwrap();
            let path = format!("0.{}", cell.name());
            let between = stateful.states(&path, rows).unwrap();
            assert_eq!(between.len(), if cell == Cell::Lstm { 2 } else { 1 });
            let found = stateful.predict(&part(chunk)).unwrap();
            assert_eq!(found, stateful.states(&path, rows).unwrap()[0], "the last output is the state");
            let off =
                |found: &[f32]| found.iter().zip(&wanted).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
            assert!(off(&found) < 1e-5, "{}: {cell:?} off by {}", device.name(), off(&found));
            // Begun anew the second chunk ends elsewhere; from the given state it ends there again.
            stateful.reset_states().unwrap();
            assert!(off(&stateful.predict(&part(chunk)).unwrap()) > 1e-3);
            stateful.set_states(&path, &between).unwrap();
            assert_eq!(stateful.predict(&part(chunk)).unwrap(), found);
        }
    }
}

#[test]
fn truncated_gradients_are_those_of_the_last_chunk_begun_from_the_state_before_it() {
    let (rows, steps, chunk) = (4, 6, 3);
    let whole = Random::new(6).vector(rows * steps * FEATURES, 1.0);
    let targets = Random::new(7).vector(rows, 1.0);
    let part = |first: usize| -> Vec<f32> {
        let rows = whole.chunks_exact(steps * FEATURES);
        rows.flat_map(|row| row[first * FEATURES..][..chunk * FEATURES].to_vec()).collect()
    };
    let build = |steps: usize, layer: Recurrent| {
        let net = Sequential::new([steps, FEATURES]).input_range(-1.0, 1.0).add(layer).add(Dense::new(1));
        net.build(&Device::cpu(), 3).unwrap()
    };
    // What a step of plain gradient descent makes of the recurrent kernel.
    let train = |mut model: Model, data: Dataset, rate: f64, steps: usize| -> Vec<f64> {
        let descent = Optimizer::from(Sgd::default()).with_learning_rate(rate);
        let mut trainer = Trainer::new(descent, Loss::MeanSquaredError)
            .progress(false)
            .epochs(1)
            .batch(rows)
            .shuffle(false);
        let before = model.weights().unwrap();
        trainer = trainer.accumulate(steps);
        trainer.fit(&mut model, &data, None).unwrap();
        let after = model.weights().unwrap();
        let kernels = after.iter().filter(|(path, _)| path.starts_with("0."));
        kernels
            .flat_map(|(path, w)| w.values.iter().zip(&before[path].values).map(|(a, b)| f64::from(a - b)))
            .collect()
    };
    for cell in cells() {
        let data = |steps: usize, inputs: Vec<f32>, targets: Vec<f32>| {
            Dataset::values([steps, FEATURES], inputs, [1], targets).unwrap()
        };
        let of_whole =
            |layer| train(build(steps, layer), data(steps, whole.clone(), targets.clone()), 1.0, 1);
        let cut = of_whole(rotated(cell).truncate(chunk));
        // The first chunk predicts its targets already, so that the mean of both gradients is half of the second's.
        let first = build(chunk, rotated(cell)).predict(&part(0)).unwrap();
        let chunks = data(chunk, [part(0), part(chunk)].concat(), [first, targets.clone()].concat());
        let wanted = train(build(chunk, rotated(cell).stateful(true)), chunks, 2.0, 2);
        assert_close(cell.name(), &cut, &wanted, Tolerance::new(1e-6, 1e-3));
        let uncut = of_whole(rotated(cell));
        assert_eq!(uncut, of_whole(rotated(cell).truncate(steps)));
        assert!(cut.iter().zip(&uncut).any(|(a, b)| (a - b).abs() > 1e-3), "{cell:?}: nothing was cut");
    }
}

#[test]
fn evaluation_training_and_prediction_keep_their_states_apart() {
    let data = |seed: u64| {
        let inputs = Random::new(seed).vector(4 * 5 * FEATURES, 1.0);
        Dataset::values([5, FEATURES], inputs, [3], Random::new(9).vector(12, 1.0)).unwrap()
    };
    for device in devices() {
        let net = Sequential::new([5, FEATURES]).input_range(-1.0, 1.0).add(Gru::new(3).stateful(true));
        let mut model = net.build(&device, 1).unwrap();
        let still = Optimizer::from(Sgd::default()).with_learning_rate(0.0);
        let mut trainer =
            Trainer::new(still, Loss::MeanSquaredError).progress(false).epochs(2).batch(2).shuffle(false);
        let first = model.predict(data(1).inputs()).unwrap();
        let evaluated = trainer.evaluate(&mut model, &data(2)).unwrap();
        trainer.fit(&mut model, &data(3), Some(&data(2))).unwrap();
        assert_eq!(evaluated, trainer.evaluate(&mut model, &data(2)).unwrap(), "it begins with states of 0");
        assert_eq!(model.states("0.gru", 4).unwrap()[0], first);
        let second = model.predict(data(1).inputs()).unwrap();
        assert_ne!(first, second);
        model.reset_states().unwrap();
        assert_eq!(model.predict(data(1).inputs()).unwrap(), first);
    }
}

#[test]
fn returned_states_are_those_after_the_last_step() {
    let inputs = Random::new(2).vector(5 * 4 * FEATURES, 1.0);
    for device in devices() {
        for cell in cells() {
            let net = |sequences| {
                let layer = rotated(cell).return_state(true).return_sequences(sequences);
                Sequential::new([4, FEATURES]).input_range(-1.0, 1.0).add(layer).build(&device, 6).unwrap()
            };
            let path = format!("0.{}", cell.name());
            let mut model = net(false);
            let last = model.predict(&inputs).unwrap();
            assert_eq!(model.states(&path, 5).unwrap()[0], last);
            let mut model = net(true);
            let all = model.predict(&inputs).unwrap();
            let lasts = all.chunks(4 * 5).flat_map(|row| row[3 * 5..].to_vec()).collect::<Vec<_>>();
            assert_eq!(model.states(&path, 5).unwrap()[0], lasts);
            assert_says(model.states(&path, 4), &[&path, "no states of 4 rows"]);
            // It begins anew with every batch.
            assert_eq!(model.predict(&inputs).unwrap(), all);
            assert_says(model.set_states(&path, &[vec![0.0; 25]]), &[&path, "stateful"]);
        }
    }
}

#[test]
fn a_model_that_is_built_anew_begins_its_sequences_anew() {
    for device in devices() {
        let net = Sequential::new([4, FEATURES]).input_range(-1.0, 1.0).add(Gru::new(3).stateful(true));
        let mut model = net.build(&device, 2).unwrap();
        let inputs = Random::new(5).vector(2 * 4 * FEATURES, 1.0);
        let first = model.predict(&inputs).unwrap();
        assert_ne!(model.predict(&inputs).unwrap(), first, "the state is kept");
        let unknown = net.build(&device, 2).unwrap().states("0.gru", 2).unwrap_err().to_string();
        for _ in 0..2 {
            model.rebuild(&device).unwrap();
            assert_eq!(model.states("0.gru", 2).unwrap_err().to_string(), unknown);
            assert_eq!(model.predict(&inputs).unwrap(), first);
            assert_eq!(model.states("0.gru", 2).unwrap()[0], first);
        }
    }
}

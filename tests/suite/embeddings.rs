//! Embeddings: words that are learnt, padding that changes nothing, data that are no indices.

use crate::common::{Random, Tolerance, assert_close, devices};
use crate::files::says;
use crate::golden::Run;
use autorot::data::PadSequences;
use autorot::extend::plan::Purpose;
use autorot::{
    Adam, AutoRotate, Dataset, Dense, Device, Embedding, Flatten, Loss, Lstm, Metric, Model, Permute,
    RepeatVector, Reshape, Sequential, Trainer,
};
use std::collections::BTreeMap;

const WORDS: usize = 12;

/// Sentences of up to eight words 1 to 11, and whether the word 3 comes before the word 7.
fn sentences(count: usize) -> (Vec<Vec<f32>>, Vec<u32>) {
    let mut random = Random::new(5);
    let mut draw = |below: usize| (random.vector(1, 0.5)[0] + 0.5).clamp(0.0, 0.999) * below as f32;
    let sentence = |i: usize| {
        let mut words: Vec<f32> =
            (0..2 + draw(5) as usize).map(|_| [1.0, 2.0, 4.0, 5.0, 6.0, 8.0][draw(6) as usize]).collect();
        let first = draw(words.len()) as usize;
        words.insert(first, [3.0, 7.0][i % 2]);
        let second = first + 1 + draw(words.len() - first) as usize;
        words.insert(second, [7.0, 3.0][i % 2]);
        (words, (i % 2) as u32)
    };
    (0..count).map(sentence).unzip()
}

fn words(count: usize) -> Dataset {
    let (sentences, labels) = sentences(count);
    let data = PadSequences::new(1, 0.0).steps(8).classes(&sentences, labels, vec!["a".into(), "b".into()]);
    data.unwrap().reshape([8]).unwrap()
}

fn net(steps: usize) -> Sequential {
    Sequential::new([steps])
        .add(Embedding::new(WORDS, 4).mask_zero(true))
        .add(Lstm::new(8).auto_rotate(AutoRotate::new()))
        .add(Dense::new(2))
}

#[test]
fn the_order_of_words_is_learnt() {
    let data = words(200);
    for device in devices() {
        let mut model = net(8).build(&device, 1).unwrap();
        let trainer =
            Trainer::new(Adam { learning_rate: 0.02.into(), ..Adam::default() }, Loss::SoftmaxCrossEntropy);
        let mut trainer = trainer.batch(40).epochs(25).metric(Metric::Accuracy);
        let history = trainer.fit(&mut model, &data, None).unwrap();
        let told = history.last().unwrap();
        assert!(told.train_metrics[0] > 0.97, "{}: {:?}", device.name(), told.train_metrics);
        // Words that do not occur keep the vectors with which they began.
        let [before, after] = [net(8).build(&device, 1).unwrap(), model]
            .map(|mut model| model.weights().unwrap()["0.embedding.embeddings"].values.clone());
        for word in 0..WORDS {
            let same = before[word * 4..][..4] == after[word * 4..][..4];
            assert_eq!(same, [0, 9, 10, 11].contains(&word), "{}: word {word}", device.name());
        }
    }
}

#[test]
fn padding_changes_nothing() {
    let (sentences, _) = sentences(20);
    let data = words(20);
    for device in devices() {
        let mut whole = net(8).build(&device, 3).unwrap();
        let found = whole.predict(data.inputs()).unwrap();
        let weights = whole.weights().unwrap().without_description();
        for (row, sentence) in sentences.iter().enumerate() {
            let mut alone = net(sentence.len()).build(&device, 9).unwrap();
            alone.set_weights(&weights).unwrap();
            let wide = |y: &[f32]| y.iter().copied().map(f64::from).collect::<Vec<_>>();
            let wanted = wide(&alone.predict(sentence).unwrap());
            let what = format!("row {row} on {}", device.name());
            assert_close(&what, &wide(&found[2 * row..][..2]), &wanted, Tolerance::new(1e-5, 1e-6));
        }
    }
}

#[test]
fn the_gradient_of_many_indices_is_their_sum_and_has_the_same_bits_again() {
    // Most positions have the same index, others are rare, some do not occur.
    let (batch, steps, rows, columns) = (30, 150, 40, 3);
    let index = |i: usize| if !i.is_multiple_of(5) { 2.0 } else { (i * 7 % 31) as f64 };
    let x: Vec<f64> = (0..batch * steps).map(index).collect();
    let g: Vec<f64> =
        Random::new(8).vector(batch * steps * columns, 1.0).into_iter().map(f64::from).collect();
    let mut wanted = vec![0.0; rows * columns];
    for (place, g) in g.iter().enumerate() {
        wanted[x[place / columns] as usize * columns + place % columns] += g;
    }
    for device in devices() {
        let run = || {
            let (layers, parameters) = (vec![Box::new(Embedding::new(rows, columns)) as _], BTreeMap::new());
            let run = Run {
                layers,
                input: &[steps],
                batch,
                purpose: Purpose::Train,
                x: &x,
                g: &g,
                parameters: &parameters,
                states: &[],
                times: 1,
            };
            run.on(&device).gradients["embeddings"].clone()
        };
        let found = run();
        assert_close(&device.name(), &found, &wanted, Tolerance::new(1e-5, 1e-4));
        assert_eq!(found, run(), "{}", device.name());
    }
}

#[test]
fn data_that_are_no_indices_are_refused_where_they_enter() {
    let labels = || vec!["a".into(), "b".into()];
    let good = Dataset::classes([3], vec![1.0, 2.0, 3.0, 3.0, 0.0, 1.0], vec![0, 1], labels()).unwrap();
    let net = || Sequential::new([3]).add(Embedding::new(4, 2)).add(Flatten).add(Dense::new(2));
    let mut model = net().build(&Device::cpu(), 0).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).epochs(1);
    trainer.fit(&mut model, &good, None).unwrap();
    for (value, told) in [(4.0, "4"), (-1.0, "-1"), (1.5, "1.5")] {
        let inputs = vec![1.0, 2.0, 3.0, 3.0, value, 1.0];
        let words = [told, "row 1", "step 1", "0 to 3", "0.embedding"];
        says(model.predict(&inputs), &words);
        let data = Dataset::classes([3], inputs, vec![0, 1], labels()).unwrap();
        says(trainer.fit(&mut model, &data, None), &words);
        says(trainer.fit(&mut model, &good, Some(&data)), &words);
        says(trainer.evaluate(&mut model, &data), &words);
    }
    // A device that nobody checks computes no numbers.
    for device in devices() {
        let run = Run {
            layers: vec![Box::new(Embedding::new(4, 2))],
            input: &[5],
            batch: 1,
            purpose: Purpose::Train,
            x: &[1.0, 4.0, -1.0, 0.5, f64::NAN],
            g: &[1.0; 10],
            parameters: &BTreeMap::new(),
            states: &[],
            times: 1,
        };
        let found = run.on(&device);
        let numbers: Vec<bool> = found.y.iter().map(|v| v.is_finite()).collect();
        assert_eq!(numbers, [[true; 2].as_slice(), &[false; 8]].concat(), "{}", device.name());
        assert_eq!(found.gradients["embeddings"], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
    let shaped = Sequential::new([2, 2]).add(Embedding::new(4, 2)).add(Flatten).add(Dense::new(1));
    says(shaped.build(&Device::cpu(), 0).unwrap().predict(&[1.0, 2.0, 9.0, 0.0]), &["row 0", "[1, 0]"]);
}

#[test]
fn padding_that_no_layer_masks_is_named() {
    let bare = Sequential::new([8]).add(Embedding::new(WORDS, 4)).add(Flatten).add(Dense::new(2));
    let mut model = bare.build(&Device::cpu(), 0).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).epochs(1);
    says(trainer.fit(&mut model, &words(4), None), &["padded with 0", "Embedding with mask_zero"]);
}

#[test]
fn an_embedding_takes_the_networks_inputs() {
    let embedding = || Embedding::new(9, 2);
    Sequential::new([2, 3])
        .add(Permute::new([2, 1]))
        .add(Flatten)
        .add(Reshape::new([6]))
        .add(embedding().mask_zero(true))
        .add(Lstm::new(2))
        .network(0)
        .unwrap();
    Sequential::new([4]).add(RepeatVector::new(3)).add(embedding()).network(0).unwrap();
    let behind = Sequential::new([4]).add(Dense::new(3)).add(embedding());
    says(behind.network(0), &["1.embedding", "first layer"]);
    says(Sequential::new([4]).add(embedding()).add(embedding()).network(0), &["1.embedding", "indices"]);
    let branch = autorot::Residual::new().add(Dense::new(4)).add(embedding()).add(Flatten);
    says(Sequential::new([4]).add(branch).network(0), &["0.residual.1.embedding", "indices"]);
    says(Sequential::new([4, 1]).add(embedding().mask_zero(true)).network(0), &["mask_zero", "[4, 1]"]);
    says(Sequential::new([4]).add(Embedding::new(0, 2)).network(0), &["input_dim 0"]);
    says(Sequential::new([4]).add(Embedding::new(1 << 25, 2)).network(0), &["16777216"]);
    says(Sequential::new([4]).add(Embedding::new(3, 0)).network(0), &["output_dim 0"]);
}

#[test]
fn the_range_of_indices_matters_to_no_layer() {
    // One row with an index far beyond those of the others, all of which lie to one side of 0.
    let mut inputs: Vec<f32> = (0..400).map(|i| 900.0 + (i % 3) as f32).collect();
    inputs[77] = 60_000.0;
    let data = Dataset::values([4], inputs, [1], vec![0.0; 100]).unwrap();
    assert!(!data.observe().doubts().is_empty(), "they would be doubtful as numbers");
    let net = |data: &Dataset| {
        let network = Sequential::for_data(data)
            .add(Embedding::new(60_001, 2))
            .add(Lstm::new(3).auto_rotate(AutoRotate::new()))
            .network(0)
            .unwrap();
        assert!(network.doubts().is_empty(), "{:?}", network.doubts());
        network.description().layer("1.lstm").unwrap().rotation.clone().unwrap().x_q
    };
    let few = Dataset::values([4], vec![1.0; 4], [1], vec![0.0]).unwrap();
    assert_eq!((net(&data), net(&few)), (2.0, 2.0));
}

#[test]
fn a_model_with_an_embedding_comes_back() {
    let data = words(10);
    let mut model = net(8).build(&Device::cpu(), 2).unwrap();
    let mut again =
        Model::from_bytes(&model.to_bytes().unwrap(), &Device::cpu(), &autorot::model::Kinds::default())
            .unwrap();
    assert_eq!(again.predict(data.inputs()).unwrap(), model.predict(data.inputs()).unwrap());
    says(again.predict(&[12.0; 8]), &["12 in row 0, step 0"]);
}

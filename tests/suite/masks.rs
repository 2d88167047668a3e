//! Padded data and networks: padding that no layer masks is refused wherever data and network meet.

use crate::common::{devices, open};
use autorot::data::{Order, PadSequences, Scaler};
use autorot::embed::Learner;
use autorot::train::BatchEnd;
use autorot::{
    Activation, Adam, Conv1d, Dataset, Dense, Device, Error, Flatten, Gru, Initializer, Loss, Masking,
    Metric, Model, Residual, Sequential, Sgd, SimpleRnn, Trainer, wgpu,
};
use std::ops::ControlFlow;

const MASK: f32 = -9.0;

/// Sequences of two features, of one to four steps.
fn sequences() -> Vec<Vec<f32>> {
    (0..8).map(|i| (0..2 * (1 + i % 4)).map(|v| (v + i) as f32 / 16.0).collect()).collect()
}

fn padded() -> Dataset {
    PadSequences::new(2, MASK).steps(4).values(&sequences(), [1], vec![0.5; 8]).unwrap()
}

fn trainer() -> Trainer<'static> {
    Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).progress(false)
}

fn says<T>(result: Result<T, Error>, parts: &[&str]) {
    let Err(error) = result else { panic!("expected an error naming {parts:?}") };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

/// A network on the CPU that begins with what `begin` adds.
fn model(data: &Dataset, begin: impl Fn(Sequential) -> Sequential) -> Model {
    begin(Sequential::for_data(data)).add(Gru::new(3)).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap()
}

/// Everywhere a trainer meets the data.
fn refused(model: &mut Model, data: &Dataset, parts: &[&str]) {
    says(trainer().fit(model, data, None), parts);
    says(trainer().evaluate(model, data), parts);
    says(trainer().inspect(model, data, 2), parts);
}

#[test]
fn a_step_is_masked_where_every_feature_has_the_value_and_nowhere_else() {
    // The value alone, in the first feature, in the last, in neither; and steps like these of 300 features, which a workgroup
    // looks at together.
    for features in [2, 300] {
        let step = |first: f32, last: f32, between: f32| -> Vec<f32> {
            let inner = std::iter::repeat_n(between, features - 2);
            std::iter::once(first).chain(inner).chain([last]).collect()
        };
        let steps = [
            step(MASK, MASK, MASK),
            step(MASK, 0.5, MASK),
            step(0.5, MASK, MASK),
            step(0.25, 0.5, 0.75),
            step(0.0, 0.0, 0.0),
            step(MASK, MASK, MASK),
        ];
        // Steps that are masked give 0, the others what they are; the layer behind leaves them alone.
        let mut wanted = steps.concat();
        wanted[..features].fill(0.0);
        wanted[5 * features..].fill(0.0);
        for device in devices() {
            let net = Sequential::new([6, features])
                .add(Masking::new(MASK))
                .add(Dense::new(features).use_bias(false));
            let mut model = net.build(&device, 0).unwrap();
            let mut weights = model.weights().unwrap();
            let kernel = &mut weights.get_mut("1.dense.kernel").unwrap().values;
            kernel
                .iter_mut()
                .enumerate()
                .for_each(|(i, w)| *w = f32::from(u8::from(i % (features + 1) == 0)));
            model.set_weights(&weights).unwrap();
            assert_eq!(
                model.predict(&steps.concat()).unwrap(),
                wanted,
                "{features} features on {}",
                device.name()
            );
            // Masked steps leave a recurrent state as it is, the others change it: by the sum of what was seen.
            let sum = SimpleRnn::new(1).activation(Activation::Linear).use_bias(false);
            let net = Sequential::new([6, features]).add(Masking::new(MASK)).add(sum);
            let mut model = net.build(&device, 0).unwrap();
            let mut weights = model.weights().unwrap();
            for (path, value) in [("kernel", 1.0 / 64.0), ("recurrent_kernel", 1.0)] {
                weights.get_mut(&format!("1.simple_rnn.{path}")).unwrap().values.fill(value);
            }
            model.set_weights(&weights).unwrap();
            let found = model.predict(&steps.concat()).unwrap();
            let sum = wanted.iter().sum::<f32>() / 64.0;
            assert!((found[0] - sum).abs() < 1e-5 * sum.abs(), "{found:?}, {sum} on {}", device.name());
        }
    }
}

#[test]
fn padding_that_no_layer_masks_is_refused() {
    let data = padded();
    let with = |begin: &dyn Fn(Sequential) -> Sequential| model(&data, begin);
    let remedy = ["padded with -9", "Masking::new(-9)", "Dataset::without_mask"];
    let cases: [(Model, &str); 6] = [
        (with(&|net| net), "without a Masking layer"),
        (with(&|net| net.add(Masking::new(0.0))), "0.masking of the value 0"),
        (with(&|net| net.add(Masking::new(-1.0)).add(Masking::new(MASK))), "0.masking of the value -1"),
        (
            with(&|net| net.add(Dense::new(2)).add(Masking::new(MASK))),
            "1.masking, which is not the first layer",
        ),
        (
            with(&|net| net.add(Masking::new(MASK)).add(Masking::new(0.0))),
            "second mask by 1.masking, of the value 0",
        ),
        (
            with(&|net| {
                let both = Residual::new().add(Masking::new(MASK)).shortcut(Masking::new(MASK));
                net.add(both)
            }),
            "0.residual.0.masking, which is not the first layer",
        ),
    ];
    for (i, (mut model, found)) in cases.into_iter().enumerate() {
        // Ways with masks of their own cannot be run at all.
        refused(&mut model, &data, &[&remedy[..], &[found]].concat());
        assert!(i == 5 || trainer().fit(&mut model, &data.clone().without_mask(), None).is_ok(), "{found}");
    }
    let mut masking = with(&|net| net.add(Masking::new(MASK)));
    assert!(trainer().fit(&mut masking, &data, Some(&data)).is_ok());
    assert!(
        trainer().evaluate(&mut masking, &data).is_ok() && trainer().inspect(&mut masking, &data, 2).is_ok()
    );
}

#[test]
fn only_steps_that_are_padded_count() {
    // All of one length: nothing is padded, and any network will do, until data come that are.
    let whole: Vec<Vec<f32>> = (0..4).map(|i| vec![i as f32 / 4.0; 8]).collect();
    let whole = PadSequences::new(2, MASK).values(&whole, [1], vec![0.5; 4]).unwrap();
    assert_eq!((whole.mask_value(), whole.shape()), (Some(MASK), padded().shape()));
    let mut plain = model(&whole, |net| net);
    assert!(trainer().fit(&mut plain, &whole, None).is_ok());
    says(trainer().fit(&mut plain, &whole, Some(&padded())), &["padded with -9", "without a Masking layer"]);
    // Padded with one value for training, with another for validation.
    let other = PadSequences::new(2, -1.0).steps(4).values(&sequences(), [1], vec![0.5; 8]).unwrap();
    let mut masking = model(&padded(), |net| net.add(Masking::new(MASK)));
    says(
        trainer().fit(&mut masking, &padded(), Some(&other)),
        &["padded with -1", "0.masking of the value -9"],
    );
}

#[test]
fn steps_of_another_size_are_masked_where_they_are_padding_as_a_whole() {
    let data = padded();
    let shaped = |shape: [usize; 2]| data.clone().reshape(shape).unwrap();
    let of = |data: &Dataset| model(data, |net| net.add(Masking::new(MASK)));
    // Single numbers are masked one by one; steps of four may be half padding.
    let (single, double) = (shaped([8, 1]), shaped([2, 4]));
    assert!(trainer().fit(&mut of(&single), &single, None).is_ok());
    refused(&mut of(&double), &double, &["row 0", "a step of 4 numbers", "0.masking", "shape"]);
    let even = double.select(&[1, 3, 5]).unwrap();
    assert!(trainer().fit(&mut of(&double), &even, None).is_ok());
    says(trainer().fit(&mut of(&double), &double.select(&[1, 2]).unwrap(), None), &["row 1"]);
}

#[test]
fn padding_is_taken_for_numbers_on_request_alone() {
    let data = padded();
    assert!(data.range().0 >= 0.0);
    let numbers = data.clone().without_mask();
    assert_eq!((numbers.mask_value(), numbers.range().0, numbers.inputs()), (None, MASK, data.inputs()));
    let net = Sequential::for_data(&numbers).add(Conv1d::new(2, 2)).add(Flatten).add(Dense::new(1));
    assert!(trainer().fit(&mut net.build(&Device::cpu(), 0).unwrap(), &numbers, None).is_ok());
    // And what was padded elsewhere gets its mask value.
    let again = numbers.with_mask(MASK).unwrap();
    assert_eq!(again, data);
    let plain = |shape: &[usize]| Dataset::values(shape, vec![0.5; 8], [1], vec![0.0]).unwrap();
    says(plain(&[8]).with_mask(0.0), &["data set mask value", "[8]", "[steps, features]"]);
    says(plain(&[4, 2]).with_mask(f32::NAN), &["NaN", "finite"]);
    assert_eq!(plain(&[2, 2, 2]).with_mask(0.25).unwrap().mask_value(), Some(0.25));
    // A row of padding alone has no range and nothing to learn from.
    says(
        plain(&[2, 2, 2]).with_mask(0.5),
        &["data set mask value", "0.5", "fills all of row 0", "every row"],
    );
}

#[test]
fn padding_stays_where_it_is() {
    let data = padded();
    let halved = data.inputs().iter().map(|v| v / 2.0).collect();
    says(data.with_inputs(halved), &["step 1 of row 0", "no longer padded", "-9", "without_mask"]);
    let mut spoilt = data.inputs().to_vec();
    spoilt[8..10].fill(MASK);
    says(data.with_inputs(spoilt), &["step 0 of row 1", "newly padded"]);
    let scaled = Scaler::min_max(&data, 0.0, 1.0).unwrap().apply(&data).unwrap();
    assert_eq!((scaled.mask_value(), scaled.range()), (Some(MASK), (0.0, 1.0)));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_learner_refuses_padding_that_no_layer_masks() {
    let (device, queue) = open(wgpu::Features::empty());
    let (device, data) = (Device::from_wgpu(device, queue), padded());
    let build = |net: Sequential| net.add(Gru::new(3)).add(Dense::new(1)).build(&device, 0).unwrap();
    let mut plain = build(Sequential::for_data(&data));
    says(
        Learner::new(&trainer(), &mut plain, &data).map(drop),
        &["padded with -9", "without a Masking layer"],
    );
    let mut masking = build(Sequential::for_data(&data).add(Masking::new(MASK)));
    assert!(Learner::new(&trainer(), &mut masking, &data).is_ok());
}

/// R² over the steps of these rows that have values, the mean over two outputs.
fn r2(predictions: &[f32], targets: &[f32], counting: impl Fn(usize) -> bool) -> f64 {
    let of_output = |output: usize| {
        let steps = (0..targets.len() / 2).filter(|step| counting(*step));
        let pairs =
            steps.map(|step| [predictions, targets].map(|values| f64::from(values[2 * step + output])));
        let pairs: Vec<[f64; 2]> = pairs.collect();
        let mean = pairs.iter().map(|[_, t]| t).sum::<f64>() / pairs.len() as f64;
        let missed: f64 = pairs.iter().map(|[x, t]| (x - t).powi(2)).sum();
        1.0 - missed / pairs.iter().map(|[_, t]| (t - mean).powi(2)).sum::<f64>()
    };
    (of_output(0) + of_output(1)) / 2.0
}

#[test]
fn r2_leaves_masked_steps_out() {
    // Padding has targets far from the others, which vary little around a large mean.
    let targets: Vec<f32> = (0..8 * 4 * 2)
        .map(|i| match (i / 2 % 4) < 1 + (i / 8) % 4 {
            true => 288.0 + (i * 37 % 19) as f32 / 4.0,
            false => 0.0,
        })
        .collect();
    let data = PadSequences::new(2, MASK).steps(4).values(&sequences(), [4, 2], targets.clone()).unwrap();
    let has_values = |step: usize| step % 4 < 1 + step / 4 % 4;
    for device in devices() {
        for resident in [u64::MAX, 0] {
            let net =
                Sequential::for_data(&data).add(Masking::new(MASK)).add(Gru::new(3).return_sequences(true));
            let mut model = net
                .add(Dense::new(2).bias_initializer(Initializer::Constant(288.0)))
                .build(&device, 0)
                .unwrap();
            let predictions = model.predict(data.inputs()).unwrap();
            let rate_of_zero = Sgd { learning_rate: 0.0.into(), ..Sgd::default() };
            let trainer = || {
                let trainer = Trainer::new(rate_of_zero.clone(), Loss::MeanSquaredError).metric(Metric::R2);
                trainer.batch(3).epochs(2).progress(false).resident_bytes(resident)
            };
            let near =
                |found: f64, wanted: f64| assert!((found / wanted - 1.0).abs() < 1e-5, "{found} {wanted}");
            let all = r2(&predictions, &targets, has_values);
            near(trainer().evaluate(&mut model, &data).unwrap().metrics[0], all);
            let history = trainer().fit(&mut model, &data, Some(&data)).unwrap();
            for epoch in &history.epochs {
                near(epoch.train_metrics[0], all);
                near(epoch.val_metrics[0], all);
            }
            // An epoch that ends after its first step, and a step of one's own.
            let order = Order::shuffled(8, 5, 3).indices();
            let first = |step: usize| has_values(step) && order[..3].contains(&(step as u32 / 4));
            let wanted = r2(&predictions, &targets, first);
            let stop = |_: &mut BatchEnd| Ok(ControlFlow::Break(()));
            let ended = trainer().seed(5).on_batch_end(stop).fit(&mut model, &data, None).unwrap();
            near(ended.epochs[0].train_metrics[0], wanted);
            let own = trainer();
            let mut training = own.begin(&mut model, &data).unwrap();
            near(training.step(&order[..3]).unwrap().metrics[0], wanted);
        }
    }
}

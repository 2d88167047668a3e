//! Folded models compute what the rotated ones do.

use autorot::extend::layers;
use autorot::*;

/// Outputs of both for the same inputs, which must agree.
fn agree(model: &mut Model, folded: &mut Model, what: &str) {
    let x = numbers(model);
    agree_on(&x, model, folded, what);
}

/// Five rows of numbers from −1 to 1.
fn numbers(model: &Model) -> Vec<f32> {
    (0..5 * model.network().input().len()).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

fn agree_on(x: &[f32], model: &mut Model, folded: &mut Model, what: &str) {
    let (wanted, found) = (model.predict(x).unwrap(), folded.predict(x).unwrap());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut wanted.iter().zip(&found).map(|(a, b)| f64::from(a - b)));
    let all = norm(&mut wanted.iter().map(|&v| f64::from(v)));
    assert!(difference <= 1e-6 * all.max(1e-6), "{what}: {difference:e} of {all:e}");
}

#[test]
fn every_layer_folds() {
    let (mut rotated, mut folded) = (0, 0);
    for mut entry in layers::all() {
        for example in std::mem::take(&mut entry.examples) {
            let what = format!("{example:?}");
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 2.0).add_boxed(example);
            let mut model = net.build(&Device::cpu_f64(), 7).unwrap();
            let mut twin = model.fold().unwrap();
            let mut x = numbers(&model);
            entry.fit(&mut x);
            agree_on(&x, &mut model, &mut twin, &what);
            let of = |model: &Model| {
                let layers = model.network().description().layers.iter();
                layers.filter(|layer| layer.rotation.is_some()).count()
            };
            (rotated, folded) = (rotated + of(&model), folded + of(&model) - of(&twin));
            let padded = what.contains("Same")
                || what.contains("Causal")
                || what.contains("Explicit")
                || what.contains("Transpose");
            assert!(of(&twin) == 0 || padded, "{what} stays rotated");
        }
    }
    assert!(rotated > 100 && folded > 60, "{folded} of {rotated}");
}

/// A network with normalisation in every place where it may be taken up, and one where it may not.
fn normalised() -> Sequential {
    let conv = |filters| Conv2d::new(filters, 3).padding(Padding::Same).use_bias(false);
    let block = Residual::new()
        .add(conv(4))
        .add(BatchNorm::new())
        .add(Activate::new(Activation::Tanh))
        .add(SeparableConv2d::new(6, 2).padding(Padding::Same))
        .add(BatchNorm::new().scale(false))
        .shortcut(Conv2d::new(6, 1))
        .shortcut(BatchNorm::new().center(false));
    Sequential::new([6, 6, 2])
        .input_range(-1.0, 1.0)
        .add(DepthwiseConv2d::new(2).depth_multiplier(2).auto_rotate(AutoRotate::new()))
        .add(BatchNorm::new())
        .add(block)
        .add(Conv2dTranspose::new(5, 2))
        .add(BatchNorm::new())
        .add(
            Conv2d::new(3, 3)
                .activation(Activation::Tanh)
                .padding(Padding::Same)
                .auto_rotate(AutoRotate::new()),
        )
        .add(BatchNorm::new())
        .add(Flatten)
        .add(Dense::new(8).auto_rotate(AutoRotate::new().learn_l(LearnL::PerUnit)))
        .add(BatchNorm::new())
        .add(Dense::new(2))
}

#[test]
fn batch_normalisation_goes_into_the_layer_before_it() {
    let inputs = (0..32 * 72).map(|i| (i * 7919 % 1009) as f32 / 500.0 - 1.0).collect();
    let targets = (0..64).map(|i| (i as f32).sin()).collect();
    let data = Dataset::values([6, 6, 2], inputs, [2], targets).unwrap();
    for device in [Device::cpu_f64(), Device::cpu()] {
        let mut model = normalised().build(&device, 3).unwrap();
        let mut trainer =
            Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(8).epochs(3).progress(false);
        trainer.fit(&mut model, &data, None).unwrap();
        let mut folded = model.fold().unwrap();
        let kinds: Vec<&str> =
            folded.network().description().layers.iter().map(|layer| &*layer.kind).collect();
        // Only the one behind an activation stays.
        assert_eq!(kinds.iter().filter(|kind| **kind == "batch_norm").count(), 1, "{kinds:?}");
        if device.name().contains("f64") {
            agree(&mut model, &mut folded, "normalised");
        } else {
            let x = &data.inputs()[..5 * 72];
            let (wanted, found) = (model.predict(x).unwrap(), folded.predict(x).unwrap());
            wanted.iter().zip(&found).for_each(|(a, b)| assert!((a - b).abs() < 1e-3, "{a} and {b}"));
        }
        // The twin is a model like any other.
        let again =
            Model::from_bytes(&folded.to_bytes().unwrap(), &device, &model::Kinds::default()).unwrap();
        assert_eq!(again.network().description(), folded.network().description());
    }
}

#[test]
fn a_predictor_gives_the_models_outputs_to_several_threads() {
    let data = crate::nets::waves(40);
    for device in [Device::cpu(), crate::common::gpu()] {
        let mut model = crate::nets::wave_network().build(&device, 3).unwrap();
        Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .epochs(2)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap();
        let wanted = model.fold().unwrap().predict(data.inputs()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        model.save(dir.path().join("net")).unwrap();
        let predictor = Predictor::load(dir.path().join("net"), &device).unwrap();
        assert!(predictor.network().description().layers.iter().all(|layer| layer.rotation.is_none()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        assert_eq!(predictor.predict(data.inputs()).unwrap(), wanted);
                    }
                });
            }
        });
        let alone: Vec<f32> =
            data.inputs().chunks(3).flat_map(|row| predictor.predict(row).unwrap()).collect();
        alone.iter().zip(&wanted).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} and {b}"));
        let each: Vec<Vec<f32>> =
            predictor.predict_each(data.inputs().chunks(3), 7).map(Result::unwrap).collect();
        assert_eq!(each.len(), 40);
        each.iter().flatten().zip(&wanted).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} and {b}"));
        let mut odd = predictor.predict_each([vec![0.0; 3], vec![0.0; 2], vec![0.0; 3]], 1);
        assert!(odd.next().unwrap().is_ok());
        assert!(odd.next().unwrap().unwrap_err().to_string().contains("a row of 2 numbers"));
        assert!(odd.next().is_none(), "after an error it ends");
        assert!(predictor.predict(&[f32::NAN; 3]).is_err());
        assert_eq!(predictor.predict(data.inputs()).unwrap(), wanted, "and it goes on");
        let rows = predictor.predict_rows(data.inputs()).unwrap();
        assert_eq!((rows.len(), rows.are_probabilities()), (40, false));
    }
    let mut kept = Sequential::new([4, 3]).add(Lstm::new(2).stateful(true)).build(&Device::cpu(), 1).unwrap();
    assert!(Predictor::new(&mut kept).unwrap_err().to_string().contains("0.lstm"));
}

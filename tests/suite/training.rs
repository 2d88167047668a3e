//! Whole trainings: they lower the loss, agree between devices, repeat to the bit, and report what they do.

use crate::common::{callers, devices, gpu};
use crate::nets::{glyphs, model, run, trainer, wave_model, waves};
use autorot::data::Glyphs;
use autorot::extend::kernel::{DenseForward, Family};
use autorot::train::LayerReport;
use autorot::{
    Activate, Activation, Adam, AdamW, AutoRotate, BatchNorm, Dataset, Dense, Device, Flatten, History,
    LearnL, Loss, Metric, Optimizer, RmsProp, Sequential, Sgd, Trainer,
};

#[test]
fn training_lowers_the_loss_and_devices_agree() {
    let mut first: Option<(History, String)> = None;
    for device in devices() {
        let (history, _) = run(&device, 8);
        let losses: Vec<f64> = history.epochs.iter().map(|e| e.train_loss).collect();
        assert!(losses[7] < 0.9 * losses[0], "{}: {losses:?}", device.name());
        let last = history.last().unwrap();
        assert!(last.val_metrics[0] > 2.0 / 16.0 && last.val_metrics[1] >= last.val_metrics[0], "{last:?}");
        match &first {
            None => first = Some((history, device.name())),
            Some((other, name)) => {
                let (a, b) = (&history.epochs[0], &other.epochs[0]);
                for (a, b) in [(a.train_loss, b.train_loss), (a.val_loss.unwrap(), b.val_loss.unwrap())] {
                    assert!((a - b).abs() < 1e-3, "{}: {a}, {name}: {b}", device.name());
                }
            }
        }
    }
}

#[test]
fn the_f64_oracle_agrees_with_f32() {
    let (wide, _) = run(&Device::cpu_f64(), 1);
    let (single, _) = run(&Device::cpu(), 1);
    let (a, b) = (wide.epochs[0].train_loss, single.epochs[0].train_loss);
    assert!((a - b).abs() < 1e-4, "{a} and {b}");
}

#[test]
fn two_runs_on_one_device_are_equal_to_the_bit() {
    for device in devices() {
        let ((a, a_weights), (b, b_weights)) = (run(&device, 2), run(&device, 2));
        assert_eq!(a_weights, b_weights, "{}", device.name());
        for (a, b) in a.epochs.iter().zip(&b.epochs) {
            assert_eq!(
                (a.train_loss, &a.train_metrics, a.val_loss),
                (b.train_loss, &b.train_metrics, b.val_loss)
            );
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn all_product_kernels_train_alike() {
    let device = gpu();
    let all = <DenseForward as Family>::VARIANTS.iter();
    let losses: Vec<_> =
        all.map(|v| run(&device.clone().with_variant(v), 1).0.epochs[0].train_loss).collect();
    assert!(losses.iter().all(|l| (l - losses[0]).abs() < 1e-4), "{losses:?}");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn shaders_with_and_without_checks_agree_to_the_bit() {
    let device = gpu();
    let [a, b] = [true, false].map(|checked| run(&device.clone().with_checks(checked), 1).1);
    assert_eq!(a, b);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_callers_device_with_default_limits_runs_everything() {
    let device = callers();
    let (history, _) = run(&device, 1);
    assert!(history.epochs[0].train_loss.is_finite());
    let data = waves(40);
    let mut model = wave_model(&device);
    let optimizers: [Optimizer; 4] =
        [Sgd::default().into(), RmsProp::default().into(), Adam::default().into(), AdamW::default().into()];
    let losses =
        [Loss::MeanSquaredError, Loss::MeanAbsoluteError, Loss::Huber { delta: 1.0 }, Loss::MeanSquaredError];
    for (optimizer, loss) in optimizers.into_iter().zip(losses) {
        let mut trainer =
            Trainer::new(optimizer, loss).progress(false).metric(Metric::R2).epochs(1).batch(16);
        assert!(trainer.fit(&mut model, &data, None).unwrap().epochs[0].train_loss.is_finite());
    }
    assert_eq!(model.predict(data.inputs()).unwrap().len(), 80);
}

#[test]
fn r2_and_regression_metrics_follow_their_definition() {
    let data = waves(50);
    for device in devices() {
        let mut model = wave_model(&device);
        let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .progress(false)
            .metric(Metric::MeanAbsoluteError)
            .metric(Metric::R2)
            .batch(8)
            .epochs(60);
        trainer.fit(&mut model, &data, None).unwrap();
        let found = trainer.evaluate(&mut model, &data).unwrap();
        let predicted = model.predict(data.inputs()).unwrap();
        let autorot::Targets::Values { values, .. } = data.targets() else { panic!("values stay values") };
        let pairs = || predicted.iter().zip(values).map(|(&p, &t)| (f64::from(p), f64::from(t)));
        let mean_error = pairs().map(|(p, t)| (p - t).abs()).sum::<f64>() / 100.0;
        let r2 = (0..2).map(|output| {
            let of = || pairs().skip(output).step_by(2);
            let mean = of().map(|(_, t)| t).sum::<f64>() / 50.0;
            1.0 - of().map(|(p, t)| (p - t).powi(2)).sum::<f64>()
                / of().map(|(_, t)| (t - mean).powi(2)).sum::<f64>()
        });
        let r2 = r2.sum::<f64>() / 2.0;
        assert!((found.metrics[0] - mean_error).abs() < 1e-6, "{} and {mean_error}", found.metrics[0]);
        assert!((found.metrics[1] - r2).abs() < 1e-5 && r2 > 0.5, "{} and {r2}", found.metrics[1]);
    }
}

#[test]
fn binary_cross_entropy_learns_a_yes_or_no() {
    let inputs: Vec<f32> = (0..200).map(|i| (i % 20) as f32 / 20.0).collect();
    let targets = inputs.iter().map(|&x| f32::from(u8::from(x > 0.5))).collect();
    let data = Dataset::values([1], inputs, [1], targets).unwrap();
    for device in devices() {
        let mut model = Sequential::for_data(&data)
            .add(Dense::new(8).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
            .add(Dense::new(1))
            .build(&device, 0)
            .unwrap();
        let history =
            Trainer::new(Optimizer::from(Adam::default()).with_learning_rate(0.02), Loss::BinaryCrossEntropy)
                .progress(false)
                .metric(Metric::BinaryAccuracy { threshold: 0.0 })
                .batch(32)
                .epochs(30)
                .fit(&mut model, &data, None)
                .unwrap();
        let last = history.last().unwrap();
        assert!(last.train_metrics[0] > 0.9, "{}: {last:?}", device.name());
    }
}

#[test]
fn reports_tell_of_gradients_saturation_and_rotation() {
    let data = glyphs();
    let mut all: Vec<Vec<LayerReport>> = Vec::new();
    for device in devices() {
        let mut model = model(&data.train, &device);
        let before = model.weights().unwrap();
        let trainer = trainer(Adam::default());
        let reports = trainer.inspect(&mut model, &data.train, 100).unwrap();
        assert_eq!(model.weights().unwrap(), before, "inspecting changes nothing");
        let bytes = model.device_bytes();
        for _ in 0..3 {
            trainer.inspect(&mut model, &data.train, 100).unwrap();
        }
        assert_eq!(model.device_bytes(), bytes, "inspecting again takes no more memory");
        let paths: Vec<_> = reports.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(paths, ["1.dense", "3.dense", "4.dense"]);
        let [first, second, output] = [&reports[0], &reports[1], &reports[2]];
        let close = |found: f64, wanted: f64| (found - wanted).abs() < 1e-5;
        assert!(first.limit.is_some_and(|l| l.iter().all(|&l| close(l, 2.0))), "{first:?}");
        assert!(second.limit.is_some_and(|l| l.iter().all(|&l| close(l, 4.0))), "{second:?}");
        let [low, middle, high] = first.rho.unwrap();
        assert!(0.0 < low && low <= middle && middle <= high, "{first:?}");
        // Near 0 q's of the diagonal rule leave some pre-activations outside of the dynamic region.
        assert!(first.saturated.is_some_and(|s| s > 0.0 && s < 0.5), "{first:?}");
        assert!(output.rho.is_none() && output.gradient_norm > 0.0, "{output:?}");
        assert_eq!(output.saturated, None, "nothing saturates what is linear");
        all.push(reports);
    }
    for other in &all[1..] {
        for (a, b) in all[0].iter().zip(other) {
            assert!((a.gradient_norm - b.gradient_norm).abs() < 1e-4 * a.gradient_norm, "{a:?} {b:?}");
        }
    }
}

#[test]
fn reports_have_activations_by_themselves() {
    let data = glyphs();
    for device in devices() {
        let net = Sequential::for_data(&data.train).add(Flatten).add(Dense::new(9)).add(BatchNorm::new());
        let net = net.add(Activate::new(Activation::Tanh)).add(Activate::new(Activation::Linear));
        let mut model = net.add(Dense::new(16)).build(&device, 0).unwrap();
        let mut weights = model.weights().unwrap();
        weights.get_mut("2.batch_norm.gamma").unwrap().values.fill(2.0);
        model.set_weights(&weights).unwrap();
        let reports = trainer(Adam::default()).inspect(&mut model, &data.train, 100).unwrap();
        let saturated: Vec<_> = reports.iter().map(|r| (r.path.as_str(), r.saturated.is_some())).collect();
        let wanted = [
            ("1.dense", false),
            ("2.batch_norm", false),
            ("3.activate", true),
            ("4.activate", false),
            ("5.dense", false),
        ];
        assert_eq!(saturated, wanted);
        // Normalised numbers of twice the deviation: about a third lies beyond 2.
        assert!(reports[2].saturated.is_some_and(|s| s > 0.2 && s < 0.45), "{:?}", reports[2]);
        assert_eq!((reports[2].gradient_norm, reports[2].gradient_mean), (0.0, 0.0));
    }
}

#[test]
fn histories_are_saved_and_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let (history, _) = run(&Device::cpu(), 2);
    let path = |name: &str| dir.path().join(name);
    history.save_csv(path("history.csv")).unwrap();
    history.save_json(path("history.json")).unwrap();
    history.plot(path("history.png")).unwrap();
    history.plot(path("history.svg")).unwrap();
    let csv = std::fs::read_to_string(path("history.csv")).unwrap();
    assert!(
        csv.starts_with("epoch,train_loss,train_accuracy,train_top_3_accuracy,val_loss,val_accuracy"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), 3);
    let read: History = serde_json::from_slice(&std::fs::read(path("history.json")).unwrap()).unwrap();
    assert_eq!(read, history);
    let svg = std::fs::read_to_string(path("history.svg")).unwrap();
    assert!(svg.contains("accuracy") && svg.contains("validation"));
}

#[test]
fn the_summary_names_ranges_and_limits() {
    let data = glyphs();
    let text = model(&data.train, &Device::cpu()).summary();
    for part in [
        "1.dense",
        "18841",
        "tanh",
        "0.0000..1.0000",
        "learnt per layer",
        "aligned",
        "learnt per unit",
        "x_Q",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[test]
fn classic_and_rotated_networks_start_from_equal_kernels() {
    let data = glyphs();
    let build = |rotate: Option<AutoRotate>| {
        let mut model = Sequential::for_data(&data.train)
            .add(Flatten)
            .add(Dense::new(9).activation(Activation::Tanh).auto_rotate(rotate))
            .add(Dense::new(16))
            .build(&Device::cpu(), 5)
            .unwrap();
        model.weights().unwrap()
    };
    let classic = build(None);
    let learning = build(Some(AutoRotate::new().learn_l(LearnL::PerUnit)));
    assert_eq!(learning.len(), classic.len() + 1);
    for (path, value) in &classic {
        assert_eq!(&learning[path], value, "{path}");
    }
    assert_eq!(learning["1.dense.lambda"].values, [2f32.ln(); 9]);
}

#[test]
fn the_drawn_characters_are_hard_for_a_linear_model() {
    let data = Glyphs { train: 4000, test: 1000, seed: 0 }.load().unwrap();
    let accuracy = |hidden: &[usize]| {
        let mut model = Sequential::for_data(&data.train).add(Flatten);
        for &units in hidden {
            model = model.add(Dense::new(units).activation(Activation::Relu));
        }
        let mut model = model.add(Dense::new(16)).build(&Device::cpu(), 0).unwrap();
        let history =
            trainer(Adam::default()).epochs(15).fit(&mut model, &data.train, Some(&data.test)).unwrap();
        history.last().unwrap().val_metrics[0]
    };
    let (linear, deep) = (accuracy(&[]), accuracy(&[128, 64]));
    assert!(linear < 0.65 && deep > linear + 0.1, "linear {linear}, deep {deep}");
}

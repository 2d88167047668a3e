//! Frozen layers, whose gradients no pass leaves: losses and bits are those of one process, and losses those of a training without
//! micro-batches.

use super::*;

/// Three layers, of which the gradient has more than one piece.
fn net(data: &Dataset) -> Sequential {
    let hidden = |units| Dense::new(units).activation(Activation::Tanh);
    Sequential::for_data(data)
        .add(Flatten)
        .add(hidden(300))
        .add(hidden(300))
        .add(Dense::new(data.targets().width()))
}

#[test]
fn frozen_layers_at_either_end() {
    let train = glyphs().train.select(&(0..64).collect::<Vec<_>>()).unwrap();
    let kernels: &[&str] = &["1.dense.kernel", "2.dense.kernel", "3.dense.kernel"];
    let choices: [&[&str]; 4] = [kernels, &["3.dense"], &["2.dense", "3.dense"], &["1.dense"]];
    for frozen in choices {
        for device in devices() {
            let model = || {
                let mut model = net(&train).build(&device, 5).unwrap();
                frozen.iter().for_each(|path| model.set_trainable(path, false).unwrap());
                model
            };
            let trainer = || {
                let trainer =
                    Trainer::new(Sgd::default(), Loss::SoftmaxCrossEntropy).metric(Metric::Accuracy);
                trainer.batch(32).epochs(1).progress(false)
            };
            let mut plain = model();
            let before = plain.weights().unwrap();
            let plain = trainer().fit(&mut plain, &train, None).unwrap();
            let mut one = model();
            let history = trainer().micro_batches(8).fit(&mut one, &train, None).unwrap();
            let wanted = one.weights().unwrap();
            for (path, tensor) in &before {
                let is_frozen = frozen.iter().any(|frozen| path.starts_with(frozen));
                assert_eq!(*tensor == wanted[path], is_frozen, "{path} on {}", device.name());
            }
            for (found, wanted) in history.epochs.iter().zip(&plain.epochs) {
                let apart = (found.train_loss - wanted.train_loss).abs();
                assert!(apart < 1e-4 * wanted.train_loss, "{frozen:?}: {found:?} {wanted:?}");
                assert!(
                    (found.train_metrics[0] - wanted.train_metrics[0]).abs() < 0.02,
                    "{found:?} {wanted:?}"
                );
            }
            for size in [1, 2] {
                let ends = ranks(size, |_, own| {
                    let mut model = model();
                    let history = trainer().processes(own).fit(&mut model, &train, None).unwrap();
                    (history, model.weights().unwrap())
                });
                for (found, weights) in ends {
                    same(&found, &history);
                    assert!(
                        weights == wanted,
                        "{frozen:?} on {}, {size} ranks: other weights",
                        device.name()
                    );
                }
            }
        }
    }
}

#[test]
fn a_net_that_learns_nothing_is_refused() {
    let data = crate::nets::waves(64);
    let net = Sequential::for_data(&data).add(BatchNorm::new().scale(false).center(false));
    let targets = Dataset::values([3], data.inputs().to_vec(), [3], data.inputs().to_vec()).unwrap();
    let mut model = net.build(&Device::cpu(), 0).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).micro_batches(4).progress(false);
    says(&trainer.fit(&mut model, &targets, None).unwrap_err(), &["model to train", "no parameters"]);
}

//! The range of inputs that a network is built for: exact for ordinary data, and not decided by a few odd numbers.

use crate::common::Random;
use crate::logs::{listen, warnings};
use autorot::data::{AddingProblem, Glyphs, PadSequences, Scaler};
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Dataset, Dense, Device, Error, Gru, LayerNorm, Loss, Masking,
    Metric, Range, Residual, Rule, Sequential, Trainer, ZeroPadding2d,
};

/// A data set of these rows, whose targets do not matter.
fn rows(shape: impl Into<Vec<usize>>, inputs: Vec<f32>) -> Dataset {
    let shape = shape.into();
    let targets = vec![0.0; inputs.len() / shape.iter().product::<usize>()];
    Dataset::values(shape, inputs, [1], targets).unwrap()
}

/// Numbers of the normal distribution.
fn normal(seed: u64, count: usize) -> Vec<f32> {
    let [u, v] = [0, 1].map(|i| Random::new(2 * seed + i).vector(count, 0.5));
    let pairs = u.iter().zip(&v).map(|(u, v)| (f64::from(*u) + 0.5, f64::from(*v)));
    pairs
        .map(|(u, v)| ((-2.0 * (1.0 - u).max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32)
        .collect()
}

fn whole(data: &Dataset) -> Range {
    let (min, max) = data.range();
    Range { min, max }
}

#[test]
fn ordinary_data_have_exactly_their_range() {
    let log_normal: Vec<f32> = normal(1, 20_000).iter().map(|x| x.exp()).collect();
    let raw = rows([5], log_normal.clone());
    let one_hot = (0..500).flat_map(|i| (0..50).map(move |c| f32::from(u8::from(i % 50 == c)))).collect();
    let sparse = (0..400 * 300).map(|i| if i % 301 == 0 { (1 + i % 7) as f32 } else { 0.0 }).collect();
    let rare = (0..4000).map(|i| f32::from(u8::from(i == 17 || i == 2900))).collect();
    let rare_scaled = rows([1], (0..4000).map(|i| f32::from(u8::from(i % 150 == 0))).collect());
    let wide_and_narrow = (0..900).map(|i| if i % 3 == 0 { 1e4 } else { 1.0 } * (i % 17) as f32).collect();
    let adding = AddingProblem { train: 50, ..AddingProblem::default() }.load().unwrap().train;
    let sets = [
        ("drawn characters", Glyphs { train: 300, test: 10, seed: 1 }.load().unwrap().train),
        ("the adding problem", adding),
        ("normal", rows([4], normal(2, 8000))),
        ("log-normal, scaled to deviations", Scaler::standard(&raw).apply(&raw).unwrap()),
        ("log-normal, scaled to 0..1", Scaler::min_max(&raw, 0.0, 1.0).unwrap().apply(&raw).unwrap()),
        ("log-normal", raw),
        ("one-hot columns", rows([50], one_hot)),
        ("mostly zeros", rows([300], sparse)),
        ("a column that is 0 but twice", rows([1], rare)),
        ("a rare column in deviations", Scaler::standard(&rare_scaled).apply(&rare_scaled).unwrap()),
        ("a large column", rows([3], wide_and_narrow)),
        ("sequences", rows([10, 2], normal(3, 2000))),
        ("a constant", rows([2], vec![-3.0; 40])),
        ("a row", rows([3], vec![1.0, -1000.0, 1e9])),
        ("few rows", rows([1], vec![0.0, 1.0, 2.0, 1.0, 1e6])),
        ("powers of ten", rows([1], (0..8).map(|i| 10f32.powi(i)).collect())),
    ];
    for (name, data) in sets {
        let observed = data.observe();
        assert_eq!(observed.range, whole(&data), "{name}");
        assert_eq!(observed.whole, observed.range, "{name}");
        assert_eq!(observed.doubts(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn an_odd_number_is_left_out_and_named() {
    let mut inputs = normal(4, 3000);
    let without = rows([3], inputs.clone());
    inputs[7 * 3 + 2] = -150.0;
    inputs[500 * 3] = 90.0;
    let odd = rows([3], inputs);
    let observed = odd.observe();
    let left_out = observed.outliers.clone().unwrap();
    assert_eq!((left_out.value, left_out.row, &*left_out.feature, left_out.rows), (-150.0, 7, &[2][..], 2));
    assert_eq!((observed.whole, observed.sparse.as_ref()), (Range { min: -150.0, max: 90.0 }, None));
    // The rest of the two rows is in.
    assert_eq!(observed.range, whole(&without));

    let net = |rotated: bool| {
        let hidden = Dense::new(4).activation(Activation::Tanh).auto_rotate(rotated.then(AutoRotate::new));
        Sequential::for_data(&odd).add(hidden).add(Dense::new(1))
    };
    let network = net(true).network(0).unwrap();
    assert_eq!(network.input().range, Some(observed.range));
    let text = network.summary();
    for word in
        ["warning: the input range is taken as", "2 rows such as -150 (row 7, feature 2)", "input_range"]
    {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
    // Classic layers do not ask for the range, and what is declared is taken as it is.
    assert!(!net(false).network(0).unwrap().summary().contains("warning"));
    let declared = net(true).input_range(-150.0, 90.0).network(0).unwrap();
    assert!(declared.doubts().is_empty());
    assert_eq!(declared.input().range, Some(Range { min: -150.0, max: 90.0 }));
}

#[test]
fn features_are_looked_at_by_themselves() {
    // Around 1000 and around 0: what is far from the one median is near the other.
    let normal = normal(5, 2000);
    let pairs = normal.chunks(2).enumerate();
    let inputs = pairs.flat_map(|(i, x)| [1000.0 + x[0], if i == 3 { 900.0 } else { x[1] }]).collect();
    let observed = rows([2], inputs).observe();
    assert_eq!(observed.outliers.unwrap().feature, [1]);
    assert!(observed.range.max > 1000.0, "{}", observed.range);

    // An image that was not scaled among those that were; its place is a pixel's.
    let mut images: Vec<f32> = Random::new(6).vector(40 * 4 * 4, 0.5).iter().map(|x| x + 0.5).collect();
    images[12 * 16..13 * 16].iter_mut().for_each(|v| *v *= 255.0);
    let observed = rows([4, 4], images.clone()).observe();
    let left_out = observed.outliers.clone().unwrap();
    assert_eq!((left_out.row, left_out.feature.len(), left_out.rows), (12, 2, 1));
    assert_eq!(left_out.value, images[12 * 16 + left_out.feature[0] * 4 + left_out.feature[1]]);
    assert!(observed.range.max <= 10.0, "{}", observed.range);
}

#[test]
fn what_many_rows_have_stays_and_is_doubted() {
    let numbers = normal(7, 4000);
    let inputs = numbers.chunks(2).enumerate().flat_map(|(i, x)| {
        let rare = if i % 20 == 0 { 500.0 + x[1] } else { 0.0 };
        [x[0], rare]
    });
    let data = rows([2], inputs.collect());
    let observed = data.observe();
    assert_eq!((observed.range, observed.outliers.as_ref()), (whole(&data), None));
    let sparse = observed.sparse.clone().unwrap();
    assert_eq!((&*sparse.feature, sparse.rows), (&[1][..], 100));
    let doubts = observed.doubts();
    assert!(
        doubts.len() == 1 && doubts[0].contains("feature 1") && doubts[0].contains("100 rows"),
        "{doubts:?}"
    );
}

#[test]
fn large_sets_are_looked_at_as_a_whole() {
    let mut inputs = normal(8, 200_000);
    let clean = whole(&rows([2], inputs.clone()));
    inputs[199_998] = 1e30;
    let observed = rows([2], inputs.clone()).observe();
    assert_eq!((observed.range, observed.outliers.clone().unwrap().row), (clean, 99_999));
    assert_eq!(observed, rows([2], inputs).observe(), "the same rows are looked at");
}

#[test]
fn rare_events_of_large_sets_are_no_oddities() {
    let events = |count: usize, every: usize, size: &dyn Fn(usize) -> f32| {
        let value = |i: usize| if i.is_multiple_of(every) { size(i / every) } else { 0.0 };
        rows([1], (0..count).map(value).collect()).observe()
    };
    let growing = events(100_000, 2503, &|i| 1.0 + i as f32);
    assert_eq!((growing.range, growing.outliers), (Range { min: 0.0, max: 40.0 }, None));
    let of_two_sizes = events(1_000_000, 2000, &|i| if i % 10 == 0 { 200.0 } else { 1.0 });
    assert_eq!((of_two_sizes.range, of_two_sizes.outliers), (Range { min: 0.0, max: 200.0 }, None));
    assert_eq!(of_two_sizes.sparse.unwrap().rows, 50);
}

#[test]
fn doubts_are_told_once_and_where_an_x_q_follows_from_the_range() {
    let mut inputs = normal(10, 300);
    inputs[30] = 1e4;
    let data = rows([3], inputs);
    let rotated = |rotate: AutoRotate| Dense::new(4).activation(Activation::Tanh).auto_rotate(rotate);
    let net = || Sequential::for_data(&data);
    let end = |net: Sequential| net.add(rotated(AutoRotate::new())).add(Dense::new(1));
    listen();
    warnings();
    let told = [
        end(net()),
        end(net().add(rotated(AutoRotate::new().x_q(3.0)).activation(Activation::Relu))),
        end(net().add(Dense::new(4).activation(Activation::Relu))),
    ];
    for net in told {
        let network = net.network(0).unwrap();
        assert!(network.doubts().len() == 1 && network.summary().contains("warning"));
        assert_eq!(warnings(), [""; 0]);
        let model = net.build(&Device::cpu(), 0).unwrap();
        assert_eq!(warnings(), network.doubts());
        assert!(model.summary().contains("warning") && warnings().is_empty());
    }
    let silent = [
        end(net().add(BatchNorm::new())),
        end(net().add(Dense::new(4).activation(Activation::Sigmoid))),
        end(net().add(rotated(AutoRotate::new().x_q(3.0)))),
        end(net().add(rotated(AutoRotate::new().limits(-1.0, 1.0)))),
    ];
    for net in silent {
        assert_eq!(net.build(&Device::cpu(), 0).unwrap().network().doubts(), [""; 0]);
        assert_eq!(warnings(), [""; 0]);
    }
}

#[test]
fn normalised_values_and_their_sums_have_x_q_at_two_deviations() {
    let range = |net: Sequential| net.network(0).unwrap().output().range.unwrap();
    let x_q = |net| range(net).x_q();
    let normalised = || Sequential::new([4]).input_range(5.0, 9.0).add(BatchNorm::new());
    let sum = |net: Sequential| net.add(Residual::new().add(Dense::new(4)).add(LayerNorm::new()));
    assert!((x_q(normalised()) - 2.0).abs() < 1e-6);
    assert!((x_q(normalised().add(Dense::new(3))) - 2.0).abs() < 1e-6);
    assert!((x_q(sum(normalised())) - 2.0 * 2f32.sqrt()).abs() < 1e-6);
    assert!((x_q(sum(sum(normalised()))) - 2.0 * 3f32.sqrt()).abs() < 1e-6);
    // Centres add, widths as squares do.
    let sigmoid = || Dense::new(4).activation(Activation::Sigmoid);
    let Range { min, max } = range(Sequential::new([4]).add(sigmoid()).add(Residual::new().add(sigmoid())));
    assert!((min - (1.0 - 0.5f32.sqrt())).abs() < 1e-6 && (max - (1.0 + 0.5f32.sqrt())).abs() < 1e-6);
}

#[test]
fn padding_is_no_number() {
    let sequences: Vec<Vec<f32>> = (0..60).map(|i| normal(20 + i, 2 * (1 + i as usize % 9))).collect();
    let plain = PadSequences::new(2, -1e6).values(&sequences, [1], vec![0.0; 60]).unwrap();
    assert_eq!((plain.observe().range, plain.observe().doubts().len()), (whole(&plain), 0));
    assert!(whole(&plain).min > -100.0);

    let mut odd = sequences;
    odd[40][3] = 300.0;
    let odd = PadSequences::new(2, -1e6).values(&odd, [1], vec![0.0; 60]).unwrap();
    let observed = odd.observe();
    let left_out = observed.outliers.unwrap();
    assert_eq!((left_out.row, &*left_out.feature), (40, &[1, 1][..]), "step and feature");
    assert!(observed.range.max < 10.0);
    let net =
        Sequential::for_data(&odd).add(Masking::new(-1e6)).add(Gru::new(3).auto_rotate(AutoRotate::new()));
    assert_eq!(net.network(0).unwrap().doubts().len(), 1);
}

#[test]
fn inputs_that_x_q_does_not_lie_beyond_are_refused() {
    let decibels = rows([1], (0..200).map(|i| -80.3 + 40.3 * i as f32 / 199.0).collect());
    let net = |data: &Dataset, rotate: Option<AutoRotate>| {
        let hidden = Dense::new(4).activation(Activation::Tanh).auto_rotate(rotate);
        Sequential::for_data(data).add(hidden).add(Dense::new(1))
    };
    let refused = |net: Sequential| match net.network(0) {
        Err(Error::Invalid { place, found, remedy, .. }) => (place, found, remedy),
        other => panic!("{other:?}"),
    };
    for rule in [Rule::Diagonal, Rule::Aligned] {
        let (place, found, remedy) = refused(net(&decibels, Some(AutoRotate::new().rule(rule))));
        assert_eq!(place, "0.dense");
        assert!(found.contains("-80.3000..-40.0000") && found.contains("x_Q"), "{found}");
        assert!(remedy.contains("Scaler") && remedy.contains("input_range"), "{remedy}");
    }
    let gru = Sequential::for_data(&rows([2, 1], decibels.inputs().to_vec()));
    let (place, ..) = refused(gru.add(Gru::new(2).auto_rotate(AutoRotate::new())));
    assert_eq!(place, "0.gru");
    // A classic layer takes them, and so does a rotated one that does not see them or has its own range.
    let taken = [
        net(&decibels, None),
        net(&decibels, Some(AutoRotate::new().x_q(100.0))),
        net(&decibels, Some(AutoRotate::new().limits(-80.3, -40.0))),
        net(&decibels, Some(AutoRotate::new())).input_range(-80.3, -40.0),
        Sequential::for_data(&decibels)
            .add(BatchNorm::new())
            .add(Dense::new(4).activation(Activation::Tanh).auto_rotate(AutoRotate::new())),
        net(&Scaler::standard(&decibels).apply(&decibels).unwrap(), Some(AutoRotate::new())),
    ];
    for net in taken {
        net.network(0).unwrap();
    }
    // Up to a fifth of the way x_Q lies beyond most inputs.
    let near = |max: f32| rows([1], (0..100).map(|i| -1.0 + (1.0 + max) * i as f32 / 99.0).collect());
    net(&near(-0.15), Some(AutoRotate::new())).network(0).unwrap();
    refused(net(&near(-0.25), Some(AutoRotate::new())));
    // Above 0 it always does; but what is narrow there is told.
    let kelvin = rows([1], (0..100).map(|i| 293.0 + 0.1 * i as f32).collect());
    let network = net(&kelvin, Some(AutoRotate::new())).network(0).unwrap();
    assert!(network.summary().contains("far to one side of 0"), "{}", network.summary());
}

#[test]
fn a_rare_column_or_an_odd_row_does_not_keep_a_network_from_learning() {
    let count = 2000;
    let points = Random::new(9).vector(2 * count, 1.0);
    let accuracy = |rotate: AutoRotate, odd: [f32; 3]| {
        let row = |(i, p): (usize, &[f32])| if i == 7 { odd } else { [p[0], p[1], 0.0] };
        let inputs = points.chunks(2).enumerate().flat_map(row).collect();
        let labels = points.chunks(2).map(|p| u32::from(p[0] * p[1] > 0.0)).collect();
        let data = Dataset::classes([3], inputs, labels, vec!["no".into(), "yes".into()]).unwrap();
        let hidden = || Dense::new(24).activation(Activation::Sigmoid).auto_rotate(rotate);
        let net = Sequential::for_data(&data).add(hidden()).add(hidden()).add(Dense::new(2));
        let mut model = net.build(&Device::cpu(), 0).unwrap();
        let adam = Adam { learning_rate: 3e-3.into(), ..Adam::default() };
        let mut trainer = Trainer::new(adam, Loss::SoftmaxCrossEntropy).metric(Metric::Accuracy);
        trainer = trainer.batch(64).epochs(12).progress(false);
        trainer.fit(&mut model, &data, None).unwrap().last().unwrap().train_metrics[0]
    };
    for rotate in [AutoRotate::new(), AutoRotate::critical()] {
        let without = accuracy(rotate, [points[14], points[15], 0.0]);
        assert!(without > 0.95, "{rotate:?}: {without}");
        for odd in [[points[14], points[15], 1000.0], [1000.0; 3]] {
            let with = accuracy(rotate, odd);
            assert!(with > without - 0.03, "{rotate:?}: {without} without and {with} with {odd:?}");
        }
    }
}

#[test]
fn padding_with_zeros_widens_a_range_to_zero() {
    for ((min, max), wanted) in
        [((1.0, 2.0), (0.0, 2.0)), ((-3.0, -1.0), (-3.0, 0.0)), ((-1.0, 4.0), (-1.0, 4.0))]
    {
        let net = Sequential::new([3, 3, 1]).input_range(min, max).add(ZeroPadding2d::new(1));
        let range = net.network(0).unwrap().output().range;
        assert_eq!(range, Some(Range { min: wanted.0, max: wanted.1 }), "{min}..{max}");
    }
}

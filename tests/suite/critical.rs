//! Critical auto-rotation: its definition, the frames that layers hand on, and what it promises at the start of a training.

mod options;

use crate::common::{Random, assert_norm};
use crate::probe::Probe;
use autorot::extend::plan::arena::Role;
use autorot::extend::{ActivationRule, Layer, Real};
use autorot::model::Network;
use autorot::*;

const BATCH: usize = 3;

/// Outputs and the gradient of the input in f64, with the network's initial parameters unless others are given.
fn run(network: &Network, x: &[f64], parameters: Option<&[f64]>) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut probe = Probe::new(&Device::cpu_f64(), network, BATCH, &mut Random::new(3));
    let initial: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
    let [y, _, d_x, _] = probe.all(x, parameters.unwrap_or(&initial));
    (y, d_x, probe.g().to_vec())
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn inputs(count: usize) -> Vec<f64> {
    Random::new(8).vector(count, 1.0).into_iter().map(f64::from).collect()
}

#[test]
fn a_dense_layer_is_what_the_definition_says() {
    let (centre, deviation, delta) = (0.5f32, 2.0f32, 0.125f32);
    let rotate = AutoRotate::critical().frame(Frame { centre, deviation }).delta(delta);
    let layer = Dense::new(4).activation(Activation::Sigmoid).auto_rotate(rotate);
    let network =
        Sequential::new([5]).add(layer.bias_initializer(Initializer::Constant(0.75))).network(1).unwrap();
    let (x, w) = (inputs(BATCH * 5), network.arena().initial());
    let kernel = |k: usize, n: usize| f64::from(w[k * 4 + n]);
    let (y, ..) = run(&network, &x, None);
    let mut wanted = Vec::new();
    for row in x.chunks(5) {
        for n in 0..4 {
            let gain = 4.0 * 1.125;
            let q = ((0..5).map(|k| kernel(k, n).powi(2)).sum::<f64>() + 0.75 * 0.75).sqrt();
            let f: f64 = (0..5).map(|k| kernel(k, n) * (row[k] - 0.5) / 2.0).sum::<f64>() + 0.75;
            wanted.push(1.0 / (1.0 + (-gain / (q + 1e-5) * f).exp()));
        }
    }
    assert_norm("outputs", &y, &wanted, 1e-6);
}

/// δ of the networks below.
fn delta_at(depth: usize) -> f64 {
    (0.9 / (depth as f64).sqrt()).min(0.1)
}

/// The gradient of the input of so many layers for inputs at their centre, compared with that of the output, whether the first layer
/// brings them to √δ or not.
fn growth(depth: usize, input: &[usize], layer: impl Fn(usize) -> Box<dyn Layer>) -> f64 {
    let net = Sequential::new(input).input_frame(Frame { centre: 0.25, deviation: 1.0 });
    let net = (0..depth).fold(net, |net, i| net.add_boxed(layer(i)));
    let network = net.network(2).unwrap();
    let (_, d_x, g) = run(&network, &vec![0.25; BATCH * network.input().len()], None);
    let deviation = network.nodes()[0].facts().frame.map_or(1.0, |frame| f64::from(frame.deviation));
    deviation * norm(&d_x) / norm(&g)
}

#[test]
fn gradients_of_deep_nets_have_their_size_at_the_centre() {
    for activation in [
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Arctan,
        Activation::Softsign,
        Activation::HardSigmoid,
    ] {
        for depth in [10usize, 60] {
            let dense = |_| -> Box<dyn Layer> {
                Box::new(Dense::new(12).activation(activation).auto_rotate(AutoRotate::critical()))
            };
            let delta = delta_at(depth);
            let (found, wanted) = (growth(depth, &[12], dense), (1.0 + delta).powi(depth as i32));
            assert!((found / wanted - 1.0).abs() < 1e-3, "{activation}, {depth}: {found} for {wanted}");
        }
        // Also at padded borders: zeros there are the centre.
        let conv = |_| -> Box<dyn Layer> {
            let layer = Conv2d::new(6, 3).padding(Padding::Same).activation(activation);
            Box::new(layer.auto_rotate(AutoRotate::critical().delta(0.0)))
        };
        let found = growth(20, &[4, 5, 6], conv);
        assert!((found - 1.0).abs() < 1e-3, "{activation}: {found}");
        // Every block adds as much to a squared gradient as its branch has a share in the sum; not 2²⁰.
        let residual = |_| -> Box<dyn Layer> {
            let layer = Dense::new(12).activation(activation).auto_rotate(AutoRotate::critical().delta(0.0));
            Box::new(Residual::new().add(layer))
        };
        let found = growth(20, &[12], residual);
        assert!((1.0..30.0).contains(&found), "{activation}: {found}");
    }
    // What the papers' L makes of the same net.
    let classic = |rotate: AutoRotate| {
        growth(20, &[12], move |_| -> Box<dyn Layer> {
            let layer = Dense::new(12).activation(Activation::Sigmoid).auto_rotate(rotate.limits(0.0, 1.0));
            Box::new(layer.kernel_initializer(Initializer::Orthogonal { gain: 1.0 }))
        })
    };
    assert!(classic(AutoRotate::new().rule(Rule::Aligned)) < 1e-3);
}

/// The frame of what a network puts out.
fn frame(net: Sequential) -> Frame {
    net.network(0).unwrap().output().frame
}

#[test]
fn frames_follow_the_values_through_the_layers() {
    let around = |centre| Frame { centre, deviation: 1.0 };
    let images = || Sequential::new([4, 4, 2]).input_frame(Frame { centre: 3.0, deviation: 2.0 });
    let given = Frame { centre: 3.0, deviation: 2.0 };
    assert_eq!(frame(images().add(MaxPool2d::new(2)).add(Dropout::new(0.5)).add(Flatten)), given);
    let conv = |activation| Conv2d::new(2, 3).padding(Padding::Same).activation(activation);
    for (activation, centre) in [
        (Activation::Sigmoid, 0.5),
        (Activation::HardSigmoid, 0.5),
        (Activation::Tanh, 0.0),
        (Activation::Relu, 0.0),
        (Activation::Softplus, std::f32::consts::LN_2),
        (Activation::Linear, 0.0),
    ] {
        let found = frame(images().add(conv(activation)));
        assert!((found.centre - centre).abs() < 1e-7 && found.deviation == 1.0, "{activation}: {found:?}");
        assert_eq!(frame(images().add(Activate::new(activation))), found);
        let pooled = images().add(conv(activation)).add(AveragePool2d::new(2)).add(Flatten);
        assert_eq!(frame(pooled), found);
    }
    let sigmoid = || conv(Activation::Sigmoid);
    assert_eq!(frame(images().add(sigmoid()).add(BatchNorm::new())), around(0.0));
    let residual = |net: Sequential| net.add(Residual::new().add(sigmoid()));
    let sum = |branches: f32| Frame { centre: 0.5 * branches, deviation: branches.sqrt() };
    assert_eq!(frame(residual(images().add(sigmoid()))), sum(2.0));
    assert!((frame(residual(residual(images().add(sigmoid())))).deviation - 3f32.sqrt()).abs() < 1e-6);
    let sequences = || Sequential::new([4, 2]);
    assert_eq!(frame(sequences().add(Lstm::new(2))), around(0.0));
    let simple = || SimpleRnn::new(2).activation(Activation::Sigmoid);
    assert_eq!(frame(sequences().add(simple())), around(0.5));
    for (merge, centre) in
        [(MergeMode::Concat, 0.5), (MergeMode::Sum, 1.0), (MergeMode::Mul, 0.25), (MergeMode::Ave, 0.5)]
    {
        assert_eq!(frame(sequences().add(Bidirectional::new(simple()).merge(merge))), around(centre));
    }
    let step = TimeDistributed::new(Dense::new(2).activation(Activation::Sigmoid));
    assert_eq!(frame(sequences().add(step)), around(0.5));
    // A layer's own.
    let rotate = AutoRotate::critical().frame(around(2.0));
    let net = sequences().add(sigmoid_dense(rotate)).network(0).unwrap();
    assert_eq!(net.nodes()[0].facts().frame, Some(around(2.0)));
    // What is measured or normalised is brought to the deviation at which values settle, √δ.
    let critical = || sigmoid_dense(AutoRotate::critical());
    let net = Sequential::new([4]).input_frame(Frame { centre: 3.0, deviation: 2.0 }).add(critical());
    let net = net.add(critical()).add(BatchNorm::new()).add(critical()).network(0).unwrap();
    let frames: Vec<Frame> = net.nodes().iter().filter_map(|node| node.facts().frame).collect();
    let root = delta_at(3).sqrt() as f32;
    for (found, (centre, deviation)) in frames.iter().zip([(3.0, 2.0 / root), (0.5, 1.0), (0.0, 1.0 / root)])
    {
        assert_eq!(found.centre, centre);
        assert!((found.deviation - deviation).abs() < 1e-5, "{found:?}");
    }
    assert_eq!(frames.len(), 3);
}

fn sigmoid_dense(rotate: AutoRotate) -> Dense {
    Dense::new(3).activation(Activation::Sigmoid).auto_rotate(rotate)
}

#[test]
fn a_networks_inputs_are_seen_around_the_mean_of_the_data() {
    let inputs: Vec<f32> = (0..400).map(|i| 3.0 + (i % 5) as f32).collect();
    let data = |inputs: Vec<f32>| Dataset::values([4], inputs, [1], vec![0.0; 100]).unwrap();
    let found = data(inputs.clone()).observe().frame;
    assert!((found.centre - 5.0).abs() < 1e-6 && (found.deviation - 2f32.sqrt()).abs() < 1e-6, "{found:?}");
    // One odd row changes nothing but by its absence.
    let mut odd = inputs.clone();
    odd[396..].fill(1e6);
    let without = data(odd).observe();
    assert!(without.outliers.is_some());
    assert!(
        (without.frame.centre - 5.0).abs() < 0.02 && (without.frame.deviation - 2f32.sqrt()).abs() < 0.02
    );
    // Nor does a constant divide by 0.
    assert_eq!(data(vec![7.0; 400]).observe().frame, Frame { centre: 7.0, deviation: 1.0 });
    // A declared range is taken as evenly filled.
    let of = |net: Sequential| net.network(0).unwrap().input().frame;
    let found = of(Sequential::new([4]).input_range(-1.0, 5.0).add(Dense::new(1)));
    assert!((found.centre - 2.0).abs() < 1e-6 && (found.deviation - 3f32.sqrt()).abs() < 1e-6, "{found:?}");
    let declared = Frame { centre: 1.0, deviation: 4.0 };
    let net = Sequential::for_data(&data(inputs.clone()))
        .input_frame(declared)
        .add(sigmoid_dense(AutoRotate::critical()));
    let network = net.network(0).unwrap();
    assert_eq!(network.input().frame, declared);
    let seen = network.nodes()[0].facts().frame.unwrap();
    assert!(seen.centre == 1.0 && (seen.deviation - 4.0 / 0.1f32.sqrt()).abs() < 1e-5, "{seen:?}");
    // In whichever order it is declared.
    let net = |net: Sequential| of(net.add(Dense::new(1)));
    assert_eq!(net(Sequential::new([4]).input_frame(declared).input_range(-1.0, 5.0)), declared);
    assert_eq!(net(Sequential::new([4]).input_range(-1.0, 5.0).input_frame(declared)), declared);
}

#[test]
fn weights_start_orthogonal_with_the_length_that_is_asked_for() {
    let layers: [(Box<dyn Layer>, usize, usize); 4] = [
        (Box::new(Dense::new(4).auto_rotate(AutoRotate::critical())), 4, 1),
        (Box::new(Conv2d::new(4, 3).auto_rotate(AutoRotate::critical())), 4, 1),
        (Box::new(Conv2dTranspose::new(4, 3).auto_rotate(AutoRotate::critical())), 4, 8),
        (Box::new(DepthwiseConv2d::new(3).auto_rotate(AutoRotate::critical())), 8, 1),
    ];
    for (layer, units, inner) in layers {
        let network = Sequential::new([5, 5, 8]).add_boxed(layer).network(3).unwrap();
        let kernel = network.arena().parameters().iter().find(|p| p.kernel.is_some()).unwrap();
        assert_eq!(kernel.role, Role::Trained, "weight decay would mean nothing");
        let values = &network.arena().initial()[kernel.range()];
        let mut squares = vec![0.0; units];
        for (i, &w) in values.iter().enumerate() {
            squares[i / inner % units] += f64::from(w).powi(2);
        }
        assert!(squares.iter().all(|s| (s.sqrt() - 1.0).abs() < 1e-5), "{}: {squares:?}", kernel.path);
        let zeros = values.iter().filter(|w| **w == 0.0).count();
        assert_eq!(zeros, if kernel.shape.len() > 2 { values.len() / 9 * 8 } else { 0 }, "{}", kernel.path);
    }
    // From the same weights as the classic layer, for comparisons; and an initialiser of one's own with this length.
    let of = |rotate: Option<AutoRotate>, initializer| {
        let layer = Dense::new(4).auto_rotate(rotate).kernel_initializer(initializer);
        Sequential::new([8]).add(layer).network(3).unwrap().arena().initial()[..32].to_vec()
    };
    let (glorot, he) = (Initializer::GlorotUniform, Initializer::HeNormal);
    assert_eq!(of(None, glorot), of(Some(AutoRotate::critical().norm(None)), glorot));
    let (classic, own) = (of(None, he), of(Some(AutoRotate::critical().norm(2.0)), he));
    for n in 0..4 {
        let column = |w: &[f32]| -> Vec<f64> { w.iter().skip(n).step_by(4).map(|&w| w.into()).collect() };
        let (classic, own) = (column(&classic), column(&own));
        assert!((norm(&own) - 2.0).abs() < 1e-5);
        assert_norm(
            "direction",
            &own,
            &classic.iter().map(|w| 2.0 * w / norm(&classic)).collect::<Vec<_>>(),
            1e-5,
        );
    }
}

#[test]
fn depth_counts_every_critical_layer() {
    let layer = || sigmoid_dense(AutoRotate::critical());
    let l = |net: Sequential| net.network(0).unwrap().nodes()[0].facts().limits[0];
    let net = || Sequential::new([3]).add(layer());
    assert!((l(net()) - 4.0 * 1.1).abs() < 1e-5);
    let deep = (0..143).fold(net(), |net, _| net.add(layer()));
    assert!((l(deep.clone()) - 4.0 * 1.075).abs() < 1e-5);
    let inside = (0..143).fold(net(), |net, _| net.add(Residual::new().add(layer())));
    assert!((l(inside) - 4.0 * 1.075).abs() < 1e-5);
    // The weights of each unit are as long as its root.
    let first = deep.network(0).unwrap().arena().initial()[..9].to_vec();
    let unit: f32 = first.iter().step_by(3).map(|w| w * w).sum();
    assert!((unit.sqrt() - 12.0).abs() < 1e-4, "{unit}");
    assert!(
        (l(Sequential::new([3]).add(sigmoid_dense(AutoRotate::critical().delta(0.5)))) - 6.0).abs() < 1e-5
    );
    assert!((l(Sequential::new([3]).add(sigmoid_dense(AutoRotate::critical().l(3.0)))) - 3.0).abs() < 1e-6);
}

#[test]
fn odd_options_are_refused_by_name() {
    let frame = |centre, deviation| AutoRotate::critical().frame(Frame { centre, deviation });
    for (rotate, words) in [
        (AutoRotate::critical().delta(f32::NAN), "δ"),
        (AutoRotate::critical().delta(-1.0), "δ"),
        (AutoRotate::critical().norm(0.0), "norm"),
        (AutoRotate::critical().norm(f32::INFINITY), "norm"),
        (frame(f32::NAN, 1.0), "centre"),
        (frame(0.0, 0.0), "deviation"),
        (frame(0.0, 1e-40), "deviation"),
        (AutoRotate::critical().l(-1.0), "L"),
        (AutoRotate::critical().x_q(f32::NAN), "x_Q"),
        (AutoRotate::critical().x_q(0.0), "x_Q"),
        (AutoRotate::critical().limits(2.0, -1.0), "limits"),
    ] {
        let error = Sequential::new([3]).add(sigmoid_dense(rotate)).network(0).unwrap_err().to_string();
        assert!(error.contains("0.dense") && error.contains(words), "{error}");
    }
    let gate = Lstm::new(2).rotated_part(RotatedPart::Gate).auto_rotate(AutoRotate::critical());
    let error = Sequential::new([3, 2]).add(gate).network(0).unwrap_err().to_string();
    assert!(error.contains("0.lstm") && error.contains("whole gates"), "{error}");
    let error = Sequential::new([3]).input_frame(Frame { centre: 0.0, deviation: -1.0 }).add(Dense::new(1));
    assert!(error.network(0).unwrap_err().to_string().contains("deviation"));
    // A frame that follows from an activation of one's own.
    let net = Sequential::new([3]).add(Dense::new(2).activation(Activation::own::<Reciprocal>()));
    let error = net.add(sigmoid_dense(AutoRotate::critical())).network(0).unwrap_err().to_string();
    assert!(error.contains("1.dense") && error.contains("centre inf"), "{error}");
}

struct Reciprocal;

impl ActivationRule for Reciprocal {
    const NAME: &'static str = "reciprocal";
    const LIMIT: f32 = 1.0;
    const WGSL: [&'static str; 2] = ["1.0 / z", "-1.0 / (z * z)"];

    fn range(_input: Option<Range>) -> Option<Range> {
        None
    }

    fn value<T: Real>(z: T) -> T {
        T::one() / z
    }

    fn derivative<T: Real>(z: T) -> T {
        -T::one() / (z * z)
    }
}

/// One that falls.
struct Mirror;

impl ActivationRule for Mirror {
    const NAME: &'static str = "mirror";
    const LIMIT: f32 = 1.0;
    const WGSL: [&'static str; 2] = ["-0.5 * z", "-0.5"];

    fn range(_input: Option<Range>) -> Option<Range> {
        None
    }

    fn value<T: Real>(z: T) -> T {
        T::of(-0.5) * z
    }

    fn derivative<T: Real>(_z: T) -> T {
        T::of(-0.5)
    }
}

#[test]
fn a_falling_activation_has_a_gain() {
    assert_eq!(Activation::own::<Mirror>().critical_gain(), 2.0);
}

#[test]
fn a_training_goes_on_with_the_same_weight_decay_alone() {
    let data =
        Dataset::values([3], inputs(24).iter().map(|&x| x as f32).collect(), [2], vec![0.5; 16]).unwrap();
    let build = |decay| {
        let layer = Dense::new(2).auto_rotate(AutoRotate::critical().decay(decay));
        Sequential::new([3]).add(layer).build(&Device::cpu(), 1).unwrap()
    };
    let mut trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(4).epochs(2);
    trainer = trainer.snapshot_every(Interval::Steps(1));
    trainer.fit(&mut build(false), &data, None).unwrap();
    trainer.resume(&mut build(false), &data, None).unwrap();
    let error = trainer.resume(&mut build(true), &data, None).unwrap_err().to_string();
    assert!(error.contains("0.dense") && error.contains("decay false"), "{error}");
    // The weights mean the same.
    build(true).set_weights(&build(false).weights().unwrap()).unwrap();
}

#[test]
fn padding_that_pads_nothing_folds() {
    let frame = Frame { centre: 0.5, deviation: 2.0 };
    let conv = |kernel| {
        let layer = Conv2d::new(3, kernel).padding(Padding::Same).activation(Activation::Tanh);
        let net = Sequential::new([4, 3, 2]).input_frame(frame);
        net.add(layer.auto_rotate(AutoRotate::critical())).build(&Device::cpu_f64(), 1).unwrap()
    };
    let stays = |model: &Model| model.network().description().layers[0].rotation.is_some();
    assert!(stays(&conv(2).fold().unwrap()));
    let mut model = conv(1);
    let mut folded = model.fold().unwrap();
    assert!(!stays(&folded));
    let x: Vec<f32> = inputs(48).iter().map(|&x| x as f32).collect();
    let [wanted, found] = [&mut model, &mut folded]
        .map(|model| model.predict(&x).unwrap().into_iter().map(f64::from).collect::<Vec<_>>());
    assert_norm("folded", &found, &wanted, 1e-6);
}

/// What the definition promises: sigmoid layers that learn nothing by any other rule.
#[test]
fn twenty_sigmoid_layers_learn() {
    let data = data::Glyphs { train: 1200, test: 200, seed: 1 }.load().unwrap();
    let trained = |rotate: AutoRotate, device: &Device, epochs| {
        let layer = || Dense::new(48).activation(Activation::Sigmoid).auto_rotate(rotate);
        let net = Sequential::for_data(&data.train).add(Flatten).add(layer());
        let mut model =
            (1..20).fold(net, |net, _| net.add(layer())).add(Dense::new(16)).build(device, 1).unwrap();
        let mut trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
        trainer = trainer.epochs(epochs).batch(32).progress(false);
        let history = trainer.fit(&mut model, &data.train, None).unwrap();
        history.epochs.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>()
    };
    let devices = crate::common::devices();
    let critical = trained(AutoRotate::critical(), &devices[0], 25);
    let aligned = trained(AutoRotate::new().rule(Rule::Aligned), &devices[0], 25);
    // ln 16 is that of answers by chance.
    let chance = 16f64.ln();
    assert!(critical[24] < 0.5 * chance, "{critical:?}");
    assert!(aligned[24] > 0.9 * chance, "{aligned:?}");
    for device in &devices[1..] {
        let [on_gpu] = trained(AutoRotate::critical(), device, 1)[..] else { panic!("one epoch") };
        assert!((critical[0] - on_gpu).abs() < 1e-4 * on_gpu, "{} and {on_gpu}", critical[0]);
    }
}

//! What steps record, as it was looked through once: kernels in their order, the variant and the workgroups on three kinds of
//! adapters, which buffers they reach, their numbers. The same results by another way show here alone.

use crate::common::as_it_was;
use autorot::extend::kernel::{DenseForward, Element, Kernel, Traits, rates, registry};
use autorot::extend::plan::arena::keys;
use autorot::extend::plan::{Home, Plan, Purpose, Recorder, View};
use autorot::extend::{LossViews, UpdateViews};
use autorot::{
    Activation, Adam, AdamW, AutoRotate, AveragePool2d, BatchNorm, Bidirectional, Clip, Conv1d,
    Conv1dTranspose, Conv2d, Conv2dTranspose, Conv3d, Dense, DepthwiseConv2d, Dropout, Flatten, Frame,
    GlobalAveragePool2d, Gru, LearnL, Loss, Lstm, Masking, MaxPool2d, MergeMode, Metric, Optimizer, Padding,
    RandomTranslation, Regularizer, Residual, RmsProp, RotatedPart, Rule, SeparableConv2d, Sequential, Sgd,
    SimpleRnn, TimeDistributed, UpSampling2d, ZeroPadding2d,
};
use std::fmt::Write;

/// A GPU, software with the subgroups that products are written for, and software with others.
const ADAPTERS: [Traits; 3] = [
    Traits { software: false, subgroup: 32 },
    Traits { software: true, subgroup: 8 },
    Traits { software: true, subgroup: 4 },
];

fn rotated() -> AutoRotate {
    AutoRotate::new()
}

/// Where a view lies: in a slot of the plan's own, or in a buffer of a name.
fn place(plan: &Plan, view: &View) -> String {
    let name = match &plan.buffers[view.buffer].home {
        Home::Scratch(slot) => format!("#{slot}"),
        Home::Shared(key) => key.clone(),
    };
    match view.offset {
        0 => format!("{name}[{}]", view.len),
        offset => format!("{name}[{offset}+{}]", view.len),
    }
}

/// A number of a uniform block: an integer, or the bits of a number with a fraction.
fn word(bits: u32) -> String {
    let number = f32::from_bits(bits);
    if bits > 1 << 24 && number.is_normal() { format!("{number:?}") } else { bits.to_string() }
}

/// A line for what an adapter is given, or one for all that are given the same.
fn chosen(kernel: &dyn Kernel) -> Vec<String> {
    let one = |traits: &Traits| {
        let variant = kernel.prefer(*traits);
        let (name, grid, rounds) = (kernel.variants()[variant], kernel.grid(variant), kernel.rounds(variant));
        let candidates: Vec<&str> =
            kernel.candidates(*traits).iter().map(|&v| kernel.variants()[v]).collect();
        format!("{name} {grid:?}, {rounds} rounds; {}", candidates.join(" "))
    };
    let mut all: Vec<String> = ADAPTERS.iter().map(one).collect();
    all.dedup();
    all
}

/// What a plan runs, in words.
fn listed(plan: &Plan) -> String {
    let mut text = format!("{}: scratch {:?}\n", plan.name, plan.scratch);
    for op in &plan.ops {
        let kernel = &*op.kernel;
        writeln!(text, "{} {}", op.scope, kernel.name()).unwrap();
        for line in chosen(kernel) {
            writeln!(text, "    {line}").unwrap();
        }
        let bindings = kernel.bindings().iter().zip(&op.args).zip(kernel.lens());
        let there = bindings.filter_map(|((binding, view), len)| Some((binding, view, len?)));
        let bound =
            there.map(|(binding, view, len)| format!("{} {len} of {}", binding.name, place(plan, view)));
        writeln!(text, "    {}", bound.collect::<Vec<_>>().join(", ")).unwrap();
        let words: Vec<String> = kernel.uniforms().into_iter().map(word).collect();
        writeln!(text, "    {}", words.join(" ")).unwrap();
    }
    text
}

/// A training step or a prediction in words.
fn told(network: &Sequential, purpose: Purpose, batch: usize, loss: Loss, metrics: &[Metric]) -> String {
    let network = network.network(1).unwrap();
    let memory = network.memory(batch).unwrap();
    assert_eq!(
        network.nodes().len(),
        network.every_node().iter().filter(|n| n.path().matches('.').count() == 1).count()
    );
    let mut rec = Recorder::new(purpose, batch, network.arena());
    let (input, output) = (network.input().len(), network.output());
    let inputs = rec.shared("inputs", Element::Float, batch * input);
    let traces = network.forward(&mut rec, inputs);
    let outputs = traces.last().unwrap().output;
    if purpose == Purpose::Infer {
        rec.keep(outputs);
    } else {
        let columns = 1 + metrics.iter().map(|metric| metric.columns(output.len())).sum::<usize>();
        let targets = rec.shared("targets", Element::Float, batch * output.len());
        let scores = rec.shared("scores", Element::Float, batch * columns);
        let views = LossViews { outputs, targets, weights: None, scores, columns };
        let d_outputs = loss.record(&mut rec, views, true).unwrap();
        let mut column = 1;
        for metric in metrics {
            metric.record(&mut rec, views, column);
            column += metric.columns(output.len());
        }
        network.penalties(&mut rec);
        network.backward(&mut rec, &traces, d_outputs, false);
    }
    format!("{memory:?}\n") + &listed(&rec.finish(format!("{purpose:?} {batch}")).unwrap())
}

#[test]
fn dense_layers() {
    let layer = |units, activation| Dense::new(units).activation(activation);
    let network = Sequential::new([20])
        .input_range(-1.0, 1.0)
        .add(layer(300, Activation::Tanh).auto_rotate(rotated().learn_l(LearnL::PerUnit)))
        .add(Dropout::new(0.25))
        .add(
            layer(64, Activation::Sigmoid)
                .auto_rotate(rotated().rule(Rule::Aligned).learn_l(LearnL::PerLayer))
                .kernel_regularizer(Regularizer { l1: 0.5, l2: 0.25 }),
        )
        .add(layer(50, Activation::Relu).use_bias(false))
        .add(layer(7, Activation::Linear));
    let metrics = [Metric::Accuracy, Metric::TopK { k: 3 }];
    let step = told(&network, Purpose::Train, 128, Loss::SoftmaxCrossEntropy, &metrics);
    let few = told(&network, Purpose::Train, 3, Loss::SoftmaxCrossEntropy, &[]);
    let long = told(&network, Purpose::Train, 5000, Loss::SoftmaxCrossEntropy, &[]);
    let prediction = told(&network, Purpose::Infer, 128, Loss::SoftmaxCrossEntropy, &[]);
    as_it_was("recorded/dense.txt", &[step, few, long, prediction].concat());
}

#[test]
fn convolutions() {
    let network = Sequential::new([16, 16, 3])
        .input_range(0.0, 1.0)
        .add(RandomTranslation::new([2, 2]))
        .add(Conv2d::new(16, [3, 3]).padding(Padding::Same).auto_rotate(rotated()))
        .add(BatchNorm::new())
        .add(autorot::Activate::new(Activation::Sigmoid))
        .add(
            Residual::new().add(
                Conv2d::new(16, [3, 3])
                    .padding(Padding::Same)
                    .activation(Activation::Tanh)
                    .auto_rotate(rotated()),
            ),
        )
        .add(MaxPool2d::new([2, 2]))
        .add(
            Conv2d::new(24, [3, 3])
                .strides([2, 2])
                .groups(2)
                .activation(Activation::Arctan)
                .auto_rotate(rotated().rule(Rule::Aligned)),
        )
        .add(
            DepthwiseConv2d::new([3, 3])
                .padding(Padding::Same)
                .activation(Activation::Tanh)
                .auto_rotate(rotated()),
        )
        .add(
            SeparableConv2d::new(20, [3, 3])
                .padding(Padding::Same)
                .activation(Activation::Tanh)
                .auto_rotate(rotated()),
        )
        .add(GlobalAveragePool2d::new())
        .add(Dense::new(10));
    let step = told(&network, Purpose::Train, 8, Loss::SoftmaxCrossEntropy, &[Metric::Accuracy]);
    let prediction = told(&network, Purpose::Infer, 8, Loss::SoftmaxCrossEntropy, &[]);
    as_it_was("recorded/convolutions.txt", &[step, prediction].concat());
}

#[test]
fn other_windows() {
    let network = Sequential::new([5, 6, 2])
        .input_range(-1.0, 1.0)
        .add(ZeroPadding2d::new([1, 2]))
        .add(
            Conv2dTranspose::new(4, [3, 3])
                .strides([2, 2])
                .padding(Padding::Same)
                .activation(Activation::Tanh)
                .auto_rotate(rotated()),
        )
        .add(AveragePool2d::new([2, 2]))
        .add(UpSampling2d::new([2, 3]))
        .add(Conv2d::new(3, [2, 2]).dilation([2, 2]).activation(Activation::Elu))
        .add(Flatten)
        .add(Dense::new(2));
    let flat = told(&network, Purpose::Train, 6, Loss::MeanSquaredError, &[Metric::R2]);
    let network = Sequential::new([4, 5, 6, 2])
        .input_range(-1.0, 1.0)
        .add(Conv3d::new(4, [2, 2, 3]).activation(Activation::Softsign).auto_rotate(rotated()))
        .add(Flatten)
        .add(Dense::new(1));
    let solid = told(
        &network,
        Purpose::Train,
        4,
        Loss::BinaryCrossEntropy,
        &[Metric::BinaryAccuracy { threshold: 0.5 }],
    );
    as_it_was("recorded/windows.txt", &[flat, solid].concat());
}

#[test]
fn sequences() {
    let network = Sequential::new([9, 5])
        .input_range(-1.0, 1.0)
        .add(Masking::new(0.0))
        .add(Lstm::new(12).return_sequences(true).auto_rotate(rotated()))
        .add(TimeDistributed::new(Dense::new(8).activation(Activation::Tanh).auto_rotate(rotated())))
        .add(
            Bidirectional::new(
                Gru::new(6)
                    .return_sequences(true)
                    .auto_rotate(rotated().rule(Rule::Aligned))
                    .rotated_part(RotatedPart::Gate),
            )
            .merge(MergeMode::Concat),
        )
        .add(SimpleRnn::new(7).auto_rotate(rotated().learn_l(LearnL::PerUnit)))
        .add(Dense::new(3));
    let step = told(&network, Purpose::Train, 16, Loss::SoftmaxCrossEntropy, &[]);
    let network = Sequential::new([9, 4])
        .input_range(-1.0, 1.0)
        .add(
            Conv1d::new(8, [3]).padding(Padding::Same).activation(Activation::Sigmoid).auto_rotate(rotated()),
        )
        .add(Lstm::new(8))
        .add(Dense::new(1));
    let prediction = told(&network, Purpose::Infer, 16, Loss::Huber { delta: 1.0 }, &[]);
    as_it_was("recorded/sequences.txt", &[step, prediction].concat());
}

/// Sizes at which sums are divided, variants are too large, and what stands for a virtual sample takes kernels of its own.
#[test]
fn long_sums() {
    let flat = |network: Sequential, batch| {
        told(&network.add(Flatten).add(Dense::new(1)), Purpose::Train, batch, Loss::MeanSquaredError, &[])
    };
    let tanh = |layer: Conv2d| layer.activation(Activation::Tanh).auto_rotate(rotated());
    let classes = Sequential::new([3]).add(Dense::new(263_000));
    let many_classes = told(&classes, Purpose::Train, 2, Loss::SoftmaxCrossEntropy, &[Metric::TopK { k: 2 }]);
    let wide = Sequential::new([9, 11, 16])
        .input_range(0.0, 1.0)
        .add(tanh(Conv2d::new(6, [9, 9]).padding(Padding::Same)));
    let line = Sequential::new([40_000, 2]).input_range(0.0, 1.0).add(
        Conv1d::new(3, [5])
            .strides([3])
            .padding(Padding::explicit([(2, 2)]))
            .activation(Activation::Tanh)
            .auto_rotate(rotated()),
    );
    let dilated = Sequential::new([9_001, 2]).input_range(0.0, 1.0).add(
        Conv1dTranspose::new(3, [5])
            .strides([2])
            .padding(Padding::Same)
            .activation(Activation::Tanh)
            .auto_rotate(rotated()),
    );
    let grouped =
        Sequential::new([8, 8, 12]).input_range(0.0, 1.0).add(tanh(Conv2d::new(12, [3, 3]).groups(2))).add(
            DepthwiseConv2d::new([3, 3])
                .depth_multiplier(2)
                .activation(Activation::Tanh)
                .auto_rotate(rotated()),
        );
    let all = [many_classes, flat(wide, 3), flat(line, 2), flat(dilated, 2), flat(grouped, 2)];
    as_it_was("recorded/long.txt", &all.concat());
}

/// The end of a step, of more parameters than a dispatch takes.
#[test]
fn updates() {
    let network = Sequential::new([6000]).add(Dense::new(6000)).network(1).unwrap();
    let arena = network.arena();
    let clip = Clip { norm: Some(2.0), value: Some(0.5) };
    let optimizers: [Optimizer; 4] = [
        Sgd { momentum: 0.5, nesterov: true, clip, ..Sgd::default() }.into(),
        RmsProp { momentum: 0.5, clip, ..RmsProp::default() }.into(),
        Adam { clip, ..Adam::default() }.into(),
        AdamW::default().into(),
    ];
    let mut text = String::new();
    for optimizer in optimizers {
        let mut rec = Recorder::new(Purpose::Train, 1, arena);
        let step = UpdateViews {
            gradient: rec.shared(keys::GRADIENTS, Element::Float, arena.len()),
            rates: rec.shared(keys::RATES, Element::Float, 3 * rates::LEN),
            tallies: rec.shared(keys::TALLIES, Element::Float, 6),
            scores: None,
            columns: 2,
            clock: rec.clock(),
            control: rec.shared(keys::CONTROL, Element::Float, 2),
            due: rec.shared(keys::DUE, Element::Index, 3),
            kind: Some(1),
        };
        optimizer.record(&mut rec, step, arena);
        text += &listed(&rec.finish(optimizer.name()).unwrap());
    }
    as_it_was("recorded/updates.txt", &text);
}

/// A grid that is too large in one dimension alone rules a variant out.
#[test]
fn a_variant_with_too_many_workgroups_is_not_taken() {
    let kernel = DenseForward {
        batch: 1,
        inputs: 1,
        units: 65_536 * 64,
        frame: Frame::default(),
        has_bias: false,
        rotation: None,
        keep_z: false,
        activation: Activation::Linear,
    };
    let fits = |name: &str| {
        let variant = kernel.variants().iter().position(|v| *v == name).unwrap();
        assert_eq!(Kernel::grid(&kernel, variant)[1..], [1, 1]);
        Kernel::supports(&kernel, variant, ADAPTERS[0])
    };
    assert!(!fits("tile") && !fits("reduce") && fits("wide"));
    assert!(Kernel::supports(&kernel, Kernel::prefer(&kernel, ADAPTERS[0]), ADAPTERS[0]));
}

/// Which variants kernels have for the sizes that they are tested with.
#[test]
fn variants() {
    let mut text = String::new();
    for entry in registry::all() {
        let all = entry.examples.iter().chain(&entry.long);
        for kernel in all {
            let lens: Vec<usize> = kernel.lens().into_iter().flatten().collect();
            writeln!(text, "{} {lens:?}: {}", entry.name, chosen(&**kernel).join(" | ")).unwrap();
        }
    }
    as_it_was("recorded/variants.txt", &text);
}

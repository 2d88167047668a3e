//! What steps record, as it was looked through once: kernels in their order, the variant and the workgroups on three kinds of
//! adapters, which buffers they reach, their numbers. The same results by another way show here alone.

use crate::common::as_it_was;
use autorot::kernel::{Element, Kernel, Traits};
use autorot::plan::{Home, Plan, Purpose, Recorder, View};
use autorot::{
    Activation, AutoRotate, AveragePool2d, BatchNorm, Bidirectional, Conv1d, Conv2d, Conv2dTranspose, Conv3d,
    Dense, DepthwiseConv2d, Dropout, Flatten, GlobalAveragePool2d, Gru, LearnL, Loss, LossViews, Lstm,
    Masking, MaxPool2d, MergeMode, Metric, Padding, RandomTranslation, Regularizer, Residual, RotatedPart,
    Rule, SeparableConv2d, Sequential, SimpleRnn, TimeDistributed, UpSampling2d, ZeroPadding2d,
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

/// A training step or a prediction in words.
fn told(network: &Sequential, purpose: Purpose, batch: usize, loss: Loss, metrics: &[Metric]) -> String {
    let network = network.network(1).unwrap();
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
        let views = LossViews { outputs, targets, scores, columns };
        let d_outputs = loss.record(&mut rec, views, true);
        let mut column = 1;
        for metric in metrics {
            metric.record(&mut rec, views, column);
            column += metric.columns(output.len());
        }
        network.penalties(&mut rec);
        network.backward(&mut rec, &traces, d_outputs, false);
    }
    let plan = rec.finish(format!("{purpose:?} {batch}")).unwrap();
    let mut text = format!("{}: scratch {:?}\n", plan.name, plan.scratch);
    for op in &plan.ops {
        let kernel = &*op.kernel;
        writeln!(text, "{} {}", op.scope, kernel.name()).unwrap();
        for line in chosen(kernel) {
            writeln!(text, "    {line}").unwrap();
        }
        let bindings = kernel.bindings().iter().zip(&op.args).zip(kernel.lens());
        let bound = bindings.map(|((b, view), len)| format!("{} {len} of {}", b.name, place(&plan, view)));
        writeln!(text, "    {}", bound.collect::<Vec<_>>().join(", ")).unwrap();
        let words: Vec<String> = kernel.uniforms().into_iter().map(word).collect();
        writeln!(text, "    {}", words.join(" ")).unwrap();
    }
    text
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

//! Nets in burn, multilayer perceptrons, convolutional and recurrent ones, and the time their training steps take.

use crate::Options;
use Layer::{Conv, Dense, Mean, Norm, Pool, Separable};
use burn::module::Module;
use burn::nn;
use burn::nn::activation::{Activation, ActivationConfig};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, GruConfig, Linear, LinearConfig, LstmConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::time::Instant;

/// Batches of the data set.
const BATCHES: usize = 32;

const CLASSES: usize = 10;

/// A layer of a workload: what has a number of units ends with the workload's activation.
#[derive(Clone, Copy)]
enum Layer {
    Dense(usize),
    /// Units, side of the window and stride, with padding and bias.
    Conv(usize, usize, usize),
    /// Depthwise, 3x3 with padding and a stride, then pointwise with bias.
    Separable(usize, usize),
    Norm,
    /// The largest of 2x2.
    Pool,
    /// Over all positions.
    Mean,
    /// The last output of a sequence, without the workload's activation.
    Lstm(usize),
    /// Likewise, the reset gate behind its product.
    Gru(usize),
}

/// A net to train: hidden layers, and a linear one that follows them.
pub struct Workload {
    pub name: String,
    /// Rows of a step.
    pub batch: usize,
    /// Height, width and channels: 1 x 1 for inputs without positions, steps x 1 for sequences.
    shape: [usize; 3],
    activation: ActivationConfig,
    hidden: Vec<Layer>,
}

fn mlp(name: &str, inputs: usize, widths: &[usize]) -> Workload {
    let hidden = widths.iter().map(|&units| Dense(units)).collect();
    let shape = [1, 1, inputs];
    Workload { name: name.to_owned(), batch: 128, shape, activation: ActivationConfig::Sigmoid, hidden }
}

fn images(name: &str, activation: ActivationConfig, hidden: &[Layer]) -> Workload {
    Workload { name: name.to_owned(), batch: 64, shape: [32, 32, 3], activation, hidden: hidden.to_vec() }
}

fn sequences(kind: &str, units: usize, batch: usize) -> Workload {
    let mut name = format!("{kind}-128-{units}");
    if (units, batch) != (256, 64) {
        name += &format!(" batch {batch}");
    }
    let layer = if kind == "lstm" { Layer::Lstm(units) } else { Layer::Gru(units) };
    Workload { name, batch, shape: [64, 1, 128], activation: ActivationConfig::Tanh, hidden: vec![layer] }
}

/// All workloads, under the names that autorot's benchmark gives them.
pub fn workloads() -> Vec<Workload> {
    let tanh = |name: &str, hidden: &[Layer]| images(name, ActivationConfig::Tanh, hidden);
    let mut all = vec![
        mlp("notebook 1024-50-50-40-40-30-10", 1024, &[50, 50, 40, 40, 30]),
        mlp("784-512x4-10", 784, &[512; 4]),
        mlp("784-1024x4-10", 784, &[1024; 4]),
        mlp("784-2048x4-10", 784, &[2048; 4]),
        mlp("deep 784-64x100-10", 784, &[64; 100]),
        images("study conv 16-32-64 bn", ActivationConfig::Sigmoid, &STUDY),
        tanh("conv 64-128-256", &[Conv(64, 3, 1), Pool, Conv(128, 3, 1), Pool, Conv(256, 3, 1), Mean]),
    ];
    for n in [16, 32, 64] {
        let name = format!("strided {n}-{}-{}", 2 * n, 4 * n);
        all.push(tanh(&name, &[Conv(n, 3, 2), Conv(2 * n, 3, 2), Conv(4 * n, 3, 2), Mean]));
    }
    let points = [Conv(32, 3, 2), Conv(128, 1, 1), Conv(32, 1, 1), Conv(128, 1, 1), Conv(32, 1, 1), Mean];
    all.push(tanh("pointwise 32-128-32-128-32", &points));
    for n in [16, 32] {
        let name = format!("separable {n}-{}-{}-{}", 2 * n, 4 * n, 8 * n);
        let last = Separable(8 * n, 1);
        all.push(tanh(&name, &[Conv(n, 3, 1), Separable(2 * n, 2), Separable(4 * n, 2), last, Mean]));
    }
    for kind in ["lstm", "gru"] {
        for units in [64, 160, 256] {
            all.extend([16, 64, 256].map(|batch| sequences(kind, units, batch)));
        }
    }
    all
}

#[rustfmt::skip]
const STUDY: [Layer; 13] = [
    Conv(16, 3, 1), Norm, Pool,
    Conv(32, 3, 1), Norm, Pool,
    Conv(64, 3, 1), Norm, Pool,
    Dense(10), Dense(10), Dense(10), Dense(10),
];

impl Workload {
    /// Every layer, the linear one, too, with the channels of its inputs and the side of its outputs.
    fn traced(&self) -> impl Iterator<Item = (Layer, usize, usize)> {
        let [mut side, _, mut channels] = self.shape;
        self.hidden.iter().copied().chain([Dense(CLASSES)]).map(move |layer| {
            let (mut inputs, mut outputs) = (channels, channels);
            match layer {
                Dense(units) => (inputs, outputs, side) = (channels * side * side, units, 1),
                Conv(units, _, stride) => (outputs, side) = (units, side / stride),
                Separable(units, stride) => (outputs, side) = (units, side / stride),
                Norm => (),
                Pool => side /= 2,
                Mean => side = 1,
                Layer::Lstm(units) | Layer::Gru(units) => (outputs, side) = (units, 1),
            }
            channels = outputs;
            (layer, inputs, side)
        })
    }

    /// Multiplications and additions of a step's products: forward, and twice as much backward, less the first
    /// layer's input gradient.
    pub fn flops(&self) -> f64 {
        let gates = |gates, inputs, units| {
            [inputs, units].map(|depth| self.shape[0] * depth * gates * units).to_vec()
        };
        let products = self.traced().flat_map(|(layer, inputs, side)| match layer {
            Dense(units) => vec![inputs * units],
            Conv(units, size, _) => vec![size * size * inputs * units * side * side],
            Separable(units, _) => vec![9 * inputs * side * side, inputs * units * side * side],
            Layer::Lstm(units) => gates(4, inputs, units),
            Layer::Gru(units) => gates(3, inputs, units),
            Norm | Pool | Mean => vec![],
        });
        let products: Vec<usize> = products.collect();
        (2 * self.batch * (3 * products.iter().sum::<usize>() - products[0])) as f64
    }
}

/// What maps of channels go through.
#[derive(Module, Debug)]
enum Step {
    Conv(Conv2d),
    Activation(Activation),
    Norm(BatchNorm),
    Pool(MaxPool2d),
    Mean(AdaptiveAvgPool2d),
}

impl Step {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Activation(activation) => activation.forward(x),
            Self::Norm(norm) => norm.forward(x),
            Self::Pool(pool) => pool.forward(x),
            Self::Mean(mean) => mean.forward(x),
        }
    }
}

/// What a sequence goes through.
#[derive(Module, Debug)]
enum Recurrent {
    Lstm(nn::Lstm),
    Gru(nn::Gru),
}

impl Recurrent {
    /// The last output.
    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        match self {
            Self::Lstm(lstm) => lstm.forward(x, None).1.hidden,
            Self::Gru(gru) => gru.forward(x, None).slice_dim(1, -1).squeeze_dim(1),
        }
    }
}

/// Layers on maps or on sequences, then dense ones: the last is linear.
#[derive(Module, Debug)]
struct Net {
    steps: Vec<Step>,
    recurrent: Option<Recurrent>,
    dense: Vec<Linear>,
    activation: Activation,
}

impl Net {
    fn new(workload: &Workload, device: &Device) -> Self {
        let activation = workload.activation.init(device);
        let (mut steps, mut recurrent, mut dense) = (Vec::new(), None, Vec::new());
        for (layer, inputs, _) in workload.traced() {
            let conv = |units, size, stride| {
                let conv = Conv2dConfig::new([inputs, units], [size; 2]).with_stride([stride; 2]);
                conv.with_padding(PaddingConfig2d::Same)
            };
            match layer {
                Dense(units) => dense.push(LinearConfig::new(inputs, units).init(device)),
                Conv(units, size, stride) => {
                    steps.push(Step::Conv(conv(units, size, stride).init(device)));
                    steps.push(Step::Activation(activation.clone()));
                }
                Separable(units, stride) => {
                    let depthwise = conv(inputs, 3, stride).with_groups(inputs).with_bias(false);
                    steps.push(Step::Conv(depthwise.init(device)));
                    steps.push(Step::Conv(conv(units, 1, 1).init(device)));
                    steps.push(Step::Activation(activation.clone()));
                }
                // Keras' defaults: its momentum is what burn's leaves of 1.
                Norm => {
                    let norm = BatchNormConfig::new(inputs).with_epsilon(1e-3).with_momentum(0.01);
                    steps.push(Step::Norm(norm.init(device)));
                }
                Pool => steps.push(Step::Pool(MaxPool2dConfig::new([2, 2]).init())),
                Mean => steps.push(Step::Mean(AdaptiveAvgPool2dConfig::new([1, 1]).init())),
                Layer::Lstm(units) => {
                    recurrent = Some(Recurrent::Lstm(LstmConfig::new(inputs, units, true).init(device)));
                }
                Layer::Gru(units) => {
                    recurrent = Some(Recurrent::Gru(GruConfig::new(inputs, units, true).init(device)));
                }
            }
        }
        Self { steps, recurrent, dense, activation }
    }

    fn forward(&self, inputs: Inputs) -> Tensor<2> {
        let rows = match inputs {
            Inputs::Rows(x) => x,
            Inputs::Sequences(x) => self.recurrent.as_ref().expect("a layer for sequences").forward(x),
            Inputs::Maps(x) => self.steps.iter().fold(x, |x, step| step.forward(x)).flatten(1, 3),
        };
        let last = self.dense.len() - 1;
        self.dense.iter().enumerate().fold(rows, |x, (i, layer)| {
            let z = layer.forward(x);
            if i < last { self.activation.forward(z) } else { z }
        })
    }
}

/// What goes into a net: burn has the channels of maps before their height and width.
#[derive(Clone)]
enum Inputs {
    Rows(Tensor<2>),
    Sequences(Tensor<3>),
    Maps(Tensor<4>),
}

type Batch = (Inputs, Tensor<1, Int>);

/// The data set on the device, batch by batch.
fn data(workload: &Workload, device: &Device) -> Vec<Batch> {
    let (rows, [height, width, channels]) = (workload.batch, workload.shape);
    let batch = |b: usize| {
        let len = rows * height * width * channels;
        let inputs: Vec<f32> = (b * len..(b + 1) * len).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let inputs = match (height, width) {
            (1, 1) => Inputs::Rows(Tensor::from_data(TensorData::new(inputs, [rows, channels]), device)),
            (_, 1) => Inputs::Sequences(Tensor::from_data(
                TensorData::new(inputs, [rows, height, channels]),
                device,
            )),
            _ => {
                let maps = TensorData::new(inputs, [rows, height, width, channels]);
                Inputs::Maps(Tensor::from_data(maps, device).permute([0, 3, 1, 2]))
            }
        };
        let labels: Vec<i32> = (b * rows..(b + 1) * rows).map(|i| (i * 31 % CLASSES) as i32).collect();
        (inputs, Tensor::from_data(TensorData::new(labels, [rows]), device))
    };
    (0..BATCHES).map(batch).collect()
}

/// What was measured.
pub struct Times {
    /// Seconds from building the net to the end of the first step.
    pub first_step_s: f64,
    /// Milliseconds a step, one value a block.
    pub blocks: Vec<f64>,
    /// The loss after the last step: something must have been computed.
    pub loss: f32,
}

/// Builds the net and trains it: a first step, a block to warm up, then the blocks that count.
pub fn time(workload: &Workload, device: &Device, options: &Options) -> Times {
    let data = data(workload, device);
    wait(device);

    let begin = Instant::now();
    let mut model = Net::new(workload, device);
    let mut adam = AdamConfig::new().init();
    let entropy = CrossEntropyLossConfig::new().init(device);
    let mut step = |batch: &Batch| {
        let (inputs, labels) = batch.clone();
        let loss = entropy.forward(model.forward(inputs), labels);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = adam.step(1e-3, model.clone(), gradients);
        loss.detach()
    };
    let mut loss = step(&data[0]);
    wait(device);
    let first_step_s = begin.elapsed().as_secs_f64();

    let mut batches = data.iter().cycle();
    let mut block = |steps: usize| {
        let begin = Instant::now();
        for batch in batches.by_ref().take(steps) {
            loss = step(batch);
        }
        wait(device);
        1e3 * begin.elapsed().as_secs_f64() / steps as f64
    };
    let length = options.block.min(options.steps).max(1);
    block(length);
    let blocks = (0..options.steps.div_ceil(length)).map(|_| block(length)).collect();
    Times { first_step_s, blocks, loss: loss.into_data().iter::<f32>().next().unwrap_or(f32::NAN) }
}

/// Waits until the device is idle.
fn wait(device: &Device) {
    device.sync().expect("the device works");
}

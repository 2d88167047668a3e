//! A multilayer perceptron in burn, and the time its training steps take.

use crate::Options;
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor, TensorData};
use std::time::Instant;

/// Rows of a step.
pub const BATCH: usize = 128;

/// Batches of the data set.
const BATCHES: usize = 32;

const CLASSES: usize = 10;

/// A net to train.
pub struct Workload {
    pub name: &'static str,
    inputs: usize,
    hidden: &'static [usize],
}

pub const WORKLOADS: [Workload; 4] = [
    Workload { name: "notebook 1024-50-50-40-40-30-10", inputs: 1024, hidden: &[50, 50, 40, 40, 30] },
    Workload { name: "784-512x4-10", inputs: 784, hidden: &[512; 4] },
    Workload { name: "784-1024x4-10", inputs: 784, hidden: &[1024; 4] },
    Workload { name: "784-2048x4-10", inputs: 784, hidden: &[2048; 4] },
];

impl Workload {
    fn widths(&self) -> Vec<usize> {
        [self.inputs].into_iter().chain(self.hidden.iter().copied()).chain([CLASSES]).collect()
    }

    /// Multiplications and additions of a step: forward, and twice as much backward, less the first layer's
    /// input gradient.
    pub fn flops(&self) -> f64 {
        let widths = self.widths();
        let products: usize = widths.windows(2).map(|w| w[0] * w[1]).sum();
        (2 * BATCH * (3 * products - widths[0] * widths[1])) as f64
    }
}

/// Sigmoid layers and a linear one.
#[derive(Module, Debug)]
struct Mlp<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Mlp<B> {
    fn new(workload: &Workload, device: &B::Device) -> Self {
        let layer = |w: &[usize]| LinearConfig::new(w[0], w[1]).init(device);
        Self { layers: workload.widths().windows(2).map(layer).collect() }
    }

    fn forward(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let last = self.layers.len() - 1;
        self.layers.iter().enumerate().fold(inputs, |x, (i, layer)| {
            let z = layer.forward(x);
            if i < last { sigmoid(z) } else { z }
        })
    }
}

type Batch<B> = (Tensor<B, 2>, Tensor<B, 1, Int>);

/// The data set on the device, batch by batch.
fn data<B: Backend>(workload: &Workload, device: &B::Device) -> Vec<Batch<B>> {
    let batch = |b: usize| {
        let pixels = BATCH * workload.inputs;
        let inputs: Vec<f32> =
            (b * pixels..(b + 1) * pixels).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let labels: Vec<i32> = (b * BATCH..(b + 1) * BATCH).map(|i| (i * 31 % CLASSES) as i32).collect();
        (
            Tensor::from_data(TensorData::new(inputs, [BATCH, workload.inputs]), device),
            Tensor::from_data(TensorData::new(labels, [BATCH]), device),
        )
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
pub fn time<B: AutodiffBackend>(workload: &Workload, device: &B::Device, options: &Options) -> Times {
    let data = data::<B>(workload, device);
    wait::<B>(device);

    let begin = Instant::now();
    let mut model = Mlp::<B>::new(workload, device);
    let mut adam = AdamConfig::new().init();
    let entropy = CrossEntropyLossConfig::new().init(device);
    let mut step = |batch: &Batch<B>| {
        let (inputs, labels) = batch.clone();
        let loss = entropy.forward(model.forward(inputs), labels);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = adam.step(1e-3, model.clone(), gradients);
        loss.detach()
    };
    let mut loss = step(&data[0]);
    wait::<B>(device);
    let first_step_s = begin.elapsed().as_secs_f64();

    let mut batches = data.iter().cycle();
    let mut block = |steps: usize| {
        let begin = Instant::now();
        for batch in batches.by_ref().take(steps) {
            loss = step(batch);
        }
        wait::<B>(device);
        1e3 * begin.elapsed().as_secs_f64() / steps as f64
    };
    let length = options.block.min(options.steps).max(1);
    block(length);
    let blocks = (0..options.steps.div_ceil(length)).map(|_| block(length)).collect();
    Times { first_step_s, blocks, loss: loss.into_data().iter::<f32>().next().unwrap_or(f32::NAN) }
}

/// Waits until the device is idle.
fn wait<B: Backend>(device: &B::Device) {
    B::sync(device).expect("the device works");
}

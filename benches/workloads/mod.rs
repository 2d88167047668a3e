//! What is timed, by `cargo bench` and by the example `benchmark`: training steps and single products.

use autorot::device::{Executor, Program};
use autorot::kernel::registry::rotation;
use autorot::kernel::{DenseForward, Element, UNUSED};
use autorot::plan::arena::Arena;
use autorot::plan::{Purpose, Recorder};
use autorot::{Activation, AutoRotate, Dataset, Dense, Device, LearnL, Model, Result, Rule, Sequential};

/// Rows of a step.
pub const BATCH: usize = 128;

/// Steps of an epoch: as many as go out in one submission.
pub const STEPS: usize = 32;

/// A multilayer perceptron to train: sigmoid layers and a linear one.
pub struct Mlp {
    pub name: &'static str,
    inputs: usize,
    hidden: &'static [usize],
    classes: usize,
}

const fn mlp(name: &'static str, inputs: usize, hidden: &'static [usize]) -> Mlp {
    Mlp { name, inputs, hidden, classes: 10 }
}

pub const MLPS: [Mlp; 4] = [
    mlp("notebook 1024-50-50-40-40-30-10", 1024, &[50, 50, 40, 40, 30]),
    mlp("784-512x4-10", 784, &[512; 4]),
    mlp("784-1024x4-10", 784, &[1024; 4]),
    mlp("784-2048x4-10", 784, &[2048; 4]),
];

impl Mlp {
    fn widths(&self) -> Vec<usize> {
        [self.inputs].into_iter().chain(self.hidden.iter().copied()).chain([self.classes]).collect()
    }

    fn weights(&self) -> usize {
        self.widths().windows(2).map(|w| w[0] * w[1]).sum()
    }

    /// Multiplications and additions of a step: forward, and twice as much backward, less the first layer's input gradient.
    pub fn flops(&self) -> f64 {
        (2 * BATCH * (3 * self.weights() - self.widths()[0] * self.widths()[1])) as f64
    }

    /// Bytes that a step moves at least: the weights are read forward and backward, their gradient is written, read for its
    /// norm and by Adam, which reads and writes them and two moments and keeps the old ones; outputs and their gradients
    /// are written and read a few times.
    pub fn bytes(&self) -> f64 {
        let outputs: usize = self.widths().iter().sum();
        (4 * (12 * self.weights() + 8 * BATCH * outputs)) as f64
    }

    /// Synthetic rows for one epoch.
    pub fn data(&self) -> Result<Dataset> {
        let rows = BATCH * STEPS;
        let inputs = (0..rows * self.inputs).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let labels = (0..rows as u32).map(|i| i * 31 % self.classes as u32).collect();
        let names = (0..self.classes).map(|c| c.to_string()).collect();
        Dataset::classes([self.inputs], inputs, labels, names)
    }

    /// The net, classic or auto-rotating.
    pub fn model(&self, device: &Device, data: &Dataset, rotate: Option<AutoRotate>) -> Result<Model> {
        let mut model = Sequential::for_data(data);
        for &units in self.hidden {
            model = model.add(Dense::new(units).activation(Activation::Sigmoid).auto_rotate(rotate));
        }
        model.add(Dense::new(self.classes)).build(device, 0)
    }
}

/// Rows, depth and columns of a single fused forward product: y = σ(ρ ⊙ (x·W + b)).
pub type Size = (usize, usize, usize);

pub const PRODUCTS: [Size; 8] = [
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (4096, 4096, 4096),
    (1, 4096, 4096),
    (128, 4096, 16),
    (4096, 16, 4096),
];

pub fn product_name((m, k, n): Size) -> String {
    format!("product {m}x{k}x{n}")
}

/// A product, ready to run on a device: its executor and program, whose output is the buffer `y`.
pub fn product(device: &Device, (batch, inputs, units): Size) -> Result<(Box<dyn Executor>, Program)> {
    let kernel = DenseForward {
        batch,
        inputs,
        units,
        has_bias: true,
        rotation: Some(rotation(Rule::Diagonal, LearnL::Fixed)),
        keep_z: false,
        activation: Activation::Tanh,
    };
    let mut executor = device.executor();
    let arena = Arena::default();
    let mut rec = Recorder::new(Purpose::Infer, batch, &arena);
    let mut view = |name: &str, len: usize| -> Result<_> {
        executor.allocate(name, Element::Float, len)?;
        Ok(rec.shared(name, Element::Float, len))
    };
    let args = [
        view("x", batch * inputs)?,
        view("w", inputs * units)?,
        view("b", units)?,
        view("lambda", 1)?,
        view("rotation", 2 * units)?,
        view("z", UNUSED)?,
        view("y", batch * units)?,
    ];
    rec.op(kernel, args);
    let program = executor.bind(&rec.finish("product")?)?;
    Ok((executor, program))
}

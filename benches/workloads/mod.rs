//! What is timed, by `cargo bench` and by the example `benchmark`: training steps and single products.

use autorot::extend::executor::{Executor, Program};
use autorot::extend::kernel::registry::rotation;
use autorot::extend::kernel::{DenseForward, DenseForwardPorts, Element};
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{
    Activation, AutoRotate, BatchNorm, Cell, Conv2d, Dataset, Dense, Device, Flatten, Frame,
    GlobalAveragePool2d, LearnL, MaxPool2d, Model, Padding, Recurrent, Result, Rule, SeparableConv2d,
    Sequential,
};

/// Steps of an epoch: as many as go out in one submission.
pub const STEPS: usize = 32;

const CLASSES: usize = 10;

/// A part of a net.
#[derive(Clone, Copy)]
enum Part {
    /// Neurons with the net's activation.
    Dense(usize),
    /// Filters of 3 × 3 with padding and the net's activation, and their stride.
    Conv(usize, usize),
    /// The same, depthwise then pointwise.
    Separable(usize, usize),
    BatchNorm,
    MaxPool,
    GlobalAverage,
    Flatten,
    /// Cells over a sequence, of which the last output goes on.
    Recurrent(Cell, usize),
}

/// A net to train: its parts, and a linear layer of ten units.
pub struct Workload {
    pub name: &'static str,
    /// Rows of a step.
    pub batch: usize,
    input: &'static [usize],
    activation: Activation,
    parts: &'static [Part],
}

const fn mlp(name: &'static str, input: &'static [usize], parts: &'static [Part]) -> Workload {
    Workload { name, batch: 128, input, activation: Activation::Sigmoid, parts }
}

const fn images(name: &'static str, activation: Activation, parts: &'static [Part]) -> Workload {
    Workload { name, batch: 64, input: &[32, 32, 3], activation, parts }
}

const fn sequence(name: &'static str, parts: &'static [Part]) -> Workload {
    Workload { name, batch: 64, input: &[64, 128], activation: Activation::Tanh, parts }
}

pub const WORKLOADS: [Workload; 9] = [
    mlp(
        "notebook 1024-50-50-40-40-30-10",
        &[1024],
        &[Part::Dense(50), Part::Dense(50), Part::Dense(40), Part::Dense(40), Part::Dense(30)],
    ),
    mlp("784-512x4-10", &[784], &[Part::Dense(512); 4]),
    mlp("784-1024x4-10", &[784], &[Part::Dense(1024); 4]),
    mlp("784-2048x4-10", &[784], &[Part::Dense(2048); 4]),
    images(
        "study conv 16-32-64 bn",
        Activation::Sigmoid,
        &[
            Part::Conv(16, 1),
            Part::BatchNorm,
            Part::MaxPool,
            Part::Conv(32, 1),
            Part::BatchNorm,
            Part::MaxPool,
            Part::Conv(64, 1),
            Part::BatchNorm,
            Part::MaxPool,
            Part::Flatten,
            Part::Dense(10),
            Part::Dense(10),
            Part::Dense(10),
            Part::Dense(10),
        ],
    ),
    images(
        "conv 64-128-256",
        Activation::Tanh,
        &[
            Part::Conv(64, 1),
            Part::MaxPool,
            Part::Conv(128, 1),
            Part::MaxPool,
            Part::Conv(256, 1),
            Part::GlobalAverage,
        ],
    ),
    images(
        "separable 32-64-128-256",
        Activation::Tanh,
        &[
            Part::Conv(32, 1),
            Part::Separable(64, 2),
            Part::Separable(128, 2),
            Part::Separable(256, 1),
            Part::GlobalAverage,
        ],
    ),
    sequence("lstm-128-256", &[Part::Recurrent(Cell::Lstm, 256)]),
    sequence("gru-128-256", &[Part::Recurrent(Cell::Gru { reset_after: true }, 256)]),
];

/// What a part does for a sample: multiplications, those that its inputs take part in, weights, outputs.
struct Cost {
    products: usize,
    of_inputs: usize,
    weights: usize,
    outputs: usize,
}

fn gates(cell: Cell) -> usize {
    match cell {
        Cell::SimpleRnn => 1,
        Cell::Lstm => 4,
        Cell::Gru { .. } => 3,
    }
}

impl Workload {
    fn costs(&self) -> Vec<Cost> {
        let mut shape = self.input.to_vec();
        let cost = |part: &Part| {
            let (places, channels) =
                (shape[..shape.len() - 1].iter().product::<usize>(), shape[shape.len() - 1]);
            let windows = |stride: usize| places / stride / stride;
            let mut recurrent = 0;
            let (products, weights) = match *part {
                Part::Recurrent(cell, units) => {
                    let columns = units * gates(cell);
                    recurrent = places * units * columns;
                    (places * (channels + units) * columns, (channels + units) * columns)
                }
                Part::Dense(units) => (places * channels * units, places * channels * units),
                Part::Conv(filters, stride) => {
                    (windows(stride) * 9 * channels * filters, 9 * channels * filters)
                }
                Part::Separable(filters, stride) => {
                    let weights = channels * (9 + filters);
                    (windows(stride) * weights, weights)
                }
                _ => (0, 0),
            };
            // A recurrent layer moves all its gates and states.
            let inside = match *part {
                Part::Recurrent(cell, units) => places * units * gates(cell),
                _ => 0,
            };
            shape = match *part {
                Part::Dense(units) | Part::Recurrent(_, units) => vec![units],
                Part::Conv(filters, stride) | Part::Separable(filters, stride) => {
                    vec![shape[0] / stride, shape[1] / stride, filters]
                }
                Part::MaxPool => vec![shape[0] / 2, shape[1] / 2, channels],
                Part::Flatten => vec![places * channels],
                Part::GlobalAverage => vec![channels],
                Part::BatchNorm => shape.clone(),
            };
            let outputs = inside + shape.iter().product::<usize>();
            Cost { products, of_inputs: products - recurrent, weights, outputs }
        };
        self.parts.iter().chain([&Part::Dense(CLASSES)]).map(cost).collect()
    }

    /// Multiplications and additions of a step: forward, and twice as much backward, less the first layer's input gradient.
    pub fn flops(&self) -> f64 {
        let costs = self.costs();
        (2 * self.batch * (3 * costs.iter().map(|c| c.products).sum::<usize>() - costs[0].of_inputs)) as f64
    }

    /// Bytes that a step moves at least: the weights are read forward and backward, their gradient is written, read for its
    /// norm and by Adam, which reads and writes them and two moments and keeps the old ones; outputs and their gradients
    /// are written and read a few times.
    pub fn bytes(&self) -> f64 {
        let inputs: usize = self.input.iter().product();
        let bytes = |c: &Cost| 12 * c.weights + 8 * self.batch * c.outputs;
        (4 * (8 * self.batch * inputs + self.costs().iter().map(bytes).sum::<usize>())) as f64
    }

    /// Synthetic rows for one epoch.
    pub fn data(&self) -> Result<Dataset> {
        let rows = self.batch * STEPS;
        let numbers = rows * self.input.iter().product::<usize>();
        let inputs = (0..numbers).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let labels = (0..rows as u32).map(|i| i * 31 % CLASSES as u32).collect();
        let names = (0..CLASSES).map(|c| c.to_string()).collect();
        Dataset::classes(self.input, inputs, labels, names)
    }

    /// The net, classic or auto-rotating.
    pub fn model(&self, device: &Device, data: &Dataset, rotate: Option<AutoRotate>) -> Result<Model> {
        let mut model = Sequential::for_data(data);
        for part in self.parts {
            model = match *part {
                Part::Dense(units) => {
                    model.add(Dense::new(units).activation(self.activation).auto_rotate(rotate))
                }
                Part::Conv(filters, stride) => {
                    let layer = Conv2d::new(filters, 3).strides(stride).padding(Padding::Same);
                    model.add(layer.activation(self.activation).auto_rotate(rotate))
                }
                Part::Separable(filters, stride) => {
                    let layer = SeparableConv2d::new(filters, 3).strides(stride).padding(Padding::Same);
                    model.add(layer.activation(self.activation).auto_rotate(rotate))
                }
                Part::Recurrent(cell, units) => {
                    model.add(Recurrent::new(cell, units).activation(self.activation).auto_rotate(rotate))
                }
                Part::BatchNorm => model.add(BatchNorm::new()),
                Part::MaxPool => model.add(MaxPool2d::new(2)),
                Part::GlobalAverage => model.add(GlobalAveragePool2d::new()),
                Part::Flatten => model.add(Flatten),
            };
        }
        model.add(Dense::new(CLASSES)).build(device, 0)
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

/// The names of all workloads and products.
pub fn names() -> Vec<String> {
    let nets = WORKLOADS.iter().map(|workload| workload.name.to_owned());
    nets.chain(PRODUCTS.map(product_name)).collect()
}

/// A product, ready to run on a device: its executor and program, whose output is the buffer `y`.
pub fn product(device: &Device, (batch, inputs, units): Size) -> Result<(Box<dyn Executor>, Program)> {
    let kernel = DenseForward {
        batch,
        inputs,
        units,
        frame: Frame::default(),
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
    let ports = DenseForwardPorts {
        x: view("x", batch * inputs)?,
        w: view("w", inputs * units)?,
        b: Some(view("b", units)?),
        lambda: None,
        rotation: Some(view("rotation", 2 * units)?),
        z: None,
        y: view("y", batch * units)?,
    };
    rec.op(kernel, ports);
    let program = executor.bind(&rec.finish("product")?)?;
    Ok((executor, program))
}

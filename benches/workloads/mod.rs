//! What is timed, by `cargo bench` and by the example `benchmark`: training steps and single products.

use autorot::extend::executor::{Executor, Program};
use autorot::extend::kernel::registry::rotation;
use autorot::extend::kernel::{DenseForward, DenseForwardPorts, Element};
use autorot::extend::plan::arena::Arena;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{
    Activation, AutoRotate, BatchNorm, Cell, Conv2d, Dataset, Dense, Device, Error, Flatten, Frame,
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
    /// Filters of a single position.
    Pointwise(usize),
    /// As convolutions, depthwise then pointwise.
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
    pub name: String,
    /// Rows of a step.
    pub batch: usize,
    input: &'static [usize],
    activation: Activation,
    parts: Vec<Part>,
}

fn mlp(name: &str, input: &'static [usize], widths: &[usize]) -> Workload {
    let parts = widths.iter().map(|&units| Part::Dense(units)).collect();
    Workload { name: name.to_owned(), batch: 128, input, activation: Activation::Sigmoid, parts }
}

fn images(name: &str, activation: Activation, parts: &[Part]) -> Workload {
    Workload { name: name.to_owned(), batch: 64, input: &[32, 32, 3], activation, parts: parts.to_vec() }
}

fn sequence(name: String, batch: usize, cell: Cell, units: usize) -> Workload {
    let parts = vec![Part::Recurrent(cell, units)];
    Workload { name, batch, input: &[64, 128], activation: Activation::Tanh, parts }
}

/// All nets.
pub fn all() -> Vec<Workload> {
    use Part::{BatchNorm, Conv, Dense, Flatten, GlobalAverage, MaxPool, Pointwise, Separable};
    let tanh = |name: &str, parts: &[Part]| images(name, Activation::Tanh, parts);
    let mut all = vec![
        mlp("notebook 1024-50-50-40-40-30-10", &[1024], &[50, 50, 40, 40, 30]),
        mlp("784-512x4-10", &[784], &[512; 4]),
        mlp("784-1024x4-10", &[784], &[1024; 4]),
        mlp("784-2048x4-10", &[784], &[2048; 4]),
        mlp("deep 784-64x100-10", &[784], &[64; 100]),
    ];
    let study = [16, 32, 64].iter().flat_map(|&filters| [Conv(filters, 1), BatchNorm, MaxPool]);
    let study: Vec<_> = study.chain([Flatten]).chain([Dense(10); 4]).collect();
    all.push(images("study conv 16-32-64 bn", Activation::Sigmoid, &study));
    let pooled = [Conv(64, 1), MaxPool, Conv(128, 1), MaxPool, Conv(256, 1), GlobalAverage];
    all.push(tanh("conv 64-128-256", &pooled));
    for width in [16, 32, 64] {
        let name = format!("strided {width}-{}-{}", 2 * width, 4 * width);
        all.push(tanh(&name, &[Conv(width, 2), Conv(2 * width, 2), Conv(4 * width, 2), GlobalAverage]));
    }
    let points = [Conv(32, 2), Pointwise(128), Pointwise(32), Pointwise(128), Pointwise(32), GlobalAverage];
    all.push(tanh("pointwise 32-128-32-128-32", &points));
    for width in [16, 32] {
        let name = format!("separable {width}-{}-{}-{}", 2 * width, 4 * width, 8 * width);
        let rest = [Separable(2 * width, 2), Separable(4 * width, 2), Separable(8 * width, 1)];
        let parts: Vec<_> = [Conv(width, 1)].into_iter().chain(rest).chain([GlobalAverage]).collect();
        all.push(tanh(&name, &parts));
    }
    for (name, cell) in [("lstm", Cell::Lstm), ("gru", Cell::Gru { reset_after: true })] {
        all.push(sequence(format!("{name}-128-256"), 64, cell, 256));
        for (units, batch) in [64, 160, 256].into_iter().flat_map(|units| [16, 64, 256].map(|b| (units, b))) {
            if (units, batch) != (256, 64) {
                all.push(sequence(format!("{name}-128-{units} batch {batch}"), batch, cell, units));
            }
        }
    }
    all
}

/// The net of this name.
pub fn named(name: &str) -> Result<Workload> {
    let found = all().into_iter().find(|workload| workload.name == name);
    found.ok_or_else(|| Error::invalid("net", name, "one of the benchmark's", "correct it"))
}

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
                Part::Pointwise(filters) => (places * channels * filters, channels * filters),
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
                Part::Pointwise(filters) => vec![shape[0], shape[1], filters],
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

    /// Multiplications and additions of a forward pass.
    pub fn forward_flops(&self) -> f64 {
        (2 * self.batch * self.costs().iter().map(|c| c.products).sum::<usize>()) as f64
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
        for part in &self.parts {
            model = match *part {
                Part::Dense(units) => {
                    model.add(Dense::new(units).activation(self.activation).auto_rotate(rotate))
                }
                Part::Conv(filters, stride) => {
                    let layer = Conv2d::new(filters, 3).strides(stride).padding(Padding::Same);
                    model.add(layer.activation(self.activation).auto_rotate(rotate))
                }
                Part::Pointwise(filters) => {
                    let layer = Conv2d::new(filters, 1).activation(self.activation);
                    model.add(layer.auto_rotate(rotate))
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

/// The median of some numbers.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The names of all workloads and products.
pub fn names() -> Vec<String> {
    let nets = all().into_iter().map(|workload| workload.name);
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

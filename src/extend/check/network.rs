//! Layers and networks: gradients against central differences.

use super::{close, numbers};
use crate::device::{Executor, Program, Values};
use crate::kernel::{Element, clock};
use crate::layer::Layer;
use crate::model::Network;
use crate::plan::arena::keys;
use crate::plan::{Purpose, Recorder, View};
use crate::{Device, Error, Regularizer, Result, Sequential};

/// Rows per batch.
const BATCH: usize = 6;

/// The step of the central differences.
const STEP: f64 = 1e-5;

/// The maximum relative error, by norm, of f64 gradients against central differences, and of a device's gradients against f64 ones.
const LIMITS: [f64; 2] = [1e-6, 1e-4];

/// Checks a layer with inputs of this shape in −1..1: that the gradients of its parameters and inputs agree with central differences in
/// f64, and that the device computes the same.
///
/// # Errors
/// A parameter whose gradient differs, and by how much; a layer that does not fit the input; the device's errors.
pub fn layer(layer: impl Layer + 'static, input: &[usize], device: &Device) -> Result<()> {
    network(&Sequential::new(input).input_range(-1.0, 1.0).add(layer).network(1)?, device)
}

/// Checks a network in the same way as [`layer`].
///
/// # Errors
/// Those of [`layer`].
pub fn network(network: &Network, device: &Device) -> Result<()> {
    let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect::<Vec<_>>();
    let mut x = wide(numbers(1, BATCH * network.input().len()));
    let mut parameters = wide(network.arena().initial());
    let mut probe = Probe::new(&Device::cpu_f64(), network)?;
    let (by_parameters, by_input) = probe.gradients(&x, &parameters)?;
    let remedy = "correct Node::backward";
    for p in network.arena().parameters() {
        let mut wanted = Vec::with_capacity(p.len());
        for place in p.offset..p.offset + p.len() {
            wanted.push(difference(&mut parameters, place, |parameters| probe.loss(&x, parameters))?);
        }
        close(&p.path, &by_parameters[p.offset..][..p.len()], &wanted, LIMITS[0], remedy)?;
    }
    let mut wanted = Vec::with_capacity(x.len());
    for place in 0..x.len() {
        wanted.push(difference(&mut x, place, |x| probe.loss(x, &parameters))?);
    }
    close("the input's gradient", &by_input, &wanted, LIMITS[0], remedy)?;

    let (on_device, input_on_device) = Probe::new(device, network)?.gradients(&x, &parameters)?;
    for p in network.arena().parameters() {
        let [found, wanted] = [&on_device, &by_parameters].map(|all| &all[p.offset..][..p.len()]);
        let place = format!("{} on {}", p.path, device.name());
        close(&place, found, wanted, LIMITS[1], "correct the shader of a kernel that the layer records")?;
    }
    let place = format!("the input's gradient on {}", device.name());
    close(
        &place,
        &input_on_device,
        &by_input,
        LIMITS[1],
        "correct the shader of a kernel that the layer records",
    )
}

/// The central difference of a loss with respect to one number.
fn difference(at: &mut [f64], place: usize, mut loss: impl FnMut(&[f64]) -> Result<f64>) -> Result<f64> {
    let middle = at[place];
    at[place] = middle + STEP;
    let above = loss(at)?;
    at[place] = middle - STEP;
    let below = loss(at)?;
    at[place] = middle;
    Ok((above - below) / (2.0 * STEP))
}

/// A network with the loss ℓ = Σ y ⊙ g for a fixed g, plus the regularisers' penalties.
struct Probe {
    executor: Box<dyn Executor>,
    program: Program,
    output: View,
    d_x: View,
    g: Vec<f64>,
    /// The ranges of penalised parameters, whose gradients include the penalty.
    penalties: Vec<(std::ops::Range<usize>, Regularizer)>,
}

impl Probe {
    fn new(device: &Device, network: &Network) -> Result<Self> {
        let mut executor = device.executor();
        let (inputs, outputs, len) =
            (BATCH * network.input().len(), BATCH * network.output().len(), network.arena().len());
        for (key, len) in [("x", inputs), ("g", outputs), (keys::PARAMETERS, len), (keys::GRADIENTS, len)] {
            executor.allocate(key, Element::Float, len)?;
        }
        executor.allocate(keys::CLOCK, Element::Index, clock::LEN)?;
        let mut rec = Recorder::new(Purpose::Train, BATCH, network.arena());
        let x = rec.shared("x", Element::Float, inputs);
        let g = rec.shared("g", Element::Float, outputs);
        let traces = network.forward(&mut rec, x);
        let output = traces.last().map_or(x, |trace| trace.output);
        let d_x = network.backward(&mut rec, &traces, g, true);
        let Some(d_x) = d_x else {
            rec.finish("check")?;
            let (found, expected) = ("no gradient of the input", "one");
            return Err(Error::invalid("network", found, expected, "return it from Node::backward"));
        };
        rec.keep(output);
        rec.keep(d_x);
        let program = executor.bind(&rec.finish("check")?)?;
        // Not 1, so that a lost or doubled factor shows.
        let g: Vec<f64> = numbers(2, outputs).into_iter().map(|v| 0.7 * f64::from(v)).collect();
        executor.write("g", 0, Values::F64(&g))?;
        let penalties = network.arena().parameters().iter().filter_map(|p| Some((p.range(), p.kernel?)));
        Ok(Self { executor, program, output, d_x, g, penalties: penalties.collect() })
    }

    fn run(&mut self, x: &[f64], parameters: &[f64]) -> Result<()> {
        self.executor.write("x", 0, Values::F64(x))?;
        self.executor.write(keys::PARAMETERS, 0, Values::F64(parameters))?;
        self.executor.run(self.program, 1)
    }

    fn loss(&mut self, x: &[f64], parameters: &[f64]) -> Result<f64> {
        self.run(x, parameters)?;
        let y = pollster::block_on(self.executor.read_view(self.program, self.output))?;
        let penalty = |(at, r): &(std::ops::Range<usize>, Regularizer)| {
            let term = |w: &f64| f64::from(r.l1) * w.abs() + f64::from(r.l2) * w * w;
            parameters[at.clone()].iter().map(term).sum::<f64>()
        };
        let of_outputs: f64 = y.iter().zip(&self.g).map(|(y, g)| y * g).sum();
        Ok(of_outputs + self.penalties.iter().map(penalty).sum::<f64>())
    }

    /// The gradients with respect to the parameters, laid out as in the arena, and to the input.
    fn gradients(&mut self, x: &[f64], parameters: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        self.run(x, parameters)?;
        let by_parameters = pollster::block_on(self.executor.read(keys::GRADIENTS, 0, parameters.len()))?;
        Ok((by_parameters, pollster::block_on(self.executor.read_view(self.program, self.d_x))?))
    }
}

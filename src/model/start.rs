//! Starts that follow from data, layer by layer: LSUV, and that of weight normalisation.

use super::predict::INPUT;
use super::{Model, Network, prepared};
use crate::device::{Executor, Program, Values};
use crate::kernel::Element;
use crate::layer::Trace;
use crate::layer::weight_norm::Gain;
use crate::plan::arena::{Parameter, ParameterId, keys, norms};
use crate::plan::{Purpose, Recorder, View};
use crate::{Dataset, Error, Initializer, Result};
use std::ops::Range;

/// What a start from data has made of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Started {
    /// The layer's path.
    pub path: String,
    /// How many times its weights were scaled.
    pub rounds: usize,
    /// The variance of its outputs before the activation over the batch, after that.
    pub variance: f64,
}

/// Outputs whose deviation is this much smaller than their mean do not differ but by rounding.
const ROUNDING: f64 = 1e-6;

/// LSUV scales until the variance is that near 1, and at most so many times.
const NEAR: f64 = 0.1;
const MOST_ROUNDS: usize = 10;

impl Model {
    /// Starts classic layers by LSUV (layer-sequential unit-variance: Mishkin and Matas 2016, arXiv:1511.06422), to be called once before
    /// training: kernels become orthonormal ([`Initializer::Orthogonal`], from the network's seed); then, from the first layer to the
    /// last, the kernel is divided by the standard deviation of the layer's outputs for the first `rows` rows of `data`, until their
    /// variance is within 0.1 of 1, at most 10 times. Weights of before are gone; biases, optimisers' moments and counters stay. From the
    /// same model and data one device makes the same bits.
    ///
    /// The variance is taken before the activation, over rows, positions and units together. Of a layer with weight normalisation the gain
    /// is divided, of a separable one the pointwise kernel. Of a recurrent layer the inputs' share x·W + b is measured and W divided, since
    /// its states depend on each other (a definition of this crate). Masked steps do not count. Dropout and augmentation are off, and batch
    /// normalisation uses the batch's statistics.
    ///
    /// Auto-rotating layers keep their weights: ρ takes back what scales them. So do layers of your own, but not those of this crate inside
    /// them. The values between all layers are kept for these rows, which takes as much memory as [`Model::inspect`] does.
    ///
    /// ```
    /// use autorot::{Activation, Dataset, Dense, Device, Sequential};
    ///
    /// let inputs = (0..64).map(|i| (i * 37 % 64) as f32 / 32.0).collect();
    /// let data = Dataset::values([2], inputs, [1], vec![0.0; 32])?;
    /// let mut net = Sequential::for_data(&data);
    /// for _ in 0..5 {
    ///     net = net.add(Dense::new(20).activation(Activation::Tanh));
    /// }
    /// let mut model = net.add(Dense::new(1)).build(&Device::cpu(), 0)?;
    /// for layer in model.lsuv(&data, 32)? {
    ///     assert!((layer.variance - 1.0).abs() < 0.1, "{layer:?}");
    /// }
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than 2 rows; data of another shape; a layer all of whose outputs are equal; a network with no classic layer of neurons; device
    /// errors. On an error the model stays as it is.
    #[cfg(not(target_family = "wasm"))]
    pub fn lsuv(&mut self, data: &Dataset, rows: usize) -> Result<Vec<Started>> {
        pollster::block_on(self.lsuv_async(data, rows))
    }

    /// [`Model::lsuv`], for callers that may not block.
    pub async fn lsuv_async(&mut self, data: &Dataset, rows: usize) -> Result<Vec<Started>> {
        let mut start = Start::new(self, data, rows).await?;
        let layers = start.layers.clone();
        if layers.is_empty() {
            return Err(Error::invalid(
                "network",
                "no layer that LSUV could start",
                "a classic layer of neurons",
                "leave LSUV out: auto-rotating layers do not depend on the scale of their weights",
            ));
        }
        layers.iter().for_each(|layer| start.make_orthonormal(layer));
        start.write()?;
        let mut all = Vec::new();
        for layer in &layers {
            all.push(start.scale(layer).await?);
        }
        self.set_all(&start.parameters)?;
        Ok(all)
    }

    /// Starts the layers with weight normalisation from data (Salimans and Kingma 2016, arXiv:1602.07868, section 3), to be called once before
    /// training: from the first layer to the last, g = 1/σ and b = b₀ − μ/σ of every unit, with mean μ and standard deviation σ of
    /// t = v·x/‖v‖ over the first `rows` rows of `data` and, in a convolution, over the positions. So outputs before the activation have
    /// the mean b₀ and the deviation 1. b₀ is the bias's initial value: 0 unless set otherwise, and 1 for an LSTM's forget gate. A layer
    /// without a bias only gets its g. v, optimisers' moments and counters stay. From the same model and data one device makes the same
    /// bits.
    ///
    /// Of a recurrent layer t is the inputs' share of the gates, over all time steps. Masked steps do not count. Dropout and augmentation are
    /// off, and batch normalisation uses the batch's statistics. A unit whose t is the same for all rows stays as it is.
    ///
    /// ```
    /// use autorot::{Activation, Dataset, Dense, Device, Sequential};
    ///
    /// let inputs = (0..64).map(|i| (i * 37 % 64) as f32 / 32.0).collect();
    /// let data = Dataset::values([2], inputs, [1], vec![0.0; 32])?;
    /// let hidden = Dense::new(20).activation(Activation::Tanh).weight_norm(true);
    /// let net = Sequential::for_data(&data).add(hidden.clone()).add(hidden).add(Dense::new(1));
    /// let mut model = net.build(&Device::cpu(), 0)?;
    /// assert_eq!(model.start_weight_norm(&data, 32)?.len(), 2);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than 2 rows; data of another shape; a network without such a layer; device errors. On an error the model stays as it is.
    #[cfg(not(target_family = "wasm"))]
    pub fn start_weight_norm(&mut self, data: &Dataset, rows: usize) -> Result<Vec<Started>> {
        pollster::block_on(self.start_weight_norm_async(data, rows))
    }

    /// [`Model::start_weight_norm`], for callers that may not block.
    pub async fn start_weight_norm_async(&mut self, data: &Dataset, rows: usize) -> Result<Vec<Started>> {
        let mut start = Start::new(self, data, rows).await?;
        let mut all = Vec::new();
        for layer in start.layers.clone() {
            if let Some(gain) = layer.gain {
                all.push(start.normalise(&layer, gain).await?);
            }
        }
        if all.is_empty() {
            return Err(Error::invalid(
                "network",
                "no layer with weight normalisation",
                "at least one",
                "set weight_norm(true) on layers, or start the network with Model::lsuv",
            ));
        }
        self.set_all(&start.parameters)?;
        Ok(all)
    }

    /// Replaces all parameters.
    fn set_all(&mut self, arena: &[f64]) -> Result<()> {
        self.set_parameters(0, Values::F64(arena))
    }
}

/// A layer to start.
#[derive(Clone, Debug)]
struct Layer {
    path: String,
    kernel: ParameterId,
    /// The stretch of the parameters that a factor of the outputs is made of: the kernel, or the gain.
    scaled: Range<usize>,
    bias: Option<ParameterId>,
    gain: Option<Gain>,
    /// Its outputs before the activation, by rows of so many units.
    outputs: View,
    units: usize,
    /// Which of its rows count.
    counted: Option<View>,
}

/// A copy of the model on the same device, which runs the batch.
struct Start {
    network: Network,
    executor: Box<dyn Executor>,
    program: Program,
    /// In the order in which they run.
    layers: Vec<Layer>,
    parameters: Vec<f64>,
}

impl Start {
    async fn new(model: &mut Model, data: &Dataset, rows: usize) -> Result<Self> {
        let batch = rows.min(data.len());
        if batch < 2 {
            let found = format!("{batch} rows");
            return Err(Error::invalid("rows to start from", found, "at least 2", "give more rows"));
        }
        let network = model.network().clone();
        network.check_inputs(data)?;
        let width = network.input().len();
        let inputs = &data.inputs()[..batch * width];
        network.check_batch(batch)?;
        let mut rec = Recorder::new(Purpose::Inspect, batch, network.arena());
        let x = rec.shared(INPUT, Element::Float, batch * width);
        let traces = network.forward(&mut rec, x);
        let plan = rec.finish("start")?;
        let layers = layers(&network, &traces);
        let parameters = model.read_arena(keys::PARAMETERS).await?;
        let mut executor = prepared(&network, model.device())?;
        executor.allocate(INPUT, Element::Float, batch * width)?;
        executor.write(INPUT, 0, Values::F32(inputs))?;
        let program = executor.bind(&plan)?;
        let mut start = Self { network, executor, program, layers, parameters };
        start.write()?;
        Ok(start)
    }

    fn write(&mut self) -> Result<()> {
        self.executor.write(keys::PARAMETERS, 0, Values::F64(&self.parameters))
    }

    fn parameter(&self, id: ParameterId) -> Parameter {
        self.network.arena().get(id).clone()
    }

    /// The rows of the layer's outputs that count, one after another.
    async fn outputs(&mut self, layer: &Layer) -> Result<Vec<f64>> {
        self.executor.run(self.program, 1)?;
        let outputs = self.executor.read_view(self.program, layer.outputs).await?;
        let Some(view) = layer.counted else { return Ok(outputs) };
        let counted = self.executor.read_view(self.program, view).await?;
        // A step may have several rows.
        let width = outputs.len() / counted.len();
        let steps = outputs.chunks_exact(width).zip(counted);
        Ok(steps.filter(|(_, counts)| *counts != 0.0).flat_map(|(rows, _)| rows).copied().collect())
    }

    fn make_orthonormal(&mut self, layer: &Layer) {
        let (arena, seed) = (self.network.arena(), self.network.description().seed);
        for p in arena.of_layer(&layer.path).filter(|p| p.kernel.is_some()) {
            let values = Initializer::Orthogonal { gain: 1.0 }.numbers(&p.path, &p.shape, seed);
            fill(&mut self.parameters[p.range()], values.into_iter().map(f64::from));
        }
        if let Some(Gain { id, inner }) = layer.gain {
            let (gain, kernel) = (arena.get(id), arena.get(layer.kernel));
            let norms = norms(&self.parameters[kernel.range()], gain.len(), inner);
            fill(&mut self.parameters[gain.range()], norms);
        }
    }

    /// Scales the layer's weights until its outputs have a variance near 1.
    async fn scale(&mut self, layer: &Layer) -> Result<Started> {
        let mut rounds = 0;
        loop {
            let (mean, variance) = moments(self.outputs(layer).await?.into_iter());
            if !differ(mean, variance) {
                return Err(Error::invalid(
                    &layer.path,
                    format!("outputs of the variance {variance} before the activation"),
                    "outputs that differ, and are finite",
                    "give more rows, scale the inputs, or look for layers before it that give the same for all rows",
                ));
            }
            if (variance - 1.0).abs() < NEAR || rounds == MOST_ROUNDS {
                return Ok(Started { path: layer.path.clone(), rounds, variance });
            }
            rounds += 1;
            self.parameters[layer.scaled.clone()].iter_mut().for_each(|w| *w /= variance.sqrt());
            self.write()?;
        }
    }

    /// Sets the gain and the bias of a layer with weight normalisation.
    async fn normalise(&mut self, layer: &Layer, gain: Gain) -> Result<Started> {
        let (gain, bias) = (self.parameter(gain.id), layer.bias.map(|id| self.parameter(id)));
        let units = layer.units;
        // Of a bias with two lines, the first is that of the inputs.
        let bias = bias.map(|bias| (bias.offset..bias.offset + units, bias.initial()));
        let before = self.parameters.clone();
        self.parameters[gain.range()].fill(1.0);
        if let Some((place, _)) = &bias {
            self.parameters[place.clone()].fill(0.0);
        }
        self.write()?;
        let t = self.outputs(layer).await?;
        for n in 0..units {
            let (mean, variance) = moments(t.iter().skip(n).step_by(units).copied());
            let (fine, factor) = (differ(mean, variance), 1.0 / variance.sqrt());
            let g = gain.offset + n;
            self.parameters[g] = if fine { factor } else { before[g] };
            if let Some((place, initial)) = &bias {
                let b = place.start + n;
                self.parameters[b] = if fine { f64::from(initial[n]) - mean * factor } else { before[b] };
            }
        }
        self.write()?;
        let (_, variance) = moments(self.outputs(layer).await?.into_iter());
        Ok(Started { path: layer.path.clone(), rounds: 1, variance })
    }
}

/// The layers of neurons that are not rotated.
fn layers(network: &Network, traces: &[Trace]) -> Vec<Layer> {
    let arena = network.arena();
    let layer = |(node, trace): (&dyn crate::layer::Node, &Trace)| {
        let facts = node.facts();
        let kernel = facts.kernel.filter(|_| facts.rotation.is_none())?;
        Some(Layer {
            path: node.path().to_owned(),
            kernel,
            scaled: arena.get(facts.gain.map_or(kernel, |gain| gain.id)).range(),
            bias: facts.bias,
            gain: facts.gain,
            outputs: trace.linear.or(trace.pre_activation)?,
            units: facts.activations.len() * node.output().shape.last()?,
            counted: trace.counted,
        })
    };
    network.every_trace(traces).into_iter().filter_map(layer).collect()
}

/// Whether numbers with this mean and variance are finite and not all the same.
fn differ(mean: f64, variance: f64) -> bool {
    variance.is_finite() && variance.sqrt() > ROUNDING * mean.abs()
}

/// The mean and the variance.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (mean, values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count)
}

fn fill(to: &mut [f64], values: impl IntoIterator<Item = f64>) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to = value);
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use crate::*;

    /// t = v·x/‖v‖ of four rows with v = (3, 4): 0.6, 0.8, 1.4 and 0, of the mean 0.7 and the variance 0.25.
    #[test]
    fn gain_and_bias_by_hand() {
        let data =
            Dataset::values([2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0], [1], vec![0.0; 4]).unwrap();
        let net = Sequential::new([2]).add(Dense::new(1).weight_norm(true));
        let mut model = net.build(&Device::cpu_f64(), 1).unwrap();
        let kernel = model::Tensor { shape: vec![2, 1], values: vec![3.0, 4.0] };
        model.set_weights(&[("0.dense.kernel".to_owned(), kernel)].into_iter().collect()).unwrap();
        let started = model.start_weight_norm(&data, 4).unwrap();
        let of = |model: &mut Model, name: &str| f64::from(model.weights().unwrap()[name].values[0]);
        assert!((of(&mut model, "0.dense.gain") - 2.0).abs() < 1e-6);
        assert!((of(&mut model, "0.dense.bias") + 1.4).abs() < 1e-6);
        assert!((started[0].variance - 1.0).abs() < 1e-9, "{started:?}");
        let started = model.lsuv(&data, 4).unwrap();
        assert!((started[0].variance - 1.0).abs() < 0.1 && started[0].rounds > 0, "{started:?}");
    }
}

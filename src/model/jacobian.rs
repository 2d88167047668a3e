//! The Jacobians of a network's layers, measured with random vectors through the recorded backward pass.

use super::{Model, Network};
use crate::device::{Program, Values};
use crate::initializer::signs;
use crate::kernel::{Element, MaskRows, MaskRowsPorts, Strided};
use crate::layer::{Node, Trace, chain};
use crate::plan::{Plan, Purpose, Recorder, View};
use crate::{Dataset, Error, Result, store};
use std::collections::BTreeMap;

/// How much a layer lengthens or shortens gradients on their way back through it: see [`Model::jacobians`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct LayerJacobian {
    /// The layer's path.
    pub path: String,
    /// χ = tr(J·Jᵀ)/n, the mean of the squared singular values of the layer's Jacobian J = ∂y/∂x, `[n, inputs]`, over its n outputs
    /// and the rows. If n is larger than the number of inputs, J has fewer singular values than outputs, and the missing ones count as 0.
    #[serde(with = "store::number")]
    pub chi: f64,
    /// The product of χ over this layer and all that follow it, up to the network's output.
    #[serde(with = "store::number")]
    pub product: f64,
}

/// The layers at one depth: 0 for those of the network, 1 for those inside them, and so on.
struct Probes {
    /// The input's buffer, and that of the sums: ‖Jᵀv‖², then ‖v‖², for every layer.
    input: String,
    sums: String,
    /// For every layer its path, and the buffer of v with its length.
    vectors: Vec<(String, String, usize)>,
}

impl Model {
    /// Measures the Jacobian J = ∂y/∂x of every layer with parameters or an activation, at the inputs that the first `rows` rows of `data`
    /// give it (fewer if there are not as many): whether gradients vanish or explode can be seen before training. Targets and a loss are
    /// not needed.
    ///
    /// χ, the mean of J's squared singular values, is estimated as Σ‖Jᵀv‖²/Σ‖v‖² over the rows and over `probes` random vectors v of ±1
    /// per row (Hutchinson 1990). χ is the factor by which a layer multiplies the squared length of a random gradient, or the variance of
    /// a small random change of its input. It is 1 for an orthogonal W without an activation, below 1 where gradients shrink. With all
    /// layers at the same χ gradients keep their size over about 1/|ln χ| layers, the depth scale of Schoenholz et al. 2017. The product
    /// over a layer and those behind it is what arrives at its input of a random gradient at the output, if the layers are independent of
    /// each other, as random initial ones are. It counts layers that are not reported themselves, such as pooling.
    ///
    /// Recurrent layers are measured with respect to their whole input sequence, as truncated back-propagation sees it; masked steps are
    /// left out. Layers inside a residual block or another layer are reported like the others; their product continues with the layers that
    /// follow the block, without what the block does around them. As in [`Trainer::inspect`](crate::Trainer::inspect), dropout and
    /// augmentation are off, and batch normalisation is that of training: its statistics are those of these rows, and gradients flow through
    /// them. The model is not changed, and the same model gives the same numbers.
    ///
    /// ```
    /// use autorot::{Activation, Dataset, Dense, Device, Initializer, Sequential};
    ///
    /// let layer = Dense::new(32).kernel_initializer(Initializer::Orthogonal { gain: 1.0 });
    /// let net = Sequential::new([32]).add(layer.clone()).add(layer.activation(Activation::Sigmoid));
    /// let data = Dataset::values([32], vec![0.0; 320], [1], vec![0.0; 10])?;
    /// let layers = net.build(&Device::cpu(), 0)?.jacobians(&data, 10, 4)?;
    /// assert!((layers[0].chi - 1.0).abs() < 1e-5);
    /// // The sigmoid's slope at 0 is 1/4.
    /// assert!((layers[1].chi - 1.0 / 16.0).abs() < 1e-5);
    /// assert!((layers[0].product - 1.0 / 16.0).abs() < 1e-5);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// No rows or probes; data that do not fit the model's input; a layer that gives no gradient of its input; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn jacobians(&mut self, data: &Dataset, rows: usize, probes: usize) -> Result<Vec<LayerJacobian>> {
        pollster::block_on(self.jacobians_async(data, rows, probes))
    }

    /// [`Model::jacobians`], for callers that may not block.
    pub async fn jacobians_async(
        &mut self,
        data: &Dataset,
        rows: usize,
        probes: usize,
    ) -> Result<Vec<LayerJacobian>> {
        let rows = rows.min(data.len());
        for (what, count) in [("rows", rows), ("probes", probes)] {
            if count == 0 {
                let place = format!("{what} to measure Jacobians with");
                return Err(Error::invalid(place, 0, "at least 1", "ask for more"));
            }
        }
        self.network.check_inputs(data)?;
        self.network.check_batch(rows)?;
        let inputs = &data.inputs()[..rows * self.network.input.len()];
        let (name, network) = (self.own_name("jacobians"), self.network.clone());
        let mut chi = BTreeMap::new();
        let mut traces = Vec::new();
        for depth in 0..chain::depth(network.nodes()) {
            let (plan, of_plan, at_depth) = network.probing_plan(&name, rows, depth)?;
            traces = of_plan;
            let found = self.probe(&plan, &at_depth, inputs, probes).await;
            at_depth.keys().for_each(|key| self.executor.free(key));
            chi.extend(found?);
        }
        let mut layers = Vec::new();
        network.multiply(network.nodes(), &traces, 1.0, &chi, &mut layers);
        layers.reverse();
        Ok(layers)
    }

    /// χ of the layers that the plan probes, by path.
    async fn probe(
        &mut self,
        plan: &Plan,
        at_depth: &Probes,
        inputs: &[f32],
        probes: usize,
    ) -> Result<Vec<(String, f64)>> {
        self.executor.allocate(&at_depth.input, Element::Float, inputs.len())?;
        self.executor.allocate(&at_depth.sums, Element::Float, at_depth.len())?;
        for (_, key, len) in &at_depth.vectors {
            self.executor.allocate(key, Element::Float, *len)?;
        }
        let program = self.bind(plan)?;
        let squares = self.squares(program, at_depth, inputs, probes).await;
        self.executor.release(program);
        let ratios = squares?.chunks_exact(2).map(|pair| pair[0] / pair[1]).collect::<Vec<_>>();
        Ok(at_depth.vectors.iter().map(|(path, ..)| path.clone()).zip(ratios).collect())
    }

    /// Σ‖Jᵀv‖² and Σ‖v‖² over the rows and the probes, for every layer.
    async fn squares(
        &mut self,
        program: Program,
        at_depth: &Probes,
        inputs: &[f32],
        probes: usize,
    ) -> Result<Vec<f64>> {
        let seed = self.network.description.seed;
        let mut squares = vec![0.0; at_depth.len()];
        for probe in 0..probes {
            // Binding may have overwritten what kernels were timed with.
            self.executor.write(&at_depth.input, 0, Values::F32(inputs))?;
            for (path, key, len) in &at_depth.vectors {
                let vector = signs(&format!("{path}, probe {probe}"), seed, *len);
                self.executor.write(key, 0, Values::F32(&vector))?;
            }
            self.executor.run(program, 1)?;
            let sums = self.executor.read(&at_depth.sums, 0, at_depth.len()).await?;
            squares.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        Ok(squares)
    }
}

impl Probes {
    /// The number of sums.
    fn len(&self) -> usize {
        2 * self.vectors.len()
    }

    /// The names of all buffers.
    fn keys(&self) -> impl Iterator<Item = &str> {
        let vectors = self.vectors.iter().map(|(_, key, _)| &**key);
        vectors.chain([&*self.input, &*self.sums])
    }
}

impl Network {
    /// A forward pass, and for every layer at this depth a backward pass of its own from a vector v: each is recorded once, since a backward
    /// pass may overwrite what the forward pass has kept.
    fn probing_plan(&self, name: &str, rows: usize, depth: usize) -> Result<(Plan, Vec<Trace>, Probes)> {
        let mut rec = Recorder::new(Purpose::Inspect, rows, self.arena());
        let input = format!("{name} inputs");
        let x = rec.shared(&input, Element::Float, rows * self.input.len());
        let traces = self.forward(&mut rec, x);
        let layers = chain::at_depth(self.nodes(), &traces, None, depth);
        let mut at_depth = Probes { input, sums: format!("{name} sums"), vectors: Vec::new() };
        let sums = rec.shared(&at_depth.sums, Element::Float, 2 * layers.len());
        for (i, (node, trace, mask)) in layers.into_iter().enumerate() {
            let (key, len) = (format!("{name} vector {i}"), trace.output.len);
            let v = rec.shared(&key, Element::Float, len);
            rec.scope(node.path(), |rec| {
                let v = match mask {
                    Some(mask) => masked(rec, v, mask),
                    None => v,
                };
                // Inside TimeDistributed every step is a row.
                let steps = (len / (rows * node.output().len())).max(1);
                let d_x = rec.with_steps(steps, |rec| chain::back(rec, node, trace, v, true));
                let d_x = d_x.map(|d_x| (d_x, trace.input.len));
                for (place, (values, len)) in [d_x, Some((v, len))].into_iter().flatten().enumerate() {
                    let (squares, count) = rec.block_sums(values, len, 1, true);
                    rec.sum(squares, count, 1, sums, Strided { first: 2 * i + place, stride: 1 });
                }
            });
            at_depth.vectors.push((node.path().to_owned(), key, len));
        }
        Ok((rec.finish(format!("jacobians {rows} at depth {depth}"))?, traces, at_depth))
    }

    /// Appends what is known about these layers, from the last to the first, each before its inner layers; `arriving` is the product behind
    /// the last one.
    fn multiply(
        &self,
        nodes: &[Box<dyn Node>],
        traces: &[Trace],
        arriving: f64,
        chi: &BTreeMap<String, f64>,
        layers: &mut Vec<LayerJacobian>,
    ) {
        // The layer behind, where that takes this one's output: of a block's branches only the next layer of the same branch does.
        let mut behind: Option<(View, f64)> = None;
        for (node, trace) in nodes.iter().zip(traces).rev() {
            let arrives = match behind {
                Some((input, product)) if input == trace.output => product,
                _ => arriving,
            };
            let Some(&chi_here) = chi.get(node.path()) else { continue };
            let product = chi_here * arrives;
            if self.reports_on(&**node) {
                layers.push(LayerJacobian { path: node.path().to_owned(), chi: chi_here, product });
            }
            self.multiply(node.inner(), &trace.inner, arrives, chi, layers);
            behind = Some((trace.input, product));
        }
    }
}

/// `v` with zeros at masked steps.
fn masked(rec: &mut Recorder<'_>, v: View, mask: View) -> View {
    let (rows, kept) = (mask.len, rec.scratch(v.len));
    let kernel = MaskRows { rows, features: v.len / rows, mean: false };
    rec.op(kernel, MaskRowsPorts { x: v, mask, total: None, y: kept });
    kept
}

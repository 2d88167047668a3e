//! Convolutional LSTMs: memories whose maps are convolutions.

use super::conv::ConvNode;
use super::neuron::{KernelShape, Neuron, neuron_options};
use super::product::{map_alone, record_conv};
use super::recurrent::{MOST_STEPS, gated_range};
use super::virtual_sample::VirtualSample;
use super::window::{Extent, Window, window_options};
use super::{Facts, Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    ConvBackwardWeight, ConvBackwardWeightPorts, ConvKernel, ConvLstmBackward, ConvLstmBackwardPorts,
    ConvLstmForward, ConvLstmForwardPorts, ConvLstmStep, CopyRows, CopyRowsPorts, Epilogue, Geometry, Share,
    Strided, Taps, WeightGradient, WeightGradientPorts, splits,
};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Activation, Error, Initializer, Padding, Result, shape};

/// A long short-term memory over sequences of grids with `D` spatial dimensions, 1 or 2, whose maps of inputs and states are
/// convolutions (Shi et al. 2015; Keras' `ConvLSTM1D` and `ConvLSTM2D`), classic or auto-rotating:
///
/// i, f, o = γ(conv(x, W) + b + conv(h', U)) and g = σ(conv(x, W) + b + conv(h', U)), gates in the order i, f, g, o;
/// c = f ⊙ c' + i ⊙ g, h = o ⊙ σ(c).
///
/// Input: `[T, grid…, C]`. Output: the last state, the positions of the windows and then F filters, or with
/// [`return_sequences`](Self::return_sequences) all T of them. Parameters, as in Keras: `kernel` `[window…, C, 4F]`,
/// `recurrent_kernel` `[window…, F, 4F]`, `bias` `[4F]`; and `lambda` `[4]` or `[4F]` if L is learnt. Strides, padding and dilation
/// are those of the inputs' convolution; the states' has the same window, padded to the same size, and neither stride nor dilation.
/// Defaults are those of Keras 2.15, whose gates have a hard sigmoid; in Keras 3 it is the sigmoid.
///
/// Rotated is the inputs' share of each gate, ρ ⊙ (conv(x, W) + b), as [`RotatedPart::Input`](crate::RotatedPart::Input) has it, with
/// one L for each gate and ρ exact at padded borders as in a [`Conv2d`](crate::Conv2d). The convolution of the states stays as it is.
///
/// On a device the inputs of all time steps are one convolution; a time step is the states' convolution and one kernel more. Memory
/// grows linearly with T.
///
/// ```
/// use autorot::{AutoRotate, ConvLstm2d, Dense, Flatten, Padding, Sequential};
///
/// let layer = ConvLstm2d::new(8, 3).padding(Padding::Same).auto_rotate(AutoRotate::new());
/// let net = Sequential::new([5, 12, 12, 1]).input_range(0.0, 1.0).add(layer).add(Flatten).add(Dense::new(3));
/// # net.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ConvLstm<const D: usize> {
    filters: usize,
    #[serde(flatten)]
    window: Window,
    #[serde(flatten)]
    neuron: Neuron,
    recurrent_activation: Activation,
    unit_forget_bias: bool,
    recurrent_initializer: Initializer,
    recurrent_regularizer: Regularizer,
    return_sequences: bool,
    go_backwards: bool,
}

/// A convolutional long short-term memory over lines.
pub type ConvLstm1d = ConvLstm<1>;
/// A convolutional long short-term memory over images, such as those of a film.
pub type ConvLstm2d = ConvLstm<2>;

impl<const D: usize> ConvLstm<D> {
    /// A layer with this many filters and the defaults of Keras 2.15: tanh, hard sigmoid gates, stride 1, no padding, Glorot uniform
    /// kernel, orthogonal recurrent kernel, zero bias except 1 for the forget gate, and only the last output.
    pub fn new(filters: usize, kernel_size: impl Extent<D>) -> Self {
        const { assert!(D == 1 || D == 2, "one or two spatial dimensions") }
        Self {
            filters,
            window: Window::new(kernel_size),
            neuron: Neuron { activation: Activation::Tanh, ..Neuron::default() },
            recurrent_activation: Activation::HardSigmoid,
            unit_forget_bias: true,
            recurrent_initializer: Initializer::Orthogonal { gain: 1.0 },
            recurrent_regularizer: Regularizer::default(),
            return_sequences: false,
            go_backwards: false,
        }
    }

    /// Sets γ, the activation of the gates. Default: hard sigmoid, as in Keras 2.15.
    pub fn recurrent_activation(mut self, recurrent_activation: Activation) -> Self {
        self.recurrent_activation = recurrent_activation;
        self
    }

    /// Sets whether the bias of the forget gate starts at 1. Default: true.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        self.unit_forget_bias = unit_forget_bias;
        self
    }

    /// Sets the initialiser of the recurrent kernel.
    pub fn recurrent_initializer(mut self, recurrent_initializer: Initializer) -> Self {
        self.recurrent_initializer = recurrent_initializer;
        self
    }

    /// Adds l1·Σ|w| + l2·Σw² of the recurrent kernel to the loss.
    pub fn recurrent_regularizer(mut self, recurrent_regularizer: Regularizer) -> Self {
        self.recurrent_regularizer = recurrent_regularizer;
        self
    }

    /// Sets whether to output the states of all time steps, or only the last.
    pub fn return_sequences(mut self, return_sequences: bool) -> Self {
        self.return_sequences = return_sequences;
        self
    }

    /// Sets whether the layer processes the time steps from the last to the first. Its outputs are then in that order.
    pub fn go_backwards(mut self, go_backwards: bool) -> Self {
        self.go_backwards = go_backwards;
        self
    }

    window_options!(dilation);
    neuron_options!(kernel_initializer, kernel_regularizer);
}

/// The windows, over time with a single tap.
fn over_time(geometry: Geometry, steps: usize) -> Geometry {
    let mut all = geometry;
    (all.input[0], all.output[0]) = (steps, steps);
    all
}

impl<const D: usize> Layer for ConvLstm<D> {
    fn kind(&self) -> &'static str {
        if D == 1 { "conv_lstm1d" } else { "conv_lstm2d" }
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (steps, spatial, channels) = shape::grids(&path, &input.shape, D)?;
        if steps > MOST_STEPS {
            return Err(Error::invalid(
                path,
                format!("{steps} time steps"),
                format!("at most {MOST_STEPS}"),
                "cut the sequences into chunks",
            ));
        }
        let activations: Vec<Activation> = [false, false, true, false]
            .map(|own| if own { self.neuron.activation } else { self.recurrent_activation })
            .to_vec();
        let (filters, columns) = (self.filters, shape::multiplied(&path, activations.len(), self.filters)?);
        let geometry = self.window.sizes().not_causal(&path)?.slide(&path, spatial)?.few_taps(&path)?;
        let state = shape::with_channels(&path, &geometry.output, D, filters)?;
        shape::with_channels(&path, &geometry.output, D, columns)?;
        let again = Window {
            strides: vec![1; D],
            dilation: vec![1; D],
            padding: Padding::Same,
            ..self.window.clone()
        };
        let recurrence = again.sizes().slide(&path, &state[..D])?;

        let input_range = self.neuron.input_range(input.range);
        let range = gated_range(self.neuron.activation, self.recurrent_activation, input_range);
        let gates = self.neuron.gates(scope, input_range, activations)?;
        let kernel = self.window.kernel_shape([channels, columns]);
        let of_gates = KernelShape { blocks: gates.0.len(), ..KernelShape::new("kernel", &kernel) };
        let start = self.neuron.start(scope, self.neuron.kernel_initializer, of_gates, columns);
        let regularizer = self.neuron.kernel_regularizer;
        let of_inputs = scope.kernel_with("kernel", &kernel, start, regularizer, self.neuron.role())?;
        let shape = self.window.kernel_shape([filters, columns]);
        let (initializer, regularizer) = (self.recurrent_initializer, self.recurrent_regularizer);
        let recurrent = scope.kernel("recurrent_kernel", &shape, initializer, regularizer)?;
        let forgets = self.unit_forget_bias.then_some((filters..2 * filters, 1.0));
        let bias = (&[columns][..], forgets.into_iter().collect());
        let mut neurons = self.neuron.register(scope, input, gates, filters, of_inputs, bias)?;
        neurons.gain = self.neuron.gain(scope, columns, (of_inputs, 1))?;
        // σ and γ follow once the states' share is added.
        neurons.activation = Activation::Linear;

        let all = over_time(geometry, steps);
        let taps = Taps::down(&all);
        let sequence = [&[steps], &*state].concat();
        shape::elements(&path, &sequence)?;
        let map = ConvNode {
            geometry: all,
            channels,
            groups: 1,
            transposed: false,
            virtual_sample: VirtualSample::new(taps, self.neuron.auto_rotate, neurons.rotation, 1),
            output: neurons.output(sequence.clone()),
            neurons,
        };
        Ok(Box::new(ConvLstmNode {
            map,
            recurrent,
            recurrence,
            steps,
            filters,
            gate: self.recurrent_activation,
            activation: self.neuron.activation,
            go_backwards: self.go_backwards,
            return_sequences: self.return_sequences,
            output: Signal::new(if self.return_sequences { sequence } else { state }, range),
        }))
    }
}

#[derive(Debug)]
struct ConvLstmNode {
    /// The inputs' convolution over all time steps, with the neurons of all gates.
    map: ConvNode,
    /// U.
    recurrent: ParameterId,
    /// The windows of the states' convolution.
    recurrence: Geometry,
    steps: usize,
    filters: usize,
    gate: Activation,
    activation: Activation,
    go_backwards: bool,
    return_sequences: bool,
    output: Signal,
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
struct Kept {
    /// The trace of the inputs' convolution.
    map: Trace,
    /// The pre-activations, later overwritten by their gradients.
    a: View,
    /// The states before each step.
    left: View,
    /// c after each step.
    c: Vec<View>,
}

impl ConvLstmNode {
    fn positions(&self) -> usize {
        self.recurrence.output.iter().product()
    }

    fn columns(&self) -> usize {
        self.map.neurons.columns()
    }

    /// The time step that is processed as the `number`-th.
    fn place(&self, number: usize) -> usize {
        if self.go_backwards { self.steps - 1 - number } else { number }
    }

    fn step(&self, rec: &Recorder<'_>, number: usize) -> ConvLstmStep {
        ConvLstmStep {
            batch: rec.batch(),
            steps: self.steps,
            positions: self.positions(),
            filters: self.filters,
            gate: self.gate,
            activation: self.activation,
            at: self.place(number),
            first: number == 0,
        }
    }

    /// Records the states' convolution, or with `back` its transpose.
    fn convolve(&self, rec: &mut Recorder<'_>, x: View, back: bool) -> View {
        let batch = rec.batch();
        let (taps, channels, filters) = match back {
            false => (Taps::down(&self.recurrence), self.filters, self.columns()),
            true => (Taps::up(&self.recurrence), self.columns(), self.filters),
        };
        let (u, y) = (rec.parameter(self.recurrent), rec.scratch(batch * self.positions() * filters));
        let epilogue = Epilogue::default();
        let kernel =
            ConvKernel { batch, taps, channels, filters, groups: 1, turned: back, epilogue, terms: None };
        record_conv(rec, kernel, map_alone(x, u, y));
        y
    }

    /// Records the gradient of U: one product over all time steps.
    fn recurrent_gradient(&self, rec: &mut Recorder<'_>, kept: &Kept) {
        let all = over_time(self.recurrence, self.steps);
        let (batch, channels, filters, windows) =
            (rec.batch(), self.filters, self.columns(), Taps::down(&all));
        let taps = all.taps();
        let weights = taps * channels * filters;
        let splits = splits(batch * windows.positions(), weights);
        let partials = rec.scratch(splits * weights);
        rec.op(
            ConvBackwardWeight { batch, taps: windows, channels, filters, groups: 1 },
            ConvBackwardWeightPorts { x: kept.left, d_f: kept.a, partials },
        );
        let (w, d_w) = (rec.parameter(self.recurrent), rec.gradient(self.recurrent));
        let Regularizer { l1, l2 } = rec.regularizer(self.recurrent);
        let (turned, share, factor) = (false, Share::None, 0.0);
        let kernel = WeightGradient { splits, taps, channels, filters, turned, share, factor, l1, l2 };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample: None, channel: None, d_w });
    }
}

impl Node for ConvLstmNode {
    fn path(&self) -> &str {
        self.map.path()
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let state = rec.batch() * self.positions() * self.filters;
        let map = self.map.forward(rec, input);
        let keep = rec.backward_follows() || rec.keeps_all();
        let kept = keep.then(|| (rec.scratch(4 * self.steps * state), rec.scratch(self.steps * state)));
        let y = self.return_sequences.then(|| rec.scratch(self.steps * state));
        let (mut h, mut memories) = (None, Vec::with_capacity(self.steps));
        for number in 0..self.steps {
            let next = (number + 1 < self.steps).then(|| self.place(number + 1));
            let kernel = ConvLstmForward {
                step: self.step(rec, number),
                next,
                to: self.return_sequences.then_some(number),
                state: next.is_some() || !self.return_sequences,
                keep,
            };
            let recurrent = h.map(|h| self.convolve(rec, h, false));
            let before = memories.last().copied();
            let c = rec.scratch(state);
            h = kernel.state.then(|| rec.scratch(state));
            let (a, left) = kept.unzip();
            let ports = ConvLstmForwardPorts { z: map.output, recurrent, before, a, left, c, h, y };
            rec.op(kernel, ports);
            memories.push(c);
        }
        let output = y.or(h).unwrap_or(map.output);
        let mut trace = Trace::new(map.input, output);
        let Some((a, left)) = kept else { return trace };
        trace.rotation = map.rotation;
        trace.normed = map.normed;
        trace.d_pre_activation = Some(a);
        if rec.keeps_all() {
            // The backward pass overwrites the pre-activations.
            let copy = rec.scratch(a.len);
            let all = Strided { first: 0, stride: a.len };
            let kernel = CopyRows { rows: 1, width: a.len, from: all, to: all, reversed: false };
            rec.op(kernel, CopyRowsPorts { values: a, out: copy });
            trace.pre_activation = Some(copy);
            trace.linear = Some(map.output);
        }
        trace.keeping(Kept { map, a, left, c: memories })
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let Some(kept) = trace.kept::<Kept>() else { return trace.refuse(rec, self.path()) };
        let state = rec.batch() * self.positions() * self.filters;
        let carry = rec.scratch(state);
        let mut d_h = None;
        for number in (0..self.steps).rev() {
            let last = number + 1 == self.steps;
            let output = match self.return_sequences {
                true => Some((self.steps, number)),
                false => last.then_some((1, 0)),
            };
            let before = number.checked_sub(1).map(|before| kept.c[before]);
            let d_a = before.map(|_| rec.scratch(4 * state));
            rec.op(
                ConvLstmBackward { step: self.step(rec, number), last, output },
                ConvLstmBackwardPorts {
                    d_y: output.map(|_| d_y),
                    d_h,
                    c: kept.c[number],
                    before,
                    carry,
                    a: kept.a,
                    d_a,
                },
            );
            d_h = d_a.map(|d_a| self.convolve(rec, d_a, true));
        }
        self.recurrent_gradient(rec, kept);
        self.map.backward(rec, &kept.map, kept.a, need_d_x)
    }

    fn facts(&self) -> Facts {
        self.map.facts()
    }
}

//! Separable convolutions: a depthwise one, then a pointwise one.

use super::conv::record_epilogue;
use super::neuron::{KernelShape, Neuron, Neurons, neuron_options};
use super::product::{MapPorts, Product, map_alone, record_conv};
use super::virtual_sample::{VirtualSample, Weights, record_totals};
use super::window::{Extent, Window, kind, window_options};
use super::{Facts, Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    ConvBackwardWeight, ConvBackwardWeightPorts, ConvKernel, DenseBackwardInput, DenseBackwardInputPorts,
    DenseForward, DenseForwardPorts, Depthwise, DepthwiseBackwardWeight, DepthwiseBackwardWeightPorts,
    Epilogue, Geometry, Rotate, RotatePorts, Share, TapTotalsPorts, Taps, WeightGradient,
    WeightGradientPorts, WeightedSquares, WeightedSquaresPorts, splits,
};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Activation, Frame, Initializer, Result, Rule, shape};

/// A depthwise convolution over `D` spatial dimensions followed by a pointwise one, without an activation between them, classic
/// or auto-rotating: one linear map, rotated as a whole.
///
/// Input per sample: `D` spatial dimensions, then C channels. Output: the window positions, then `filters`. Parameters:
/// `depthwise_kernel` `[window…, C, depth_multiplier]`, `pointwise_kernel` `[1…, C·depth_multiplier, filters]`, `bias`
/// `[filters]`, and `lambda` if L is learnt. Options and sizes are those of Keras' `SeparableConv1D` and `SeparableConv2D`.
///
/// With [`Rule::Aligned`], q = √(x_Q²·Σ_c (Σ_t d\[t, c\]²)·p\[c, n\]² + b²) with the depthwise kernel d and the pointwise kernel
/// p: the norm of the combined filter, exact for a `depth_multiplier` of 1.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SeparableConv<const D: usize> {
    filters: usize,
    depth_multiplier: usize,
    depthwise_initializer: Initializer,
    depthwise_regularizer: Regularizer,
    #[serde(flatten)]
    window: Window,
    #[serde(flatten)]
    neuron: Neuron,
}

/// A separable convolution of sequences.
pub type SeparableConv1d = SeparableConv<1>;
/// A separable convolution of images.
pub type SeparableConv2d = SeparableConv<2>;
/// A separable convolution of volumes.
pub type SeparableConv3d = SeparableConv<3>;

impl<const D: usize> SeparableConv<D> {
    /// A classic linear separable convolution with stride 1, no padding, Glorot uniform kernels and a zero bias.
    pub fn new(filters: usize, kernel_size: impl Extent<D>) -> Self {
        Self {
            filters,
            depth_multiplier: 1,
            depthwise_initializer: Initializer::GlorotUniform,
            depthwise_regularizer: Regularizer::default(),
            window: Window::new(kernel_size),
            neuron: Neuron::default(),
        }
    }

    /// Sets the number of depthwise filters per channel. Default: 1.
    pub fn depth_multiplier(mut self, depth_multiplier: usize) -> Self {
        self.depth_multiplier = depth_multiplier;
        self
    }

    /// Sets the initialiser of the depthwise kernel.
    pub fn depthwise_initializer(mut self, initializer: Initializer) -> Self {
        self.depthwise_initializer = initializer;
        self
    }

    /// Adds l1·Σ|w| + l2·Σw² of the depthwise kernel to the loss.
    pub fn depthwise_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.depthwise_regularizer = regularizer;
        self
    }

    window_options!(dilation);
    neuron_options!(pointwise_initializer, pointwise_regularizer);
}

impl<const D: usize> Layer for SeparableConv<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["separable_conv1d", "separable_conv2d", "separable_conv3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let between = shape::multiplied(&path, channels, self.depth_multiplier)?;
        shape::groups(&path, channels, between, channels)?;
        shape::groups(&path, between, self.filters, 1)?;
        let geometry = self.window.sizes().slide(&path, spatial)?.few_taps(&path)?;
        shape::with_channels(&path, &geometry.output, D, between)?;
        let output = shape::with_channels(&path, &geometry.output, D, self.filters)?;
        let depthwise = self.window.kernel_shape([channels, self.depth_multiplier]);
        let start = KernelShape::new("depthwise_kernel", &depthwise);
        let start = self.neuron.start(scope, self.depthwise_initializer, start, between);
        let role = self.neuron.role();
        let depthwise =
            scope.kernel_with("depthwise_kernel", &depthwise, start, self.depthwise_regularizer, role)?;
        let pointwise = [vec![1; D], vec![between, self.filters]].concat();
        let neurons = self.neuron.build(
            scope,
            input,
            self.filters,
            KernelShape::new("pointwise_kernel", &pointwise),
        )?;
        let taps = Taps::down(&geometry);
        Ok(Box::new(SeparableNode {
            geometry,
            channels,
            multiplier: self.depth_multiplier,
            depthwise,
            virtual_sample: VirtualSample::new(taps, self.neuron.auto_rotate, neurons.rotation, 1),
            output: neurons.output(output),
            neurons,
        }))
    }
}

#[derive(Debug)]
struct SeparableNode {
    geometry: Geometry,
    channels: usize,
    multiplier: usize,
    depthwise: ParameterId,
    virtual_sample: VirtualSample,
    neurons: Neurons,
    output: Signal,
}

impl SeparableNode {
    /// The channels between the two convolutions.
    fn between(&self) -> usize {
        self.channels * self.multiplier
    }

    /// The sizes of the depthwise kernel for the virtual sample.
    fn depthwise_weights(&self) -> Weights {
        Weights { taps: self.geometry.taps(), channels: 1, filters: self.between(), turned: false }
    }

    /// The pointwise convolution, forward or backward.
    fn pointwise(&self, rec: &Recorder<'_>, back: bool, epilogue: Epilogue) -> ConvKernel {
        let (between, filters) = (self.between(), self.neurons.units);
        let (channels, filters) = if back { (filters, between) } else { (between, filters) };
        let taps = Taps::pointwise(self.geometry.output);
        ConvKernel {
            batch: rec.batch(),
            taps,
            channels,
            filters,
            groups: 1,
            turned: back,
            epilogue,
            terms: None,
        }
    }

    /// Sums of the squared pointwise weights times `factors`, over the channels or, if `back`, over the filters.
    fn squares(&self, rec: &mut Recorder<'_>, back: bool, factors: View) -> View {
        let (between, filters) = (self.between(), self.neurons.units);
        let (channels, filters) = if back { (filters, between) } else { (between, filters) };
        let w = rec.parameter(self.neurons.kernel);
        let sums = rec.scratch(filters);
        let kernel = WeightedSquares { channels, filters, turned: back };
        rec.op(kernel, WeightedSquaresPorts { w, factors, sums });
        sums
    }

    /// Records a kernel's gradient from its partial sums.
    fn finish(
        &self,
        rec: &mut Recorder<'_>,
        (id, weights): (ParameterId, Weights),
        partials: View,
        (share, virtual_sample, channel, factor): (Share, Option<View>, Option<View>, f32),
    ) {
        let Weights { taps, channels, filters, turned } = weights;
        let (w, d_w) = (rec.parameter(id), rec.gradient(id));
        let rows = rec.batch() * self.virtual_sample.taps.positions();
        let splits = splits(rows, taps * channels * filters);
        let Regularizer { l1, l2 } =
            if id == self.depthwise { rec.regularizer(id) } else { self.neurons.penalty(rec) };
        let kernel = WeightGradient { splits, taps, channels, filters, turned, share, factor, l1, l2 };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample, channel, d_w });
    }
}

/// What the forward pass keeps for the backward pass.
#[derive(Clone, Copy)]
struct Kept {
    /// The depthwise output.
    h: View,
    /// The depthwise output for the virtual sample, if the layer is rotated.
    sample: Option<View>,
}

impl Node for SeparableNode {
    fn path(&self) -> &str {
        &self.neurons.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (batch, taps, between, units) =
            (rec.batch(), self.virtual_sample.taps, self.between(), self.neurons.units);
        let depthwise = rec.parameter(self.depthwise);
        let input = self.neurons.enter(rec, input);
        let h = rec.scratch(batch * taps.positions() * between);
        rec.op(
            Depthwise {
                batch,
                taps,
                channels: self.channels,
                multiplier: self.multiplier,
                turned: false,
                epilogue: Epilogue::default(),
            },
            map_alone(input, depthwise, h),
        );
        let mut of_sample = None;
        let stored = self.neurons.rotation.map(|rotation| {
            // The depthwise output for the virtual sample; for the aligned rule, its square.
            let zones = self.virtual_sample.zones().count();
            let sample = rec.scratch(zones * between);
            let map = self.virtual_sample.map(rotation.rule, self.depthwise_weights());
            let ports = TapTotalsPorts { w: depthwise, b: None, lambda: None, rotation: sample };
            record_totals(rec, map, ports);
            of_sample = Some(sample);
            let v = match rotation.rule {
                Rule::Aligned | Rule::Critical => self.squares(rec, false, sample),
                Rule::Diagonal => {
                    let (v, w) = (rec.scratch(zones * units), rec.parameter(self.neurons.kernel));
                    let kernel = DenseForward {
                        batch: zones,
                        inputs: between,
                        units,
                        frame: Frame::default(),
                        has_bias: false,
                        rotation: None,
                        keep_z: false,
                        activation: Activation::Linear,
                    };
                    rec.op(
                        kernel,
                        DenseForwardPorts {
                            x: sample,
                            w,
                            b: None,
                            lambda: None,
                            rotation: None,
                            z: None,
                            y: v,
                        },
                    );
                    v
                }
            };
            let [b, lambda] = self.neurons.parameters(rec);
            let stored = rec.scratch(2 * zones * units);
            let has_bias = self.neurons.bias.is_some();
            rec.op(
                Rotate { zones, filters: units, has_bias, rotation },
                RotatePorts { v, b, lambda, rotation: stored },
            );
            stored
        });
        let map = |rec: &mut Recorder<'_>, epilogue, ports: MapPorts| {
            record_conv(rec, self.pointwise(rec, false, epilogue), ports);
        };
        let trace = record_epilogue(rec, &self.neurons, &self.virtual_sample, stored, h, map);
        Trace { input, ..trace }.keeping(Kept { h, sample: of_sample })
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let (batch, taps, between, units) =
            (rec.batch(), self.virtual_sample.taps, self.between(), self.neurons.units);
        let (rows, zones) = (batch * taps.positions(), self.virtual_sample.zones().count());
        let (depthwise, pointwise) = (rec.parameter(self.depthwise), self.neurons.used_weights(rec, trace));
        let own = |kept: &&Kept| kept.sample.is_some() == self.neurons.rotation.is_some();
        let Some(&Kept { h, sample }) = trace.kept().filter(own) else {
            return trace.refuse(rec, &self.neurons.path);
        };
        let z = trace.pre_activation.unwrap_or(trace.output);
        let (d_f, d_v) = self.virtual_sample.backward(rec, &self.neurons, (z, trace.rotation), d_y, false);

        // The virtual sample's shares in the gradients of the pointwise and the depthwise kernel.
        let mut shares = [(Share::None, None, None, 0.0); 2];
        if let (Some(rotation), Some(d_v), Some(sample)) = (self.neurons.rotation, d_v, sample) {
            let factor = self.virtual_sample.factor;
            let (of_pointwise, d_sample) = match rotation.rule {
                Rule::Aligned | Rule::Critical => {
                    let share = (Share::ScalePerChannel, Some(d_v), Some(sample), 1.0);
                    (share, self.squares(rec, true, d_v))
                }
                Rule::Diagonal => {
                    let d_w = rec.scratch(between * units);
                    let product = Product { rows: zones, inputs: between, units };
                    product.backward_weight(rec, [sample, d_v, pointwise, d_w], Regularizer::default());
                    let d_sample = rec.scratch(zones * between);
                    let kernel = DenseBackwardInput { batch: zones, inputs: between, units };
                    rec.op(kernel, DenseBackwardInputPorts { d_f: d_v, w: pointwise, d_x: d_sample });
                    ((Share::Whole, Some(d_w), None, 1.0), d_sample)
                }
            };
            let share = self.virtual_sample.share(Some(rotation));
            let numbers = self.virtual_sample.shared(rec, share, between, d_sample);
            shares = [of_pointwise, (share, Some(numbers), None, factor)];
        }

        let partials = rec.scratch(splits(rows, between * units) * between * units);
        let kernel = ConvBackwardWeight {
            batch,
            taps: Taps::pointwise(self.geometry.output),
            channels: between,
            filters: units,
            groups: 1,
        };
        rec.op(kernel, ConvBackwardWeightPorts { x: h, d_f, partials });
        let weights = Weights { taps: 1, channels: between, filters: units, turned: false };
        self.finish(rec, (self.neurons.kernel, weights), partials, shares[0]);
        self.neurons.finish_weights(rec, trace);

        let d_h = rec.scratch(rows * between);
        let back = self.pointwise(rec, true, Epilogue::default());
        record_conv(rec, back, map_alone(d_f, pointwise, d_h));
        let weights = self.depthwise_weights();
        let count = weights.taps * between;
        let partials = rec.scratch(splits(rows, count) * count);
        let (channels, multiplier) = (self.channels, self.multiplier);
        rec.op(
            DepthwiseBackwardWeight { batch, taps, channels, multiplier },
            DepthwiseBackwardWeightPorts { x: trace.input, d_f: d_h, partials },
        );
        self.finish(rec, (self.depthwise, weights), partials, shares[1]);

        need_d_x.then(|| {
            let inputs: usize = self.geometry.input.iter().product();
            let d_x = rec.scratch(batch * inputs * channels);
            let taps = Taps::up(&self.geometry);
            let kernel =
                Depthwise { batch, taps, channels, multiplier, turned: true, epilogue: Epilogue::default() };
            rec.op(kernel, map_alone(d_h, depthwise, d_x));
            self.neurons.leave(rec, d_x)
        })
    }

    fn facts(&self) -> Facts {
        self.neurons.facts_of_windows(self.virtual_sample.zones())
    }
}

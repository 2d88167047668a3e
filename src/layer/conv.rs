//! Convolutions: y = σ(ρ ⊙ (conv(x, W) + b)) in one to three dimensions.

use super::neuron::{KernelShape, Neuron, Neurons, neuron_options};
use super::product::{MapPorts, map_alone, record_conv};
use super::virtual_sample::{VirtualSample, Weights};
use super::window::{Extent, Window, kind, window_options};
use super::{Facts, Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    ConvBackwardWeight, ConvBackwardWeightPorts, ConvKernel, Depthwise, DepthwiseBackwardWeight,
    DepthwiseBackwardWeightPorts, Epilogue, Geometry, Share, Taps, WeightGradient, WeightGradientPorts,
    splits,
};
use crate::plan::{Recorder, View};
use crate::{Result, shape};

/// A convolution over `D` spatial dimensions, classic or auto-rotating.
///
/// Input per sample: `D` spatial dimensions, then C channels. Output: the window positions, then `filters`. Parameters: `kernel`
/// `[window…, C/groups, filters]`, `bias` `[filters]`, and `lambda` (`[1]` or `[filters]`) if L is learnt. Options and sizes are
/// those of Keras' `Conv1D`, `Conv2D` and `Conv3D`. ρ is exact at padded borders: the virtual sample is zero-padded like every
/// sample, so q and ρ differ between positions there ([`AutoRotate::per_filter`](crate::AutoRotate::per_filter) uses one per
/// filter).
///
/// ```
/// use autorot::{Activation, AutoRotate, Conv2d, Padding};
///
/// let classic = Conv2d::new(32, 3).padding(Padding::Same).activation(Activation::Tanh);
/// let rotating = classic.clone().strides([2, 1]).auto_rotate(AutoRotate::new());
/// # let _ = rotating;
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Conv<const D: usize> {
    filters: usize,
    groups: usize,
    #[serde(flatten)]
    window: Window,
    #[serde(flatten)]
    neuron: Neuron,
}

/// A convolution of sequences: time or another axis, then channels.
pub type Conv1d = Conv<1>;
/// A convolution of images: height, width, channels.
pub type Conv2d = Conv<2>;
/// A convolution of volumes: depth, height, width, channels.
pub type Conv3d = Conv<3>;

impl<const D: usize> Conv<D> {
    /// A classic linear convolution with stride 1, no padding, a Glorot uniform kernel and a zero bias.
    pub fn new(filters: usize, kernel_size: impl Extent<D>) -> Self {
        Self { filters, groups: 1, window: Window::new(kernel_size), neuron: Neuron::default() }
    }

    /// Sets the number of groups; each filter sees only the channels of its group. Default: 1.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    window_options!(dilation);
    neuron_options!(kernel_initializer, kernel_regularizer);
}

impl<const D: usize> Layer for Conv<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["conv1d", "conv2d", "conv3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        shape::groups(&path, channels, self.filters, self.groups)?;
        let geometry = self.window.sizes().slide(&path, spatial)?.few_taps(&path)?;
        let output = shape::with_channels(&path, &geometry.output, D, self.filters)?;
        let kernel = self.window.kernel_shape([channels / self.groups, self.filters]);
        let neurons = self.neuron.build(
            scope,
            input,
            self.filters,
            KernelShape { blocks: self.groups, ..KernelShape::new("kernel", &kernel) },
        )?;
        let taps = Taps::down(&geometry);
        Ok(Box::new(ConvNode {
            geometry,
            channels,
            groups: self.groups,
            transposed: false,
            virtual_sample: VirtualSample::new(taps, self.neuron.auto_rotate, neurons.rotation, 1),
            output: neurons.output(output),
            neurons,
        }))
    }
}

/// A convolution or, if `transposed`, one whose windows lie on its output.
#[derive(Debug)]
pub(super) struct ConvNode {
    pub(super) geometry: Geometry,
    pub(super) channels: usize,
    pub(super) groups: usize,
    pub(super) transposed: bool,
    pub(super) virtual_sample: VirtualSample,
    pub(super) neurons: Neurons,
    pub(super) output: Signal,
}

impl ConvNode {
    /// The channels that a filter sees.
    fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    fn weights(&self) -> Weights {
        Weights {
            taps: self.geometry.taps(),
            channels: self.group_channels(),
            filters: self.neurons.columns(),
            turned: self.transposed,
        }
    }

    /// Whether each filter sees one of several channels, so that there is no matrix product.
    fn depthwise(&self) -> bool {
        self.groups > 1 && self.group_channels() == 1
    }

    /// Records the linear map, or with `back` its transpose, and what follows it.
    fn map(&self, rec: &mut Recorder<'_>, back: bool, epilogue: Epilogue, ports: MapPorts) {
        let (batch, filters) = (rec.batch(), self.neurons.columns());
        // Against the windows' direction, the sum runs over the weights' last axis.
        let turned = self.transposed != back;
        let taps = if turned { Taps::up(&self.geometry) } else { Taps::down(&self.geometry) };
        if self.depthwise() {
            let multiplier = filters / self.channels;
            let channels = self.channels;
            rec.op(Depthwise { batch, taps, channels, multiplier, turned, epilogue }, ports);
        } else {
            let (channels, filters) = if back { (filters, self.channels) } else { (self.channels, filters) };
            let groups = self.groups;
            let kernel = ConvKernel { batch, taps, channels, filters, groups, turned, epilogue, terms: None };
            record_conv(rec, kernel, ports);
        }
    }

    /// Records dW from df.
    fn weight_gradient(
        &self,
        rec: &mut Recorder<'_>,
        x: View,
        d_f: View,
        (share, numbers): (Share, Option<View>),
    ) {
        let Weights { taps, channels, filters, turned } = self.weights();
        let windows = Taps::down(&self.geometry);
        let batch = rec.batch();
        let weights = taps * channels * filters;
        let splits = splits(batch * windows.positions(), weights);
        let partials = rec.scratch(splits * weights);
        if self.depthwise() {
            let multiplier = filters / self.channels;
            let kernel =
                DepthwiseBackwardWeight { batch, taps: windows, channels: self.channels, multiplier };
            rec.op(kernel, DepthwiseBackwardWeightPorts { x, d_f, partials });
        } else {
            // The windows of a transposed convolution lie on its output.
            let (over, at) = if self.transposed { (d_f, x) } else { (x, d_f) };
            let (channels, filters) =
                if self.transposed { (filters, self.channels) } else { (self.channels, filters) };
            let kernel = ConvBackwardWeight { batch, taps: windows, channels, filters, groups: self.groups };
            rec.op(kernel, ConvBackwardWeightPorts { x: over, d_f: at, partials });
        }
        let (w, d_w) = (rec.parameter(self.neurons.kernel), rec.gradient(self.neurons.kernel));
        let Regularizer { l1, l2 } = self.neurons.penalty(rec);
        let kernel = WeightGradient {
            splits,
            taps,
            channels,
            filters,
            turned,
            share,
            factor: self.virtual_sample.factor,
            l1,
            l2,
        };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample: numbers, channel: None, d_w });
    }
}

impl Node for ConvNode {
    fn path(&self) -> &str {
        &self.neurons.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let input = self.neurons.enter(rec, input);
        let stored = self
            .neurons
            .rotation
            .map(|rotation| self.virtual_sample.rotate(rec, &self.neurons, rotation, self.weights()));
        record_epilogue(rec, &self.neurons, &self.virtual_sample, stored, input, |rec, epilogue, ports| {
            self.map(rec, false, epilogue, ports);
        })
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let z = trace.pre_activation.unwrap_or(trace.output);
        let share = self.virtual_sample.share(self.neurons.rotation);
        let to_taps = share == Share::ShiftPerTap;
        let (d_f, numbers) =
            self.virtual_sample.backward(rec, &self.neurons, (z, trace.rotation), d_y, to_taps);
        self.weight_gradient(rec, trace.input, d_f, (share, numbers));
        self.neurons.finish_weights(rec, trace);
        need_d_x.then(|| {
            let inputs: usize =
                if self.transposed { &self.geometry.output } else { &self.geometry.input }.iter().product();
            let d_x = rec.scratch(rec.batch() * inputs * self.channels);
            let w = self.neurons.used_weights(rec, trace);
            self.map(rec, true, Epilogue::default(), map_alone(d_f, w, d_x));
            self.neurons.leave(rec, d_x)
        })
    }

    fn facts(&self) -> Facts {
        self.neurons.facts_of_windows(self.virtual_sample.zones())
    }
}

/// Records a linear map of x by the layer's weights, using `map`, and what follows it.
pub(super) fn record_epilogue(
    rec: &mut Recorder<'_>,
    neurons: &Neurons,
    virtual_sample: &VirtualSample,
    stored: Option<View>,
    x: View,
    map: impl FnOnce(&mut Recorder<'_>, Epilogue, MapPorts),
) -> Trace {
    let outputs = rec.batch() * virtual_sample.taps.positions() * neurons.columns();
    let keep_z = neurons.keeps_z(rec);
    let z = keep_z.then(|| rec.scratch(outputs));
    let y = rec.scratch(outputs);
    let (w, normed) = neurons.weights(rec);
    let [b, _] = neurons.parameters(rec);
    let epilogue = Epilogue {
        has_bias: neurons.bias.is_some(),
        zones: stored.map(|_| virtual_sample.zones()),
        keep_z,
        activation: neurons.activation,
    };
    map(rec, epilogue, MapPorts { x, w, b, rotation: stored, z, y });
    Trace { pre_activation: z, rotation: stored, normed, ..Trace::new(x, y) }
}

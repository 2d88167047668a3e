//! The nodes of layers with windows: convolutions, pooling, padding, up-sampling.

use super::graph::{Attribute, Attributes, Value};
use super::layers::{activation, permuted};
use super::{Writer, option};
use crate::kernel::Geometry;
use crate::layer::kinds::Described;
use crate::model::Tensor;
use crate::shape::Windows;
use crate::{Interpolation, Padding, Result};

/// A kernel `[window..., a, b]` in the order of these two, then the window.
fn windows_last(kernel: &Tensor<f64>, order: [usize; 2]) -> Tensor<f64> {
    let dims = kernel.shape.len() - 2;
    let order: Vec<usize> = order.into_iter().map(|axis| dims + axis).chain(0..dims).collect();
    permuted(kernel, &order)
}

/// How windows lie, as attributes.
struct Lie {
    /// The zeros before and, where windows reach beyond the input, after it.
    pads: Vec<i64>,
    window: Vec<i64>,
    strides: Vec<i64>,
    dilation: Vec<i64>,
}

fn wide(values: &[usize]) -> Vec<i64> {
    values.iter().map(|&n| n as i64).collect()
}

impl Lie {
    fn new(geometry: &Geometry, dims: usize) -> Self {
        let own = 3 - dims..3;
        let after = own.clone().map(|d| {
            let extent = (geometry.kernel[d] - 1) * geometry.dilation[d] + 1;
            let reach = (geometry.output[d] - 1) * geometry.strides[d] + extent;
            reach.saturating_sub(geometry.input[d] + geometry.before[d])
        });
        let pads: Vec<usize> = geometry.before[own.clone()].iter().copied().chain(after).collect();
        Self {
            pads: wide(&pads),
            window: wide(&geometry.kernel[own.clone()]),
            strides: wide(&geometry.strides[own.clone()]),
            dilation: wide(&geometry.dilation[own]),
        }
    }

    /// The attributes of a convolution.
    fn of_conv(self, groups: usize) -> Attributes {
        let mut attributes = vec![
            ("dilations", Attribute::Ints(self.dilation.clone())),
            ("group", Attribute::Int(groups as i64)),
        ];
        attributes.extend(self.attributes());
        attributes
    }

    fn attributes(self) -> Attributes {
        vec![
            ("kernel_shape", Attribute::Ints(self.window)),
            ("strides", Attribute::Ints(self.strides)),
            ("pads", Attribute::Ints(self.pads)),
        ]
    }
}

/// Calls `make` with the windows of a layer.
fn with_windows<T>(layer: &Described<'_>, make: impl FnOnce(Windows<'_>) -> Result<T>) -> Result<T> {
    let sizes = |name| option::<Vec<usize>>(layer, name);
    let (kernel, strides, dilation) = (sizes("kernel_size")?, sizes("strides")?, sizes("dilation")?);
    let padding: Padding = option(layer, "padding")?;
    make(Windows { kernel: &kernel, strides: &strides, dilation: &dilation, padding: &padding })
}

/// The shape of what a layer with windows puts out.
fn windowed(spatial: &[usize; 3], dims: usize, channels: usize) -> Vec<usize> {
    spatial[3 - dims..].iter().copied().chain([channels]).collect()
}

impl Writer {
    pub(super) fn conv(&mut self, layer: &Described<'_>, family: &str, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let (channels, dims) = (x.channels(), x.shape.len() - 1);
        let geometry = with_windows(layer, |windows| windows.slide(layer.path(), &x.shape[..dims]))?;
        let kernel = self.needed(layer, if family == "conv" { "kernel" } else { "depthwise_kernel" })?;
        let (kernel, groups) = if family == "conv" {
            (windows_last(&kernel, [1, 0]), option(layer, "groups")?)
        } else {
            let mut kernel = windows_last(&kernel, [0, 1]);
            kernel.shape.splice(..2, [kernel.shape[0] * kernel.shape[1], 1]);
            (kernel, channels)
        };
        let filters = kernel.shape[0];
        let y = Value { shape: windowed(&geometry.output, dims, filters), ..x.clone() };
        let bias = self.parameter(layer, "bias").map(|bias| bias.values.clone());
        let attributes = Lie::new(&geometry, dims).of_conv(groups);
        if family != "separable_conv" {
            let name = self.convolved("Conv", &x, &kernel, bias, attributes);
            return self.finish(layer, y.like(name));
        }
        let between = y.like(self.convolved("Conv", &x, &kernel, None, attributes));
        let pointwise = windows_last(&self.needed(layer, "pointwise_kernel")?, [1, 0]);
        let ones = || Attribute::Ints(vec![1; dims]);
        let zeros = Attribute::Ints(vec![0; 2 * dims]);
        let attributes = vec![("strides", ones()), ("dilations", ones()), ("pads", zeros)];
        let name = self.convolved("Conv", &between, &pointwise, bias, attributes);
        let shape = windowed(&geometry.output, dims, pointwise.shape[0]);
        self.finish(layer, Value { name, shape, channels_first: true })
    }

    fn convolved(
        &mut self,
        operator: &str,
        x: &Value,
        kernel: &Tensor<f64>,
        bias: Option<Vec<f64>>,
        attributes: Attributes,
    ) -> String {
        let w = self.graph.floats("kernel", &kernel.shape, &kernel.values);
        let b = bias.map(|bias| self.graph.floats("bias", &[bias.len()], &bias));
        let inputs: Vec<&str> = [x.name.as_str(), &w].into_iter().chain(b.as_deref()).collect();
        self.graph.op_with(operator, &inputs, attributes)
    }

    /// A convolutional memory: the inputs' convolution of all time steps at once, then one step after the other.
    pub(super) fn conv_lstm(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let (steps, dims) = (x.shape[0], x.shape.len() - 2);
        let each = self.graph.reshaped(&x, &x.shape[1..]);
        let each = self.graph.channels_first(each);
        let geometry = with_windows(layer, |windows| windows.slide(layer.path(), &each.shape[..dims]))?;
        let kernel = windows_last(&self.needed(layer, "kernel")?, [1, 0]);
        let (columns, filters) = (kernel.shape[0], kernel.shape[0] / 4);
        let bias = self.parameter(layer, "bias").map(|bias| bias.values.clone());
        let name = self.convolved("Conv", &each, &kernel, bias, Lie::new(&geometry, dims).of_conv(1));
        let grid = geometry.output[3 - dims..].to_vec();
        let positions: usize = grid.iter().product();
        if let Some(rho) = self.rho.get_mut(layer.path()).filter(|rho| rho.positions > 1) {
            // The same in every time step.
            rho.positions = positions;
            rho.values.truncate(positions * columns);
        }
        let shape = windowed(&geometry.output, dims, columns);
        let z = self.rotated(layer, Value { name, shape, channels_first: true });
        let z = self.graph.reshaped(&z, &[&[steps, columns], &*grid].concat());

        let kernel = windows_last(&self.needed(layer, "recurrent_kernel")?, [1, 0]);
        let (size, ones): (Vec<usize>, _) = (option(layer, "kernel_size")?, vec![1; dims]);
        let windows = Windows { kernel: &size, strides: &ones, dilation: &ones, padding: &Padding::Same };
        let recurrence = windows.slide(layer.path(), &grid)?;
        let (gate, own) = (activation(layer, "recurrent_activation")?, activation(layer, "activation")?);
        let u = self.graph.floats("recurrent_kernel", &kernel.shape, &kernel.values);
        let sizes = self.graph.ints("filters", &[filters as i64; 4]);
        let along = || vec![("axis", Attribute::Int(1))];
        let backwards: bool = option(layer, "go_backwards")?;
        let (mut states, mut past): (Vec<String>, Option<String>) = (Vec::new(), None);
        for number in 0..steps {
            let at = if backwards { steps - 1 - number } else { number };
            let at = self.graph.ints("step", &[at as i64]);
            let share = self.graph.op_with("Gather", &[&z.name, &at], along());
            let axis = self.graph.ints("axis", &[1]);
            let mut a = self.graph.op("Squeeze", &[&share, &axis]);
            if let Some(h) = states.last() {
                let attributes = Lie::new(&recurrence, dims).of_conv(1);
                let added = self.graph.op_with("Conv", &[h.as_str(), &u], attributes);
                a = self.graph.op("Add", &[&a, &added]);
            }
            let parts = self.graph.node("Split", &[&a, &sizes], along(), 4);
            let [i, o] = [0, 3].map(|part| self.activated(gate, &parts[part]));
            let g = self.activated(own, &parts[2]);
            let mut c = self.graph.op("Mul", &[&i, &g]);
            if let Some(past) = past {
                let f = self.activated(gate, &parts[1]);
                let kept = self.graph.op("Mul", &[&f, &past]);
                c = self.graph.op("Add", &[&kept, &c]);
            }
            let squashed = self.activated(own, &c);
            states.push(self.graph.op("Mul", &[&o, &squashed]));
            past = Some(c);
        }
        let shape = windowed(&geometry.output, dims, filters);
        if !option::<bool>(layer, "return_sequences")? {
            let name = states.pop().unwrap_or_default();
            return Ok(Value { name, shape, channels_first: true });
        }
        let axis = self.graph.ints("axis", &[1]);
        let all: Vec<String> =
            states.iter().map(|state| self.graph.op("Unsqueeze", &[state, &axis])).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let all = self.graph.op_with("Concat", &all, along());
        // Batch, steps, grid, channels.
        let order = [0, 1].into_iter().chain(3..3 + dims as i64).chain([2]).collect();
        let name = self.graph.op_with("Transpose", &[&all], vec![("perm", Attribute::Ints(order))]);
        Ok(Value::new(name, [&[steps], &*shape].concat()))
    }

    pub(super) fn conv_transpose(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let dims = x.shape.len() - 1;
        let extra: Option<Vec<usize>> = option(layer, "output_padding")?;
        let spread = |windows: Windows<'_>| windows.spread(layer.path(), &x.shape[..dims], extra.as_deref());
        let geometry = with_windows(layer, spread)?;
        let kernel = windows_last(&self.needed(layer, "kernel")?, [1, 0]);
        let filters = kernel.shape[1];
        // Where windows end before the output does, it is padded.
        let further = (3 - dims..3).map(|d| {
            let extent = (geometry.kernel[d] - 1) * geometry.dilation[d] + 1;
            let reach = (geometry.output[d] - 1) * geometry.strides[d] + extent;
            (geometry.input[d] + geometry.before[d]).saturating_sub(reach)
        });
        let further: Vec<usize> = further.collect();
        let lie = Lie::new(&geometry, dims);
        let mut attributes = vec![
            ("dilations", Attribute::Ints(lie.dilation.clone())),
            ("output_padding", Attribute::Ints(wide(&further))),
        ];
        attributes.extend(lie.attributes());
        let bias = self.parameter(layer, "bias").map(|bias| bias.values.clone());
        let name = self.convolved("ConvTranspose", &x, &kernel, bias, attributes);
        let shape = windowed(&geometry.input, dims, filters);
        self.finish(layer, Value { name, shape, channels_first: true })
    }

    pub(super) fn pool(&mut self, layer: &Described<'_>, family: &str, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let dims = x.shape.len() - 1;
        let geometry = with_windows(layer, |windows| windows.slide(layer.path(), &x.shape[..dims]))?;
        let operator = if family == "max_pool" { "MaxPool" } else { "AveragePool" };
        let name = self.graph.op_with(operator, &[&x.name], Lie::new(&geometry, dims).attributes());
        Ok(Value { shape: windowed(&geometry.output, dims, x.channels()), ..x.like(name) })
    }

    pub(super) fn global_pool(&mut self, layer: &Described<'_>, operator: &str, x: &Value) -> Result<Value> {
        let keep: bool = option(layer, "keepdims")?;
        let attributes =
            vec![("axes", Attribute::Ints(spatial_axes(x))), ("keepdims", Attribute::Int(keep.into()))];
        let name = self.graph.op_with(operator, &[&x.name], attributes);
        let ones = if keep { x.shape.len() - 1 } else { 0 };
        let shape = [vec![1; ones], vec![x.channels()]].concat();
        Ok(Value { name, shape, channels_first: keep && x.channels_first })
    }

    pub(super) fn zero_padding(&mut self, layer: &Described<'_>, x: &Value) -> Result<Value> {
        let padding: Vec<(usize, usize)> = option(layer, "padding")?;
        let rank = x.shape.len() + 1;
        let mut pads = vec![0; 2 * rank];
        let mut shape = x.shape.clone();
        for ((axis, &(before, after)), size) in spatial_axes(x).into_iter().zip(&padding).zip(&mut shape) {
            (pads[axis as usize], pads[rank + axis as usize]) = (before as i64, after as i64);
            *size += before + after;
        }
        let pads = self.graph.ints("pads", &pads);
        let name = self.graph.op("Pad", &[&x.name, &pads]);
        Ok(Value { shape, ..x.like(name) })
    }

    pub(super) fn up_sampling(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let size: Vec<usize> = option(layer, "size")?;
        let mut shape = x.shape.clone();
        shape.iter_mut().zip(&size).for_each(|(n, factor)| *n *= factor);
        let scales: Vec<f64> = [1, 1].iter().chain(&size).map(|&n| n as f64).collect();
        let scales = self.graph.floats("scales", &[scales.len()], &scales);
        let attributes = match option(layer, "interpolation")? {
            Interpolation::Nearest => vec![
                ("mode", Attribute::Text("nearest")),
                ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
                ("nearest_mode", Attribute::Text("floor")),
            ],
            Interpolation::Bilinear => vec![
                ("mode", Attribute::Text("linear")),
                ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
            ],
        };
        let name = self.graph.op_with("Resize", &[&x.name, "", &scales], attributes);
        Ok(Value { shape, ..x.like(name) })
    }

    pub(super) fn cropping(&mut self, layer: &Described<'_>, x: &Value) -> Result<Value> {
        let cropping: Vec<(usize, usize)> = option(layer, "cropping")?;
        let (axes, mut shape) = (spatial_axes(x), x.shape.clone());
        let starts: Vec<i64> = cropping.iter().map(|&(before, _)| before as i64).collect();
        let ends: Vec<i64> =
            cropping.iter().zip(&shape).map(|(&(_, after), &n)| (n - after) as i64).collect();
        cropping.iter().zip(&mut shape).for_each(|(&(before, after), n)| *n -= before + after);
        let [starts, ends, axes] = [("starts", starts), ("ends", ends), ("axes", axes)]
            .map(|(name, all)| self.graph.ints(name, &all));
        let name = self.graph.op("Slice", &[&x.name, &starts, &ends, &axes]);
        Ok(Value { shape, ..x.like(name) })
    }

    /// The middle of an image.
    pub(super) fn crop(&mut self, layer: &Described<'_>, x: &Value) -> Result<Value> {
        let size: [usize; 2] = option(layer, "size")?;
        let starts: Vec<i64> = (0..2).map(|d| ((x.shape[d] - size[d]) / 2) as i64).collect();
        let ends: Vec<i64> = (0..2).map(|d| starts[d] + size[d] as i64).collect();
        let bounds = [("starts", &starts), ("ends", &ends), ("axes", &spatial_axes(x))];
        let [starts, ends, axes] = bounds.map(|(name, values)| self.graph.ints(name, values));
        let name = self.graph.op("Slice", &[&x.name, &starts, &ends, &axes]);
        Ok(Value { shape: vec![size[0], size[1], x.channels()], ..x.like(name) })
    }
}

/// The axes of the spatial dimensions.
fn spatial_axes(x: &Value) -> Vec<i64> {
    let first = if x.channels_first { 2 } else { 1 };
    (first..first + x.shape.len() as i64 - 1).collect()
}

//! The nodes of every kind of layer.

use super::graph::{Attribute, Value};
use super::{Writer, option};
use crate::layer::SHORTCUT;
use crate::layer::kinds::Described;
use crate::model::Tensor;
use crate::{Activation, Error, MergeMode, Reshape, Result};

/// A mask `[batch, steps]` of 1 and 0, by the name of its tensor.
pub(super) type Mask = Option<String>;

/// The tensor with its axes in another order.
pub(super) fn permuted(tensor: &Tensor<f64>, order: &[usize]) -> Tensor<f64> {
    let shape: Vec<usize> = order.iter().map(|&axis| tensor.shape[axis]).collect();
    let stride = |axis: usize| tensor.shape[axis + 1..].iter().product::<usize>();
    let strides: Vec<usize> = order.iter().map(|&axis| stride(axis)).collect();
    let place = |i: usize| {
        let along = shape.iter().zip(&strides).rev();
        along.fold((i, 0), |(rest, place), (n, stride)| (rest / n, place + rest % n * stride)).1
    };
    Tensor { values: (0..tensor.values.len()).map(|i| tensor.values[place(i)]).collect(), shape }
}

impl Writer {
    /// Layers one after another.
    pub(super) fn chain<'d, 'l: 'd>(
        &mut self,
        mut layers: impl Iterator<Item = &'d Described<'l>>,
        input: Value,
        mask: Mask,
    ) -> Result<(Value, Mask)> {
        layers.try_fold((input, mask), |(x, mask), layer| self.layer(layer, x, mask))
    }

    fn layer(&mut self, layer: &Described<'_>, x: Value, mask: Mask) -> Result<(Value, Mask)> {
        layer.path().clone_into(&mut self.graph.path);
        let x = self.framed(layer, x);
        let kind = layer.description().kind.as_str();
        let family = ["1d", "2d", "3d"].iter().fold(kind.to_owned(), |kind, dims| kind.replace(dims, ""));
        let y = match family.as_str() {
            "simple_rnn" | "lstm" | "gru" | "bidirectional" | "masking" => {
                let x = self.graph.channels_last(x);
                return match family.as_str() {
                    "bidirectional" => self.bidirectional(layer, x, mask),
                    "masking" => self.masking(layer, &x),
                    _ => self.recurrent(layer, x, mask),
                };
            }
            "embedding" => return self.embedding(layer, &x),
            "residual" => return self.residual(layer, x, mask),
            "time_distributed" => self.time_distributed(layer, x)?,
            "dense" => self.dense(layer, x)?,
            "activate" => self.activation(layer, "activation", x)?,
            // In predictions they change nothing.
            "dropout" | "alpha_dropout" | "spatial_dropout" | "gaussian_noise" | "random_flip"
            | "random_translation" | "random_rotation" | "random_zoom" | "random_brightness"
            | "random_contrast" => x,
            "reshape" => self.reshape(layer, x)?,
            "permute" => self.permute(layer, x)?,
            "repeat_vector" => self.repeat_vector(layer, &x)?,
            "cropping" => self.cropping(layer, &x)?,
            "flatten" => self.flatten(x),
            "softmax" => self.softmax(x),
            "prelu" => self.prelu(layer, &x)?,
            "batch_norm" => self.batch_norm(layer, x)?,
            "layer_norm" => self.layer_norm(layer, x)?,
            "group_norm" => self.group_norm(layer, x)?,
            "conv" | "depthwise_conv" | "separable_conv" => self.conv(layer, &family, x)?,
            "conv_transpose" => self.conv_transpose(layer, x)?,
            "conv_lstm" => self.conv_lstm(layer, x)?,
            "max_pool" | "average_pool" => self.pool(layer, &family, x)?,
            "global_max_pool" => self.global_pool(layer, "ReduceMax", &x)?,
            "global_average_pool" => self.global_pool(layer, "ReduceMean", &x)?,
            "zero_padding" => self.zero_padding(layer, &x)?,
            "up_sampling" => self.up_sampling(layer, x)?,
            "random_crop" => self.crop(layer, &x)?,
            _ => {
                return Err(Error::invalid(
                    layer.path(),
                    format!("a layer of the kind {kind}"),
                    "the layers of autorot, which have equals in ONNX",
                    "replace it by these, or leave it out of the network and compute it in your program",
                ));
            }
        };
        Ok((y, mask))
    }

    /// The inputs as the layer sees them, with critical auto-rotation.
    pub(super) fn framed(&mut self, layer: &Described<'_>, x: Value) -> Value {
        let rotation = layer.description().rotation.as_ref().filter(|_| self.rho.contains_key(layer.path()));
        let Some(frame) = rotation.and_then(|rotation| rotation.frame) else { return x };
        let mut y = x.clone();
        for (operator, number, neutral) in [("Sub", frame.centre, 0.0), ("Div", frame.deviation, 1.0)] {
            if number != neutral {
                let number = self.graph.floats("frame", &[], &[number.into()]);
                y = x.like(self.graph.op(operator, &[&y.name, &number]));
            }
        }
        y
    }

    fn dense(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let kernel = self.needed(layer, "kernel")?;
        let units = kernel.shape[1];
        let mut shape = x.shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = units;
        }
        let w = self.graph.floats("kernel", &kernel.shape, &kernel.values);
        let bias = self.parameter(layer, "bias").map(|bias| bias.values.clone());
        let bias = bias.map(|bias| self.graph.floats("bias", &[units], &bias));
        let name = match bias {
            Some(b) if shape.len() == 1 => self.graph.op("Gemm", &[&x.name, &w, &b]),
            Some(b) => {
                let product = self.graph.op("MatMul", &[&x.name, &w]);
                self.graph.op("Add", &[&product, &b])
            }
            None => self.graph.op("MatMul", &[&x.name, &w]),
        };
        self.finish(layer, Value::new(name, shape))
    }

    /// ρ and the activation.
    pub(super) fn finish(&mut self, layer: &Described<'_>, f: Value) -> Result<Value> {
        let z = self.rotated(layer, f);
        self.activation(layer, "activation", z)
    }

    /// z = ρ ⊙ f.
    pub(super) fn rotated(&mut self, layer: &Described<'_>, f: Value) -> Value {
        match self.rho.remove(layer.path()) {
            None => f,
            Some(rho) => {
                let spatial = &f.shape[..f.shape.len() - 1];
                let spatial = if rho.positions == 1 { vec![1; spatial.len()] } else { spatial.to_vec() };
                let shape = [spatial, vec![f.channels()]].concat();
                let mut rho = Tensor { shape, values: rho.values };
                if f.channels_first {
                    let last = rho.shape.len() - 1;
                    let order: Vec<usize> = std::iter::once(last).chain(0..last).collect();
                    rho = permuted(&rho, &order);
                }
                let rho = self.graph.floats("rho", &rho.shape, &rho.values);
                f.like(self.graph.op("Mul", &[&f.name, &rho]))
            }
        }
    }

    /// An activation by the name of the option.
    fn activation(&mut self, layer: &Described<'_>, name: &str, x: Value) -> Result<Value> {
        let activation = activation(layer, name)?;
        let name = self.activated(activation, &x.name);
        Ok(x.like(name))
    }

    /// y = σ(z), elementwise.
    pub(super) fn activated(&mut self, activation: Activation, z: &str) -> String {
        let graph = &mut self.graph;
        match activation {
            Activation::Sigmoid => graph.op("Sigmoid", &[z]),
            Activation::Tanh => graph.op("Tanh", &[z]),
            Activation::Arctan => graph.op("Atan", &[z]),
            Activation::Relu => graph.op("Relu", &[z]),
            Activation::LeakyRelu => graph.op_with("LeakyRelu", &[z], vec![("alpha", Attribute::Float(0.3))]),
            Activation::Elu => graph.op("Elu", &[z]),
            Activation::Selu => graph.op("Selu", &[z]),
            Activation::Exponential => graph.op("Exp", &[z]),
            Activation::Softplus => graph.op("Softplus", &[z]),
            Activation::Softsign => graph.op("Softsign", &[z]),
            Activation::HardSigmoid => graph.op("HardSigmoid", &[z]),
            Activation::HardTanh | Activation::Relu6 => {
                let limits = if activation == Activation::Relu6 { [0.0, 6.0] } else { [-1.0, 1.0] };
                let limits = limits.map(|limit| graph.floats("limit", &[], &[limit]));
                graph.op("Clip", &[z, &limits[0], &limits[1]])
            }
            Activation::LogSigmoid => {
                let turned = graph.op("Neg", &[z]);
                let below = graph.op("Softplus", &[&turned]);
                graph.op("Neg", &[&below])
            }
            Activation::Mish => {
                let above = graph.op("Softplus", &[z]);
                let share = graph.op("Tanh", &[&above]);
                graph.op("Mul", &[z, &share])
            }
            Activation::Silu => {
                let share = graph.op("Sigmoid", &[z]);
                graph.op("Mul", &[z, &share])
            }
            Activation::Gelu => {
                // z/2·(1 + erf(z/√2))
                let factors = [std::f64::consts::FRAC_1_SQRT_2, 0.5, 1.0];
                let [scale, half, one] = factors.map(|factor| graph.floats("factor", &[], &[factor]));
                let scaled = graph.op("Mul", &[z, &scale]);
                let erf = graph.op("Erf", &[&scaled]);
                let sum = graph.op("Add", &[&erf, &one]);
                let halved = graph.op("Mul", &[z, &half]);
                graph.op("Mul", &[&halved, &sum])
            }
            Activation::Linear | Activation::Own(_) => z.to_owned(),
        }
    }

    fn flatten(&mut self, x: Value) -> Value {
        let x = self.graph.channels_last(x);
        if x.shape.len() == 1 { x } else { self.graph.reshaped(&x, &[x.shape.iter().product()]) }
    }

    fn reshape(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let shape = Reshape::new(option::<Vec<i64>>(layer, "target_shape")?).shape(layer.path(), &x.shape)?;
        Ok(self.graph.reshaped(&x, &shape))
    }

    fn permute(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let dims: Vec<usize> = option(layer, "dims")?;
        let shape: Vec<usize> = dims.iter().map(|d| x.shape[d - 1]).collect();
        let order = std::iter::once(0).chain(dims.iter().map(|&d| d as i64)).collect();
        let name = self.graph.op_with("Transpose", &[&x.name], vec![("perm", Attribute::Ints(order))]);
        Ok(Value::new(name, shape))
    }

    fn repeat_vector(&mut self, layer: &Described<'_>, x: &Value) -> Result<Value> {
        let n: usize = option(layer, "n")?;
        let once = self.graph.reshaped(x, &[1, x.channels()]);
        let times = self.graph.ints("repeats", &[1, n as i64, 1]);
        Ok(Value::new(self.graph.op("Tile", &[&once.name, &times]), [n, x.channels()]))
    }

    fn softmax(&mut self, x: Value) -> Value {
        let axis = if x.channels_first { 1 } else { -1 };
        x.like(self.graph.op_with("Softmax", &[&x.name], vec![("axis", Attribute::Int(axis))]))
    }

    fn prelu(&mut self, layer: &Described<'_>, x: &Value) -> Result<Value> {
        let mut alpha = self.needed(layer, "alpha")?;
        if x.channels_first {
            let last = alpha.shape.len() - 1;
            let order: Vec<usize> = std::iter::once(last).chain(0..last).collect();
            alpha = permuted(&alpha, &order);
        }
        let alpha = self.graph.floats("alpha", &alpha.shape, &alpha.values);
        Ok(x.like(self.graph.op("PRelu", &[&x.name, &alpha])))
    }

    fn batch_norm(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let channels = x.channels();
        let mut of = |name: &str, default: f64| {
            let values = self.parameter(layer, name).map_or(vec![default; channels], |p| p.values.clone());
            self.graph.floats(name, &[channels], &values)
        };
        let parameters =
            [of("gamma", 1.0), of("beta", 0.0), of("moving_mean", 0.0), of("moving_variance", 1.0)];
        let [gamma, beta, mean, variance] = &parameters;
        let epsilon = Attribute::Float(option(layer, "epsilon")?);
        let inputs = [x.name.as_str(), gamma, beta, mean, variance];
        Ok(x.like(self.graph.op_with("BatchNormalization", &inputs, vec![("epsilon", epsilon)])))
    }

    fn layer_norm(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let channels = x.channels();
        let gamma = self.parameter(layer, "gamma").map_or(vec![1.0; channels], |p| p.values.clone());
        let beta = self.parameter(layer, "beta").map(|p| p.values.clone());
        let gamma = self.graph.floats("gamma", &[channels], &gamma);
        let beta = beta.map(|beta| self.graph.floats("beta", &[channels], &beta));
        let attributes =
            vec![("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(option(layer, "epsilon")?))];
        let inputs: Vec<&str> =
            [Some(&x.name), Some(&gamma), beta.as_ref()].into_iter().flatten().map(String::as_str).collect();
        Ok(x.like(self.graph.op_with("LayerNormalization", &inputs, attributes)))
    }

    /// An instance normalisation whose channels are the groups, then γ and β.
    fn group_norm(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_first(x);
        let (channels, numbers) = (x.channels(), x.shape.iter().product::<usize>());
        let groups = usize::try_from(option::<i64>(layer, "groups")?).unwrap_or(channels);
        let graph = &mut self.graph;
        let parts = graph.reshaped(&x, &[groups, numbers / groups]);
        let [one, zero] = [1.0, 0.0].map(|value| graph.floats("group", &[groups], &vec![value; groups]));
        let epsilon = vec![("epsilon", Attribute::Float(option(layer, "epsilon")?))];
        let name = graph.op_with("InstanceNormalization", &[&parts.name, &one, &zero], epsilon);
        let shape = [&[channels], &x.shape[..x.shape.len() - 1]].concat();
        let mut name = graph.reshaped(&Value::new(name, parts.shape), &shape).name;
        for (parameter, operator) in [("gamma", "Mul"), ("beta", "Add")] {
            if let Some(values) = self.parameter(layer, parameter).map(|p| p.values.clone()) {
                let shape = [vec![channels], vec![1; x.shape.len() - 1]].concat();
                let values = self.graph.floats(parameter, &shape, &values);
                name = self.graph.op(operator, &[&name, &values]);
            }
        }
        Ok(x.like(name))
    }

    fn residual(&mut self, layer: &Described<'_>, x: Value, mask: Mask) -> Result<(Value, Mask)> {
        let branch = |around: bool| {
            let layers = layer.inner().filter(move |(name, _)| name.starts_with(SHORTCUT) == around);
            layers.map(|(_, inner)| inner)
        };
        let (mut a, left) = self.chain(branch(false), x.clone(), mask.clone())?;
        let (mut b, _) = self.chain(branch(true), x, mask)?;
        layer.path().clone_into(&mut self.graph.path);
        if a.channels_first != b.channels_first {
            (a, b) = (self.graph.channels_last(a), self.graph.channels_last(b));
        }
        Ok((a.like(self.graph.op("Add", &[&a.name, &b.name])), left))
    }

    fn time_distributed(&mut self, layer: &Described<'_>, x: Value) -> Result<Value> {
        let x = self.graph.channels_last(x);
        let steps = x.shape[0];
        let each = self.graph.reshaped(&x, &x.shape[1..]);
        let (y, _) = self.chain(layer.inner().map(|(_, inner)| inner), each, None)?;
        layer.path().clone_into(&mut self.graph.path);
        let y = self.graph.channels_last(y);
        Ok(self.graph.reshaped(&y, &[&[steps], y.shape.as_slice()].concat()))
    }

    fn embedding(&mut self, layer: &Described<'_>, x: &Value) -> Result<(Value, Mask)> {
        let table = self.needed(layer, "embeddings")?;
        let graph = &mut self.graph;
        let rows = graph.floats("embeddings", &table.shape, &table.values);
        let indices = graph.cast(&x.name, super::DataType::Int64);
        let y =
            Value::new(graph.op("Gather", &[&rows, &indices]), [&x.shape[..], &table.shape[1..]].concat());
        let mask = option::<bool>(layer, "mask_zero")?.then(|| {
            let zero = graph.floats("padding", &[], &[0.0]);
            let counts = graph.op("Greater", &[&x.name, &zero]);
            graph.cast(&counts, super::DataType::Float)
        });
        Ok((y, mask))
    }

    fn masking(&mut self, layer: &Described<'_>, x: &Value) -> Result<(Value, Mask)> {
        let value: f32 = option(layer, "value")?;
        let graph = &mut self.graph;
        let [value, one] = [value.into(), 1.0].map(|number| graph.floats("value", &[], &[number]));
        let equal = graph.op("Equal", &[&x.name, &value]);
        let equal = graph.cast(&equal, super::DataType::Float);
        let last = vec![("axes", Attribute::Ints(vec![2])), ("keepdims", Attribute::Int(0))];
        let padded = graph.op_with("ReduceMin", &[&equal], last);
        let mask = graph.op("Sub", &[&one, &padded]);
        Ok((self.masked(x, &mask), Some(mask)))
    }

    /// Zeros in the steps that do not count.
    fn masked(&mut self, x: &Value, mask: &str) -> Value {
        let axis = self.graph.ints("axis", &[2]);
        let mask = self.graph.op("Unsqueeze", &[mask, &axis]);
        x.like(self.graph.op("Mul", &[&x.name, &mask]))
    }

    fn bidirectional(&mut self, layer: &Described<'_>, x: Value, mask: Mask) -> Result<(Value, Mask)> {
        let mut runs = Vec::new();
        for ((_, inner), reversed) in layer.inner().zip([false, true]) {
            inner.path().clone_into(&mut self.graph.path);
            let x = self.framed(inner, x.clone());
            runs.push(self.run_through(inner, &x, mask.as_deref(), reversed)?);
        }
        layer.path().clone_into(&mut self.graph.path);
        let [a, b] = runs.as_slice() else { return Ok((x, mask)) };
        let names = [a.name.as_str(), &b.name];
        let mut shape = a.shape.clone();
        let name = match option(layer, "merge")? {
            MergeMode::Concat => {
                shape = [&a.shape[..a.shape.len() - 1], &[a.channels() + b.channels()]].concat();
                self.graph.op_with("Concat", &names, vec![("axis", Attribute::Int(-1))])
            }
            MergeMode::Sum => self.graph.op("Add", &names),
            MergeMode::Mul => self.graph.op("Mul", &names),
            MergeMode::Ave => self.graph.op("Mean", &names),
        };
        let y = Value::new(name, shape);
        match mask.filter(|_| y.shape.len() > 1) {
            Some(mask) => Ok((self.masked(&y, &mask), Some(mask))),
            None => Ok((y, None)),
        }
    }
}

/// The activation of an option.
pub(super) fn activation(layer: &Described<'_>, name: &str) -> Result<Activation> {
    match layer.options().get(name).and_then(serde_json::Value::as_str) {
        Some(own) if own.starts_with("own:") => Err(Error::invalid(
            layer.path(),
            format!("the activation {own}"),
            "an activation of autorot, which has an equal in ONNX",
            "compute it in your program, or train with another one",
        )),
        _ => option(layer, name),
    }
}

//! The nets: hidden layers of one width, as many as the depth says, and a linear layer.

use super::methods::{Method, Neurons, Norm, critical};
use super::options::{Layers, Options};
use autorot::extend::Layer;
use autorot::model::{Network, Tensor, Weights};
use autorot::{
    Activate, Activation, BatchNorm, Conv2d, Dataset, Dense, Device, Flatten, GlobalAveragePool2d, Model,
    Padding, Result, Sequential,
};

/// A method's net of this depth on a device.
pub fn build(
    options: &Options,
    device: &Device,
    data: &Dataset,
    (method, depth): (Method, usize),
    seed: u64,
) -> Result<Model> {
    let neurons = (method.neurons)(options.activation);
    let mut model = layers(options, data, &neurons, depth).build(device, seed)?;
    if neurons.critical_start {
        let twin = layers(options, data, &critical(neurons.activation), depth).network(seed)?;
        model.set_weights(&effective(&twin)?)?;
    }
    Ok(model)
}

fn layers(options: &Options, data: &Dataset, neurons: &Neurons, depth: usize) -> Sequential {
    let mut model = Sequential::for_data(data);
    if options.layers == Layers::Dense {
        model = model.add(Flatten);
    }
    for _ in 0..depth {
        model = match neurons.norm {
            Norm::Without => model.add_boxed(layer(options, neurons, neurons.activation, true)),
            Norm::Before => model
                .add_boxed(layer(options, neurons, Activation::Linear, false))
                .add(batch_norm())
                .add(Activate::new(neurons.activation)),
            Norm::After => {
                model.add_boxed(layer(options, neurons, neurons.activation, true)).add(batch_norm())
            }
        };
    }
    if options.layers == Layers::Conv {
        model = model.add(GlobalAveragePool2d::new());
    }
    model.add(Dense::new(data.targets().width()))
}

/// A hidden layer with this activation, and with a bias or without one.
fn layer(options: &Options, neurons: &Neurons, activation: Activation, bias: bool) -> Box<dyn Layer> {
    let Neurons { rotation, kernel, .. } = *neurons;
    match options.layers {
        Layers::Dense => {
            let layer = Dense::new(options.units).activation(activation).use_bias(bias);
            Box::new(layer.auto_rotate(rotation).kernel_initializer(kernel))
        }
        Layers::Conv => {
            let layer = Conv2d::new(options.filters, 3).padding(Padding::Same);
            let layer = layer.activation(activation).use_bias(bias);
            Box::new(layer.auto_rotate(rotation).kernel_initializer(kernel))
        }
    }
}

/// Running statistics that adapt within tens of steps, so that they fit even after a short training.
fn batch_norm() -> BatchNorm {
    BatchNorm::new().momentum(0.9)
}

/// The weights with which classic neurons compute what these critical ones do at the start: kernels ρ·W/d and biases −c·Σ of them, for
/// inputs around c with the deviation d. A padding of zeros changes nothing, since only the middle tap of a window is not 0.
fn effective(critical: &Network) -> Result<Weights> {
    let initial = critical.arena().initial();
    let mut tensors = Vec::new();
    for node in critical.nodes() {
        let facts = node.facts();
        let (Some(frame), Some(&limit)) = (facts.frame, facts.limits.first()) else { continue };
        let path = format!("{}.kernel", node.path());
        let kernel = critical.arena().named(&path)?;
        let units = kernel.shape.last().copied().unwrap_or(1);
        let mut values: Vec<f64> = initial[kernel.range()].iter().copied().map(f64::from).collect();
        let (mut bias, count) = (vec![0.0; units], values.len());
        for (unit, bias) in bias.iter_mut().enumerate() {
            let own = || (unit..count).step_by(units);
            let length = own().map(|i| values[i].powi(2)).sum::<f64>().sqrt();
            let factor = f64::from(limit) / length / f64::from(frame.deviation);
            own().for_each(|i| values[i] *= factor);
            *bias = -f64::from(frame.centre) * own().map(|i| values[i]).sum::<f64>();
        }
        let tensor = |shape: &[usize], values: &[f64]| Tensor {
            shape: shape.to_vec(),
            values: values.iter().map(|&value| value as f32).collect(),
        };
        tensors.push((path, tensor(&kernel.shape, &values)));
        tensors.push((format!("{}.bias", node.path()), tensor(&[units], &bias)));
    }
    Ok(Weights::from_tensors(tensors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depth::tests::parsed;

    fn method(name: &str) -> Method {
        super::super::methods::ALL.into_iter().find(|method| method.name == name).unwrap()
    }

    #[test]
    fn centred_neurons_start_as_critical_ones_do() {
        let rows = 6;
        let inputs: Vec<f32> = (0..rows * 36).map(|i| 2.0 + (i * 7 % 11) as f32).collect();
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let data = Dataset::classes([6, 6, 1], inputs, vec![0, 1, 2, 0, 1, 2], names).unwrap();
        for layers in ["dense", "conv"] {
            for activation in ["sigmoid", "tanh"] {
                let options = parsed(&["--layers", layers, "--activation", activation]);
                let answers = |name: &str| {
                    let device = Device::cpu_f64();
                    let mut model = build(&options, &device, &data, (method(name), 4), 3).unwrap();
                    model.predict(data.inputs()).unwrap()
                };
                let [centred, critical, classic] = ["centred", "critical", "classic"].map(answers);
                let far = |other: &[f32]| {
                    let differences = other.iter().zip(&critical).map(|(a, b)| (a - b).abs());
                    differences.fold(0.0, f32::max)
                };
                assert!(far(&centred) < 1e-4, "{layers}, {activation}: {centred:?}, {critical:?}");
                assert!(far(&classic) > 1e-2, "{layers}, {activation}: {classic:?}, {critical:?}");
            }
        }
    }
}

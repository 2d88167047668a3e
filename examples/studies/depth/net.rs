//! The nets: hidden layers of one width, as many as the depth says, and a linear layer.

use super::methods::Method;
use super::options::{Layers, Options};
use crate::neurons::{Neurons, made_of};
use autorot::extend::Layer;
use autorot::{
    Activation, AveragePool2d, Conv2d, Dataset, Dense, Device, Flatten, GlobalAveragePool2d, Model, Padding,
    Result, Sequential,
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
    let twin = || layers(options, data, &Neurons::critical(neurons.activation), depth).network(seed);
    neurons.begin(&mut model, data, twin)?;
    Ok(model)
}

fn layers(options: &Options, data: &Dataset, neurons: &Neurons, depth: usize) -> Sequential {
    let mut model = Sequential::for_data(data);
    model = match options.layers {
        Layers::Dense => model.add(Flatten),
        Layers::Conv if options.pool > 1 => model.add(AveragePool2d::new(options.pool)),
        Layers::Conv => model,
    };
    let hidden = |activation, bias| layer(options, neurons, activation, bias);
    model = (0..depth).fold(model, |model, _| neurons.add_to(model, hidden));
    if options.layers == Layers::Conv {
        model = model.add(GlobalAveragePool2d::new());
    }
    model.add(Dense::new(data.targets().width()))
}

/// A hidden layer with this activation, and with a bias or without one.
fn layer(options: &Options, neurons: &Neurons, activation: Activation, bias: bool) -> Box<dyn Layer> {
    match options.layers {
        Layers::Dense => {
            let layer = Dense::new(options.units).activation(activation).use_bias(bias);
            Box::new(made_of!(layer, neurons))
        }
        Layers::Conv => {
            let layer = Conv2d::new(options.filters, 3).padding(Padding::Same);
            Box::new(made_of!(layer.activation(activation).use_bias(bias), neurons))
        }
    }
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

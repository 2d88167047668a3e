//! The nets, and how they start from the same kernels.

use super::Options;
use crate::gradients::LayerGradients;
use autorot::extend::plan::arena::Parameter;
use autorot::model::Network;
use autorot::model::{Tensor, Weights};
use autorot::{
    AutoRotate, BatchNorm, Conv2d, Dataset, Dense, Device, Flatten, MaxPool2d, Model, Padding, Result,
    Sequential,
};

/// One of the six nets.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    /// The name in the report.
    pub name: &'static str,
    /// The title in tables and figures.
    pub title: &'static str,
    neurons: Neurons,
    batch_norm: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Neurons {
    Classic,
    /// By the rule of the options.
    Rotated,
    Critical,
}

pub const ALL: [Net; 6] = [
    Net { name: "classic", title: "classic", neurons: Neurons::Classic, batch_norm: false },
    Net { name: "classic-bn", title: "classic + BN", neurons: Neurons::Classic, batch_norm: true },
    Net { name: "ar", title: "AR", neurons: Neurons::Rotated, batch_norm: false },
    Net { name: "ar-bn", title: "AR + BN", neurons: Neurons::Rotated, batch_norm: true },
    Net { name: "critical", title: "critical", neurons: Neurons::Critical, batch_norm: false },
    Net { name: "critical-bn", title: "critical + BN", neurons: Neurons::Critical, batch_norm: true },
];

const FILTERS: [usize; 3] = [16, 32, 64];
const HIDDEN: [usize; 4] = [10; 4];

/// The net on a device. The same seed gives the same kernels to every net; those of critical auto-rotation are its own.
pub fn build(options: &Options, device: &Device, data: &Dataset, net: Net, seed: u64) -> Result<Model> {
    let mut model = layers(options, data, net)?.build(device, seed)?;
    // Initial kernels depend on a layer's path, and BN shifts the paths: one net gives its kernels to all that start alike.
    let neurons = if net.neurons == Neurons::Critical { net.neurons } else { Neurons::Classic };
    let source = layers(options, data, Net { neurons, batch_norm: true, ..net })?.network(seed)?;
    let common = common_weights(&source, model.network());
    model.set_weights(&common)?;
    Ok(model)
}

fn layers(options: &Options, data: &Dataset, net: Net) -> Result<Sequential> {
    let activation = options.activation;
    let rotation = match net.neurons {
        Neurons::Classic => None,
        Neurons::Rotated => Some(options.rotation.auto_rotate()),
        Neurons::Critical => Some(AutoRotate::critical()),
    };
    let mut model = Sequential::for_data(data);
    for filters in FILTERS {
        let conv = Conv2d::new(filters, 3).padding(Padding::Same);
        model = model.add(conv.activation(activation).auto_rotate(rotation));
        if net.batch_norm {
            model = model.add(BatchNorm::new().synchronized(true));
        }
        model = model.add(MaxPool2d::new(2));
    }
    model = model.add(Flatten);
    for units in HIDDEN {
        model = model.add(Dense::new(units).activation(activation).auto_rotate(rotation));
    }
    Ok(model.add(Dense::new(data.targets().width())))
}

/// Kernels and biases of `source` under the paths of `target`, matched by the layers' order. They have no description, since
/// networks that compute different things are to start from the same tensors.
fn common_weights(source: &Network, target: &Network) -> Weights {
    let initial = source.arena().initial();
    let pairs = kernels_and_biases(source).zip(kernels_and_biases(target));
    pairs
        .map(|(from, to)| {
            let values = initial[from.offset..from.offset + from.len()].to_vec();
            (to.path.clone(), Tensor { shape: from.shape.clone(), values })
        })
        .collect()
}

fn kernels_and_biases(network: &Network) -> impl Iterator<Item = &Parameter> {
    let wanted = |p: &&Parameter| p.path.ends_with(".kernel") || p.path.ends_with(".bias");
    network.arena().parameters().iter().filter(wanted)
}

/// Gives layers the same names in all nets: `conv 1` for `0.conv2d`, `dense 5` for the last.
pub fn name_layers(gradients: &mut [LayerGradients]) {
    for (i, layer) in gradients.iter_mut().enumerate() {
        layer.layer = match i.checked_sub(FILTERS.len()) {
            None => format!("conv {}", i + 1),
            Some(dense) => format!("dense {}", dense + 1),
        };
    }
}

//! Poolings, padding, cropping, up-sampling, other shapes, normalisation, embeddings and softmax against golden files made with Keras.

use crate::common::devices;
use crate::golden::{Run, golden};
use crate::golden_conv::{Pad, assert_array, extent};
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{
    BatchNorm, Cropping, Embedding, GlobalPool, GroupNorm, Interpolation, LayerNorm, PRelu, Permute, Pool,
    RepeatVector, Reshape, Softmax, UpSampling, ZeroPadding,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Options {
    pool_size: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    padding: Option<Pad>,
    keepdims: Option<bool>,
    size: Option<Vec<usize>>,
    cropping: Option<Vec<(usize, usize)>>,
    target_shape: Option<Vec<i64>>,
    dims: Option<Vec<usize>>,
    n: Option<usize>,
    interpolation: Option<Interpolation>,
    groups: Option<i64>,
    shared_axes: Option<Vec<usize>>,
    input_dim: Option<usize>,
    output_dim: Option<usize>,
    momentum: Option<f32>,
    epsilon: Option<f32>,
    center: Option<bool>,
    scale: Option<bool>,
    fused: Option<bool>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    options: Options,
    batch: usize,
    input: Vec<usize>,
    parameters: BTreeMap<String, Vec<f64>>,
    x: Vec<f64>,
    g: Vec<f64>,
    output: Vec<usize>,
    y: Vec<f64>,
    d_x: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
    y_inference: Option<Vec<f64>>,
    moving_mean_after: Option<Vec<f64>>,
    moving_variance_after: Option<Vec<f64>>,
}

impl Case {
    fn layer(&self) -> Box<dyn Layer> {
        let layer = match self.input.len() - 1 {
            _ if self.kind == "batch_norm" => self.batch_norm(),
            _ if self.kind == "layer_norm" => self.layer_norm(),
            2 if self.options.interpolation.is_some() => {
                let size = extent::<2>(self.options.size.as_ref().unwrap());
                Box::new(UpSampling::<2>::new(size).interpolation(self.options.interpolation.unwrap()))
            }
            _ if self.kind == "group_norm" => self.group_norm(),
            _ if self.kind == "prelu" => {
                Box::new(PRelu::new().shared_axes(self.options.shared_axes.clone().unwrap_or_default()))
            }
            _ if self.kind == "embedding" => {
                let Options { input_dim, output_dim, .. } = self.options;
                Box::new(Embedding::new(input_dim.unwrap(), output_dim.unwrap()))
            }
            _ if self.kind == "softmax" => Box::new(Softmax::new()),
            _ if self.kind == "reshape" => Box::new(Reshape::new(self.options.target_shape.clone().unwrap())),
            _ if self.kind == "permute" => Box::new(Permute::new(self.options.dims.clone().unwrap())),
            _ if self.kind == "repeat_vector" => Box::new(RepeatVector::new(self.options.n.unwrap())),
            1 => self.of_dimensions::<1>(),
            2 => self.of_dimensions::<2>(),
            _ => self.of_dimensions::<3>(),
        };
        assert_eq!(layer.kind(), self.kind);
        layer
    }

    fn batch_norm(&self) -> Box<dyn Layer> {
        let Options { momentum, epsilon, center, scale, .. } = self.options;
        let layer = BatchNorm::new().momentum(momentum.unwrap()).epsilon(epsilon.unwrap());
        Box::new(layer.center(center.unwrap()).scale(scale.unwrap()))
    }

    fn layer_norm(&self) -> Box<dyn Layer> {
        let Options { epsilon, center, scale, .. } = self.options;
        let layer = LayerNorm::new().epsilon(epsilon.unwrap());
        Box::new(layer.center(center.unwrap()).scale(scale.unwrap()))
    }

    fn group_norm(&self) -> Box<dyn Layer> {
        let Options { groups, epsilon, center, scale, .. } = self.options;
        let layer = GroupNorm::new(groups.unwrap()).epsilon(epsilon.unwrap());
        Box::new(layer.center(center.unwrap()).scale(scale.unwrap()))
    }

    fn of_dimensions<const D: usize>(&self) -> Box<dyn Layer> {
        let options = &self.options;
        let pool_size = || extent::<D>(options.pool_size.as_ref().unwrap());
        let strides = || extent::<D>(options.strides.as_ref().unwrap());
        let padding = || options.padding.as_ref().unwrap();
        let keep = options.keepdims.unwrap_or(false);
        match self.kind.trim_end_matches(&format!("{D}d")) {
            "max_pool" => {
                Box::new(Pool::<D, true>::new(pool_size()).strides(strides()).padding(padding().padding()))
            }
            "average_pool" => {
                Box::new(Pool::<D, false>::new(pool_size()).strides(strides()).padding(padding().padding()))
            }
            "global_max_pool" => Box::new(GlobalPool::<D, true>::new().keepdims(keep)),
            "global_average_pool" => Box::new(GlobalPool::<D, false>::new().keepdims(keep)),
            "zero_padding" => match padding() {
                Pad::Pairs(pairs) => {
                    let pairs: [(usize, usize); D] = pairs.as_slice().try_into().unwrap();
                    Box::new(ZeroPadding::<D>::new(pairs))
                }
                Pad::Word(word) => panic!("padding {word}"),
            },
            "cropping" => {
                let pairs = options.cropping.as_ref().unwrap().as_slice();
                let pairs: [(usize, usize); D] = pairs.try_into().unwrap();
                Box::new(Cropping::<D>::new(pairs))
            }
            "up_sampling" => Box::new(UpSampling::<D>::new(extent::<D>(options.size.as_ref().unwrap()))),
            other => panic!("no layer {other}"),
        }
    }
}

#[test]
fn layers_agree_with_keras() {
    let cases: Vec<Case> = golden("layers.json");
    assert!(cases.len() >= 50);
    for device in devices() {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let Case { input, batch, x, g, parameters, .. } = case;
            let run = |purpose| {
                let (layers, batch) = (vec![case.layer()], *batch);
                Run { layers, input, batch, purpose, x, g, parameters, states: &[], times: 1 }.on(&device)
            };
            let found = run(Purpose::Train);
            assert_eq!(found.y.len(), batch * case.output.iter().product::<usize>(), "{}", what("size"));
            assert_array(&what("y"), &found.y, &case.y, 1e-5);
            assert_array(&what("dx"), &found.d_x, &case.d_x, 1e-4);
            for (name, wanted) in &case.gradients {
                assert_array(&what(name), &found.gradients[name], wanted, 1e-4);
            }
            if let Some(wanted) = &case.moving_mean_after {
                assert_array(&what("moving mean"), &found.parameters["moving_mean"], wanted, 1e-5);
            }
            // Keras' slower way for inputs of rank 4, which has to be asked for, has another running variance.
            let asked_for = case.options.fused == Some(false) && input.len() >= 3;
            if let (Some(wanted), false) = (&case.moving_variance_after, asked_for) {
                assert_array(&what("moving variance"), &found.parameters["moving_variance"], wanted, 1e-5);
            }
            if let Some(wanted) = &case.y_inference {
                assert_array(&what("y when predicting"), &run(Purpose::Infer).y, wanted, 1e-5);
            }
        }
    }
}

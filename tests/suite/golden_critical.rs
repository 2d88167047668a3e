//! Critical auto-rotation against golden files made with its definition on Keras' layers.

use crate::common::devices;
use crate::golden::{Run, golden};
use crate::golden_conv::{self, assert_array};
use crate::golden_recurrent;
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{Activation, AutoRotate, Dense, Device, Frame, LearnL, RotatedPart};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Rotate {
    centre: f32,
    deviation: f32,
    learn: LearnL,
    delta: f32,
    epsilon: f32,
}

#[derive(Deserialize)]
struct Case<T> {
    name: String,
    #[serde(flatten)]
    options: T,
    rotate: Rotate,
    batch: usize,
    input: Vec<usize>,
    x: Vec<f64>,
    parameters: BTreeMap<String, Vec<f64>>,
    g: Vec<f64>,
    output: Vec<usize>,
    y: Vec<f64>,
    d_x: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct DenseOptions {
    units: usize,
    activation: Activation,
    use_bias: bool,
}

#[derive(Deserialize)]
struct Cases {
    dense: Vec<Case<DenseOptions>>,
    conv: Vec<Case<golden_conv::Options>>,
    recurrent: Vec<Case<golden_recurrent::Options>>,
}

impl Rotate {
    fn options(&self) -> AutoRotate {
        let frame = Frame::new(self.centre, self.deviation).unwrap();
        AutoRotate::critical().frame(frame).learn_l(self.learn).delta(self.delta).epsilon(self.epsilon)
    }
}

impl<T> Case<T> {
    /// Compares what the layers with this rotation compute.
    fn compare(&self, device: &Device, layers: impl Fn(&T, AutoRotate) -> Vec<Box<dyn Layer>>) {
        let what = |part: &str| format!("{} on {}: {part}", self.name, device.name());
        let Self { input, batch, x, g, parameters, .. } = self;
        let (layers, batch, purpose) = (layers(&self.options, self.rotate.options()), *batch, Purpose::Train);
        let found = Run { layers, input, batch, purpose, x, g, parameters, states: &[], times: 1 }.on(device);
        assert_eq!(found.y.len(), batch * self.output.iter().product::<usize>(), "{}", what("size"));
        assert_array(&what("y"), &found.y, &self.y, 1e-5);
        assert_array(&what("dx"), &found.d_x, &self.d_x, 1e-4);
        assert_eq!(found.gradients.len(), self.gradients.len(), "{}", what("parameters"));
        for (name, wanted) in &self.gradients {
            assert_array(&what(name), &found.gradients[name], wanted, 1e-4);
        }
    }
}

#[test]
fn critical_layers_agree_with_their_definition() {
    let Cases { dense, conv, recurrent } = golden("critical.json");
    assert!(dense.len() >= 10 && conv.len() >= 25 && recurrent.len() >= 19);
    for device in devices() {
        for case in &dense {
            case.compare(&device, |&DenseOptions { units, activation, use_bias }, rotate| {
                let layer = Dense::new(units).activation(activation).use_bias(use_bias);
                vec![Box::new(layer.auto_rotate(rotate))]
            });
        }
        // Every case has shaders of its own: the variant that compiles fastest.
        let reduced = device.clone().with_variant("reduce");
        for case in &conv {
            case.compare(&reduced, |options, rotate| vec![options.layer(Some(rotate))]);
        }
        for case in &recurrent {
            case.compare(&device, |options, rotate| {
                options.layers(Some((rotate, RotatedPart::Input)), false)
            });
        }
    }
}

//! Convolutional memories against golden files: classic ones made with Keras, rotated ones with the definition on Keras' cell.

use crate::common::devices;
use crate::golden::{Run, golden};
use crate::golden_conv::{Pad, assert_array, extent};
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{Activation, AutoRotate, ConvLstm, LearnL, Rule};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Rotate {
    rule: Rule,
    learn: LearnL,
    x_q: f32,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    filters: usize,
    kernel_size: Vec<usize>,
    strides: Vec<usize>,
    padding: Pad,
    dilation: Vec<usize>,
    recurrent_activation: Activation,
    use_bias: bool,
    return_sequences: bool,
    go_backwards: bool,
    rotate: Option<Rotate>,
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

impl Case {
    fn layer(&self) -> Box<dyn Layer> {
        if self.kernel_size.len() == 1 { self.of_dimensions::<1>() } else { self.of_dimensions::<2>() }
    }

    fn of_dimensions<const D: usize>(&self) -> Box<dyn Layer> {
        let rotate = self.rotate.as_ref();
        let rotate = rotate.map(|r| AutoRotate::new().rule(r.rule).learn_l(r.learn).x_q(r.x_q));
        let layer = ConvLstm::<D>::new(self.filters, extent::<D>(&self.kernel_size))
            .strides(extent::<D>(&self.strides))
            .padding(self.padding.padding())
            .dilation(extent::<D>(&self.dilation))
            .recurrent_activation(self.recurrent_activation)
            .use_bias(self.use_bias)
            .return_sequences(self.return_sequences)
            .go_backwards(self.go_backwards);
        Box::new(layer.auto_rotate(rotate))
    }
}

#[test]
fn convolutional_memories_agree_with_keras() {
    let cases: Vec<Case> = golden("conv_lstm.json");
    assert!(cases.len() >= 10);
    for device in devices() {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let Case { input, batch, x, g, parameters, .. } = case;
            let run = |purpose| {
                let (layers, device) = (vec![case.layer()], device.clone().with_variant("reduce"));
                Run { layers, input, batch: *batch, purpose, x, g, parameters, states: &[], times: 1 }
                    .on(&device)
            };
            let found = run(Purpose::Train);
            assert_eq!(found.y.len(), batch * case.output.iter().product::<usize>(), "{}", what("size"));
            assert_array(&what("y"), &found.y, &case.y, 1e-5);
            assert_array(&what("dx"), &found.d_x, &case.d_x, 1e-4);
            assert_eq!(found.gradients.len(), case.gradients.len(), "{}", what("parameters"));
            for (name, wanted) in &case.gradients {
                assert_array(&what(name), &found.gradients[name], wanted, 1e-4);
            }
            assert_array(&what("y when predicting"), &run(Purpose::Infer).y, &case.y, 1e-5);
        }
    }
}

//! Recurrent layers against golden files: classic ones made with Keras, rotated ones with the definition on Keras' cells.

use crate::common::devices;
use crate::golden::{Run, golden};
use crate::golden_conv::assert_array;
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{
    Activation, AutoRotate, Bidirectional, Cell, LearnL, Masking, MergeMode, Recurrent, RotatedPart, Rule,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Rotate {
    way: RotatedPart,
    rule: Rule,
    learn: LearnL,
    x_q: f32,
    detached: bool,
}

/// The layer that runs backwards beside another.
#[derive(Deserialize)]
struct Backward {
    cell: String,
    units: usize,
}

/// A recurrent layer's options but for its rotation.
#[derive(Deserialize)]
pub struct Options {
    cell: String,
    units: usize,
    activation: Activation,
    recurrent_activation: Option<Activation>,
    use_bias: bool,
    reset_after: Option<bool>,
    return_sequences: bool,
    go_backwards: bool,
    stateful: bool,
    merge: Option<MergeMode>,
    backward: Option<Backward>,
    mask_value: Option<f32>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    options: Options,
    auto_rotate: Option<Rotate>,
    batch: usize,
    steps: usize,
    features: usize,
    parameters: BTreeMap<String, Vec<f64>>,
    initial_state: Option<Vec<Vec<f64>>>,
    x: Vec<f64>,
    g: Vec<f64>,
    output: Vec<usize>,
    y: Vec<f64>,
    y_second: Option<Vec<f64>>,
    final_state: Option<Vec<Vec<f64>>>,
    d_x: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
}

impl Options {
    /// The layer, which starts from given states if `initial`, and the masking before it.
    pub fn layers(&self, rotate: Option<(AutoRotate, RotatedPart)>, initial: bool) -> Vec<Box<dyn Layer>> {
        let mut layer = Recurrent::new(Cell::from_name(&self.cell).unwrap(), self.units)
            .activation(self.activation)
            .recurrent_activation(self.recurrent_activation.unwrap_or_default())
            .use_bias(self.use_bias)
            .reset_after(self.reset_after.unwrap_or(true))
            .return_sequences(self.return_sequences)
            .go_backwards(self.go_backwards)
            .stateful(self.stateful || initial)
            .return_state(self.merge.is_none());
        if let Some((rotate, part)) = rotate {
            layer = layer.auto_rotate(rotate).rotated_part(part);
        }
        let layer: Box<dyn Layer> = match self.merge {
            Some(merge) => {
                let both = Bidirectional::new(layer).merge(merge);
                Box::new(match &self.backward {
                    None => both,
                    Some(Backward { cell, units }) => both.backward_layer(
                        Recurrent::new(Cell::from_name(cell).unwrap(), *units)
                            .return_sequences(self.return_sequences)
                            .go_backwards(true),
                    ),
                })
            }
            None => Box::new(layer),
        };
        let masking = self.mask_value.map(|value| Box::new(Masking::new(value)) as Box<dyn Layer>);
        masking.into_iter().chain([layer]).collect()
    }
}

impl Case {
    fn layers(&self) -> Vec<Box<dyn Layer>> {
        let rotate = self.auto_rotate.as_ref().map(|&Rotate { way, rule, learn, x_q, detached }| {
            (AutoRotate::new().rule(rule).learn_l(learn).x_q(x_q).detached(detached), way)
        });
        self.options.layers(rotate, self.initial_state.is_some())
    }
}

#[test]
fn recurrent_layers_agree_with_keras() {
    let cases: Vec<Case> = golden("recurrent.json");
    assert!(cases.len() >= 90);
    for device in devices() {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let Case { batch, x, g, parameters, .. } = case;
            let (input, batch) = (&[case.steps, case.features], *batch);
            let states = case.initial_state.as_deref().unwrap_or_default();
            let run = |purpose, times| {
                Run { layers: case.layers(), input, batch, purpose, x, g, parameters, states, times }
                    .on(&device)
            };
            let found = run(Purpose::Train, 1);
            assert_eq!(found.y.len(), batch * case.output.iter().product::<usize>(), "{}", what("size"));
            assert_array(&what("y"), &found.y, &case.y, 1e-5);
            assert_array(&what("dx"), &found.d_x, &case.d_x, 1e-4);
            assert_eq!(found.gradients.len(), case.gradients.len(), "{}", what("parameters"));
            for (name, wanted) in &case.gradients {
                assert_array(&what(name), &found.gradients[name], wanted, 1e-4);
            }
            let predicted = run(Purpose::Infer, 1);
            assert_array(&what("y when predicting"), &predicted.y, &case.y, 1e-5);
            for (found, wanted) in predicted.states.iter().zip(case.final_state.iter().flatten()) {
                assert_array(&what("final state"), found, wanted, 1e-5);
            }
            let kept = case.final_state.as_ref().map_or(0, Vec::len);
            assert_eq!(predicted.states.len(), kept, "{}", what("states"));
            if let Some(wanted) = &case.y_second {
                assert_array(&what("y of the second batch"), &run(Purpose::Train, 2).y, wanted, 1e-5);
                assert_array(&what("y of the second prediction"), &run(Purpose::Infer, 2).y, wanted, 1e-5);
            }
        }
    }
}

//! Convolutions against golden files made with arpkeras and Keras.

use crate::common::{Tolerance, assert_close, devices};
use crate::golden::{Run, golden};
use autorot::extend::Layer;
use autorot::extend::plan::Purpose;
use autorot::{Activation, AutoRotate, LearnL, Padding, Rule};
use autorot::{Conv, ConvTranspose, DepthwiseConv, SeparableConv};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Pad {
    Word(String),
    Pairs(Vec<(usize, usize)>),
}

impl Pad {
    pub fn padding(&self) -> Padding {
        match self {
            Self::Word(word) if word == "same" => Padding::Same,
            Self::Word(word) if word == "valid" => Padding::Valid,
            Self::Word(word) if word == "causal" => Padding::Causal,
            Self::Word(word) => panic!("padding {word}"),
            Self::Pairs(pairs) => Padding::Explicit(pairs.clone()),
        }
    }
}

#[derive(Deserialize)]
struct Rotate {
    x_min: f32,
    x_max: f32,
    x_q: f32,
    l: f32,
    epsilon: f32,
    rule: Rule,
    per_filter: bool,
}

/// A convolution's options but for its rotation.
#[derive(Deserialize)]
pub struct Options {
    kind: String,
    filters: Option<usize>,
    kernel_size: Vec<usize>,
    strides: Vec<usize>,
    padding: Pad,
    dilation: Vec<usize>,
    groups: usize,
    output_padding: Option<Vec<usize>>,
    depth_multiplier: usize,
    activation: String,
    use_bias: bool,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(flatten)]
    options: Options,
    batch: usize,
    input: Vec<usize>,
    rotate: Option<Rotate>,
    x: Vec<f64>,
    parameters: BTreeMap<String, Vec<f64>>,
    g: Vec<f64>,
    output: Vec<usize>,
    y: Vec<f64>,
    d_x: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
    d_l: Option<f64>,
}

/// A number for each of `D` dimensions.
pub fn extent<const D: usize>(values: &[usize]) -> [usize; D] {
    values.try_into().unwrap()
}

impl Options {
    pub fn layer(&self, rotate: Option<AutoRotate>) -> Box<dyn Layer> {
        match self.kernel_size.len() {
            1 => self.of_dimensions::<1>(rotate),
            2 => self.of_dimensions::<2>(rotate),
            _ => self.of_dimensions::<3>(rotate),
        }
    }

    fn of_dimensions<const D: usize>(&self, rotate: Option<AutoRotate>) -> Box<dyn Layer> {
        let kernel = extent::<D>(&self.kernel_size);
        macro_rules! finish {
            ($layer:expr) => {
                Box::new(
                    $layer
                        .strides(extent::<D>(&self.strides))
                        .padding(self.padding.padding())
                        .dilation(extent::<D>(&self.dilation))
                        .activation(Activation::from_name(&self.activation).unwrap())
                        .use_bias(self.use_bias)
                        .auto_rotate(rotate),
                )
            };
        }
        let filters = self.filters.unwrap_or(0);
        let layer: Box<dyn Layer> = match self.kind.trim_end_matches(&format!("{D}d")) {
            "conv" => finish!(Conv::<D>::new(filters, kernel).groups(self.groups)),
            "depthwise_conv" => {
                finish!(DepthwiseConv::<D>::new(kernel).depth_multiplier(self.depth_multiplier))
            }
            "separable_conv" => {
                finish!(SeparableConv::<D>::new(filters, kernel).depth_multiplier(self.depth_multiplier))
            }
            _ => match &self.output_padding {
                Some(extra) => {
                    finish!(ConvTranspose::<D>::new(filters, kernel).output_padding(extent::<D>(extra)))
                }
                None => finish!(ConvTranspose::<D>::new(filters, kernel)),
            },
        };
        assert_eq!(layer.kind(), self.kind);
        layer
    }
}

impl Rotate {
    fn options(&self, learn: LearnL) -> AutoRotate {
        assert_eq!(self.x_q, 2.0 * self.x_max - self.x_min);
        let rotate = AutoRotate::new().rule(self.rule).limits(self.x_min, self.x_max);
        rotate.l(self.l).epsilon(self.epsilon).per_filter(self.per_filter).learn_l(learn)
    }
}

/// Every number within `relative` of itself, but for what single precision leaves where sums of the array's size cancel.
pub fn assert_array(what: &str, found: &[f64], wanted: &[f64], relative: f64) {
    let size = wanted.iter().fold(1.0, |size: f64, w| size.max(w.abs()));
    let scaled = |values: &[f64]| values.iter().map(|v| v / size).collect::<Vec<_>>();
    assert_close(what, &scaled(found), &scaled(wanted), Tolerance::new(1e-6, relative));
}

#[test]
fn convolutions_agree_with_arpkeras_and_keras() {
    let cases: Vec<Case> = golden("conv.json");
    assert!(cases.len() >= 60);
    // Every case has shaders of its own: the variant that compiles fastest. The kernel table has the others.
    for device in devices() {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let Case { input, batch, x, g, parameters, .. } = case;
            let run = |learn| {
                let rotate = case.rotate.as_ref().map(|rotate| rotate.options(learn));
                let (layers, batch, purpose) = (vec![case.options.layer(rotate)], *batch, Purpose::Train);
                let device = device.clone().with_variant("reduce");
                Run { layers, input, batch, purpose, x, g, parameters, states: &[], times: 1 }.on(&device)
            };
            let found = run(LearnL::Fixed);
            assert_eq!(found.y.len(), batch * case.output.iter().product::<usize>(), "{}", what("size"));
            assert_array(&what("y"), &found.y, &case.y, 1e-5);
            assert_eq!(found.gradients.len(), case.gradients.len(), "{}", what("parameters"));
            for (name, wanted) in &case.gradients {
                assert_array(&what(name), &found.gradients[name], wanted, 1e-4);
            }
            assert_array(&what("dx"), &found.d_x, &case.d_x, 1e-4);
            if let (Some(d_l), Some(rotate)) = (case.d_l, &case.rotate) {
                for learn in [LearnL::PerLayer, LearnL::PerUnit] {
                    let found = run(learn);
                    assert_array(&what("y with L = exp λ"), &found.y, &case.y, 1e-5);
                    // dλ = L·dL; one L a filter has its share of it.
                    let total = [found.gradients["lambda"].iter().sum()];
                    assert_array(&what("dλ"), &total, &[d_l * f64::from(rotate.l)], 1e-4);
                }
            }
        }
    }
}

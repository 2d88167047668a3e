//! Layers against golden files; `tests/golden` holds them and their generators. Here: how, and dense layers.

use crate::common::{Tolerance, assert_close, devices};
use autorot::extend::Layer;
use autorot::extend::executor::Values;
use autorot::extend::kernel::{self, Element, clock};
use autorot::extend::plan::arena::keys;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{Activation, AutoRotate, Dense, Device, LearnL, Sequential};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A golden file.
pub fn golden<T: serde::de::DeserializeOwned>(file: &str) -> T {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Blocks on a read.
pub fn now<T>(future: impl Future<Output = autorot::Result<T>>) -> T {
    pollster::block_on(future).unwrap()
}

#[derive(Deserialize)]
struct DenseCase {
    name: String,
    batch: usize,
    inputs: usize,
    units: usize,
    activation: String,
    use_bias: bool,
    auto_rotate: bool,
    x_min: f32,
    x_max: f32,
    x_q: f32,
    x_q_given: bool,
    l: f32,
    epsilon: f32,
    x: Vec<f64>,
    w: Vec<f64>,
    b: Option<Vec<f64>>,
    g: Vec<f64>,
    y: Vec<f64>,
    d_w: Vec<f64>,
    d_b: Option<Vec<f64>>,
    d_x: Vec<f64>,
    d_l: Option<f64>,
}

impl DenseCase {
    fn layer(&self, learn: LearnL) -> Dense {
        let layer = Dense::new(self.units)
            .activation(Activation::from_name(&self.activation).unwrap())
            .use_bias(self.use_bias);
        if !self.auto_rotate {
            return layer;
        }
        let rotate = AutoRotate::new().l(self.l).epsilon(self.epsilon).learn_l(learn);
        // An x_Q of 0 must be given: derived from a range it is refused.
        let given = self.x_q_given || self.x_q == 0.0;
        layer.auto_rotate(if given { rotate.x_q(self.x_q) } else { rotate.limits(self.x_min, self.x_max) })
    }
}

/// A layer with its numbers, to be run forward and backward on a device.
pub struct Run<'a> {
    pub layers: Vec<Box<dyn Layer>>,
    pub input: &'a [usize],
    pub batch: usize,
    pub purpose: Purpose,
    pub x: &'a [f64],
    pub g: &'a [f64],
    /// Parameters by name; others stay as they start.
    pub parameters: &'a BTreeMap<String, Vec<f64>>,
    /// The states with which recurrent layers begin that are stateful, h and c; 0 where there are none.
    pub states: &'a [Vec<f64>],
    /// How often it runs.
    pub times: usize,
}

/// What a layer computed.
pub struct Found {
    pub y: Vec<f64>,
    pub d_x: Vec<f64>,
    /// By name, that of a learnt L among them.
    pub gradients: BTreeMap<String, Vec<f64>>,
    /// The parameters afterwards.
    pub parameters: BTreeMap<String, Vec<f64>>,
    /// The states that layers keep afterwards, h and c.
    pub states: Vec<Vec<f64>>,
}

impl Run<'_> {
    pub fn on(self, device: &Device) -> Found {
        let model = self.layers.into_iter().fold(Sequential::new(self.input), Sequential::add_boxed);
        let network = model.network(0).unwrap();
        let arena = network.arena();
        let mut executor = device.executor();
        for key in [keys::PARAMETERS, keys::GRADIENTS] {
            executor.allocate(key, Element::Float, arena.len()).unwrap();
        }
        executor.allocate(keys::CLOCK, Element::Index, clock::LEN).unwrap();
        executor.write(keys::PARAMETERS, 0, Values::F32(&arena.initial())).unwrap();
        for (key, values) in [("x", self.x), ("g", self.g)] {
            executor.allocate(key, Element::Float, values.len()).unwrap();
            executor.write(key, 0, Values::F64(values)).unwrap();
        }
        let named =
            || arena.parameters().iter().map(|p| (p.path.splitn(3, '.').last().unwrap().to_owned(), p));
        for (name, p) in named() {
            if let Some(values) = self.parameters.get(&name) {
                assert_eq!(values.len(), p.len(), "{name}");
                executor.write(keys::PARAMETERS, p.offset, Values::F64(values)).unwrap();
            }
        }
        let mut rec = Recorder::new(self.purpose, self.batch, arena);
        let x = rec.shared("x", Element::Float, self.x.len());
        let g = rec.shared("g", Element::Float, self.g.len());
        let traces = network.forward(&mut rec, x);
        let y = traces.last().unwrap().output;
        rec.keep(y);
        let d_x =
            (self.purpose != Purpose::Infer).then(|| network.backward(&mut rec, &traces, g, true).unwrap());
        d_x.into_iter().for_each(|d_x| rec.keep(d_x));
        rec.record_deferred();
        let plan = rec.finish("golden").unwrap();
        let part = |units: usize| kernel::state_part(self.batch, units);
        let units = network.output().shape.last().copied().unwrap();
        let kept: Vec<(String, usize)> = plan.states().map(|(key, len)| (key.to_owned(), len)).collect();
        for (key, len) in &kept {
            executor.allocate(key, Element::Float, *len).unwrap();
            for (i, state) in self.states.iter().enumerate() {
                executor.write(key, i * part(units), Values::F64(state)).unwrap();
            }
        }
        let program = executor.bind(&plan).unwrap();
        executor.run(program, self.times).unwrap();
        let mut states = Vec::new();
        for (key, len) in &kept {
            let all = now(executor.read(key, 0, *len));
            states.extend(all.chunks(part(units)).map(|s| s[..self.batch * units].to_vec()));
        }
        let mut read = |key: &str| -> BTreeMap<String, Vec<f64>> {
            named().map(|(name, p)| (name, now(executor.read(key, p.offset, p.len())))).collect()
        };
        let (gradients, parameters) = (read(keys::GRADIENTS), read(keys::PARAMETERS));
        let y = now(executor.read_view(program, y));
        let d_x = d_x.map_or(Vec::new(), |d_x| now(executor.read_view(program, d_x)));
        Found { y, d_x, gradients, parameters, states }
    }
}

#[test]
fn dense_layers_agree_with_arpkeras() {
    let cases: Vec<DenseCase> = golden("dense.json");
    assert!(cases.len() >= 30);
    // 1e-4 of the value; single precision leaves an absolute rest where sums cancel.
    let (outputs, gradients) = (Tolerance::new(1e-6, 1e-5), Tolerance::new(1e-6, 1e-4));
    for device in devices() {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let bias = case.b.iter().map(|b| ("bias".to_owned(), b.clone()));
            let parameters = [("kernel".to_owned(), case.w.clone())].into_iter().chain(bias).collect();
            let run = |learn| {
                let (input, batch, purpose) = (&[case.inputs], case.batch, Purpose::Train);
                let layers: Vec<Box<dyn Layer>> = vec![Box::new(case.layer(learn))];
                let (x, g, parameters) = (&case.x, &case.g, &parameters);
                Run { layers, input, batch, purpose, x, g, parameters, states: &[], times: 1 }.on(&device)
            };
            let found = run(LearnL::Fixed);
            assert_close(&what("y"), &found.y, &case.y, outputs);
            assert_close(&what("dW"), &found.gradients["kernel"], &case.d_w, gradients);
            if let Some(d_b) = &case.d_b {
                assert_close(&what("db"), &found.gradients["bias"], d_b, gradients);
            }
            assert_close(&what("dx"), &found.d_x, &case.d_x, gradients);
            if let Some(d_l) = case.d_l {
                let found = run(LearnL::PerLayer);
                assert_close(&what("y with L = exp λ"), &found.y, &case.y, outputs);
                // dλ = L·dL.
                let wanted = [d_l * f64::from(case.l)];
                assert_close(&what("dλ"), &found.gradients["lambda"], &wanted, gradients);
            }
        }
    }
}

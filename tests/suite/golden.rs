//! Dense layers against arpkeras; `tests/golden` holds the files and their generators.

use crate::common::{Tolerance, assert_close, devices};
use autorot::device::{Executor, Values};
use autorot::kernel::Element;
use autorot::plan::arena::keys;
use autorot::plan::{Purpose, Recorder};
use autorot::{Activation, AutoRotate, Dense, Device, LearnL, Sequential};
use serde::Deserialize;

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

    /// y, dW, db, dx and, where L is learnt, dλ.
    fn run(&self, device: &Device, learn: LearnL) -> [Vec<f64>; 5] {
        let network = Sequential::new([self.inputs]).add(self.layer(learn)).network(0).unwrap();
        let arena = network.arena();
        let mut executor = device.executor();
        let shared = [("x", &self.x), ("g", &self.g)];
        for (key, len) in [(keys::PARAMETERS, arena.len()), (keys::GRADIENTS, arena.len())] {
            executor.allocate(key, Element::Float, len).unwrap();
        }
        executor.write(keys::PARAMETERS, 0, Values::F32(&arena.initial())).unwrap();
        for (key, values) in shared {
            executor.allocate(key, Element::Float, values.len()).unwrap();
            executor.write(key, 0, Values::F64(values)).unwrap();
        }
        let place = |name: &str| arena.find(&format!("0.dense.{name}")).map(|id| arena.get(id));
        for (name, values) in [("kernel", Some(&self.w)), ("bias", self.b.as_ref())] {
            if let (Some(p), Some(values)) = (place(name), values) {
                executor.write(keys::PARAMETERS, p.offset, Values::F64(values)).unwrap();
            }
        }
        let mut rec = Recorder::new(Purpose::Train, self.batch, arena);
        let x = rec.shared("x", Element::Float, self.x.len());
        let g = rec.shared("g", Element::Float, self.g.len());
        let traces = network.forward(&mut rec, x);
        let y = traces[0].output;
        let d_x = network.backward(&mut rec, &traces, g, true).unwrap();
        rec.keep(y);
        rec.keep(d_x);
        let program = executor.bind(&rec.finish(&self.name).unwrap()).unwrap();
        executor.run(program, 1).unwrap();
        let gradient = |executor: &mut dyn Executor, name: &str| match place(name) {
            Some(p) => now(executor.read(keys::GRADIENTS, p.offset, p.len())),
            None => Vec::new(),
        };
        [
            now(executor.read_view(program, y)),
            gradient(&mut *executor, "kernel"),
            gradient(&mut *executor, "bias"),
            now(executor.read_view(program, d_x)),
            gradient(&mut *executor, "lambda"),
        ]
    }
}

#[test]
fn dense_layers_agree_with_arpkeras() {
    let cases: Vec<DenseCase> = golden("dense.json");
    assert!(cases.len() >= 30);
    // 1e-4 of the value; single precision leaves an absolute rest where sums cancel.
    let (outputs, gradients) = (Tolerance::new(1e-6, 1e-5), Tolerance::new(1e-6, 1e-4));
    for device in devices("dense_layers_agree_with_arpkeras") {
        for case in &cases {
            let what = |part: &str| format!("{} on {}: {part}", case.name, device.name());
            let [y, d_w, d_b, d_x, _] = case.run(&device, LearnL::Fixed);
            assert_close(&what("y"), &y, &case.y, outputs);
            assert_close(&what("dW"), &d_w, &case.d_w, gradients);
            assert_close(&what("db"), &d_b, case.d_b.as_deref().unwrap_or(&[]), gradients);
            assert_close(&what("dx"), &d_x, &case.d_x, gradients);
            if let Some(d_l) = case.d_l {
                let [y, .., d_lambda] = case.run(&device, LearnL::PerLayer);
                assert_close(&what("y with L = exp λ"), &y, &case.y, outputs);
                // dλ = L·dL.
                assert_close(&what("dλ"), &d_lambda, &[d_l * f64::from(case.l)], gradients);
            }
        }
    }
}

//! A detached ρ: gradients are those of the net whose ρ stays what it is while everything else moves. Differences of the net
//! itself say nothing of it, since its ρ moves; here ρ is computed by its definition and held.

use crate::common::{Random, assert_norm};
use crate::gradients::differences;
use crate::probe::Probe;
use autorot::model::Network;
use autorot::{
    Activation, AutoRotate, Cell, Conv1d, Conv2d, Conv2dTranspose, Dense, DepthwiseConv2d, Device,
    Initializer, LearnL, Padding, Recurrent, RotatedPart, Rule, SeparableConv1d, Sequential,
};

const BATCH: usize = 4;
/// All of them are exact in f32.
const X_Q: f64 = 1.5;
const L: f64 = 1.75;
const EPSILON: f64 = 0.0625;
/// 2·h_max − h_min of a state in −1..1.
const H_Q: f64 = 3.0;

fn rotation(rule: Rule, learn: LearnL, detached: bool) -> AutoRotate {
    let rotate = AutoRotate::new().x_q(X_Q as f32).l(L as f32).epsilon(EPSILON as f32);
    rotate.rule(rule).learn_l(learn).detached(detached)
}

/// A net of one layer, by its activation and its rotation.
type Net = fn(Activation, Option<AutoRotate>) -> Sequential;

const BIAS: Initializer = Initializer::Constant(0.25);

const NETS: [(&str, Net); 6] = [
    ("dense", |a, r| {
        Sequential::new([5]).add(Dense::new(3).activation(a).bias_initializer(BIAS).auto_rotate(r))
    }),
    ("conv1d", |a, r| {
        let layer = Conv1d::new(3, 3).padding(Padding::Same).activation(a).bias_initializer(BIAS);
        Sequential::new([6, 2]).add(layer.auto_rotate(r))
    }),
    ("conv2d", |a, r| {
        let layer = Conv2d::new(3, 3).padding(Padding::Same).strides(2).activation(a).bias_initializer(BIAS);
        Sequential::new([5, 4, 2]).add(layer.auto_rotate(r))
    }),
    ("conv2d_transpose", |a, r| {
        let layer = Conv2dTranspose::new(2, 3).strides(2).activation(a).bias_initializer(BIAS);
        Sequential::new([3, 3, 2]).add(layer.auto_rotate(r))
    }),
    ("depthwise_conv2d", |a, r| {
        let layer = DepthwiseConv2d::new(3).padding(Padding::Same).activation(a).bias_initializer(BIAS);
        Sequential::new([4, 4, 2]).add(layer.auto_rotate(r))
    }),
    ("separable_conv1d", |a, r| {
        let layer = SeparableConv1d::new(3, 3).padding(Padding::Same).activation(a).bias_initializer(BIAS);
        Sequential::new([6, 2]).add(layer.auto_rotate(r))
    }),
];

/// A network in f64 with its parameters and gradients.
struct Built {
    network: Network,
    probe: Probe,
}

impl Built {
    fn new(net: Sequential) -> Self {
        let network = net.input_range(-1.0, 1.0).network(5).unwrap();
        let probe = Probe::new(&Device::cpu_f64(), &network, BATCH, &mut Random::new(3));
        Self { network, probe }
    }

    fn initial(&self) -> Vec<f64> {
        self.network.arena().initial().into_iter().map(f64::from).collect()
    }

    /// The places of the parameter of this name; none where there is none.
    fn places(&self, name: &str) -> std::ops::Range<usize> {
        let ending = format!(".{name}");
        let mut all = self.network.arena().parameters().iter();
        all.find(|p| p.path.ends_with(&ending)).map_or(0..0, |p| p.offset..p.offset + p.len())
    }

    /// Its own parameters out of those of another network that has them, too.
    fn of(&self, other: &Network, parameters: &[f64]) -> Vec<f64> {
        let mut mine = self.initial();
        for p in self.network.arena().parameters() {
            let same = other.arena().parameters().iter().find(|o| o.path == p.path).unwrap();
            mine[p.offset..p.offset + p.len()].copy_from_slice(&parameters[same.offset..][..p.len()]);
        }
        mine
    }
}

fn inputs(network: &Network) -> Vec<f64> {
    Random::new(8).vector(BATCH * network.input().len(), 1.0).into_iter().map(f64::from).collect()
}

/// Compares the gradients of a net whose ρ is detached with differences of a loss in which ρ is held; the attached net's
/// gradients by its weights must be others.
fn compare(what: &str, net: &dyn Fn(bool) -> Sequential, mut held: impl FnMut(&[f64], &[f64]) -> f64) {
    let (mut detached, mut attached) = (Built::new(net(true)), Built::new(net(false)));
    let (x, parameters) = (inputs(&detached.network), detached.initial());
    let found = detached.probe.gradients(&x, &parameters);
    for p in detached.network.arena().parameters() {
        let places = p.offset..p.offset + p.len();
        let wanted = differences(&parameters, places.clone(), |w| held(&x, w));
        assert_norm(&format!("{what}: {}", p.path), &found.0[places], &wanted, 1e-6);
    }
    let wanted = differences(&x, 0..x.len(), |x| held(x, &parameters));
    assert_norm(&format!("{what}: input"), &found.1, &wanted, 1e-6);
    let (through, _) = attached.probe.gradients(&x, &parameters);
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = norm(&mut through.iter().zip(&found.0).map(|(a, b)| a - b));
    assert!(apart > 0.01 * norm(&mut found.0.iter().copied()), "{what}: ρ takes part in nothing");
}

/// |q| of every output: f of the point x_Q by the classic net, or along each unit's own weights.
fn sizes_of_q(rule: Rule, linear: &mut Built, parameters: &[f64]) -> Vec<f64> {
    let outputs = linear.network.output().len();
    match rule {
        Rule::Diagonal => {
            let x = vec![X_Q; BATCH * linear.network.input().len()];
            let [q, ..] = linear.probe.all(&x, parameters);
            q[..outputs].iter().map(|q| q.abs()).collect()
        }
        Rule::Aligned | Rule::Critical => {
            let (kernel, bias) = (linear.places("kernel"), linear.places("bias"));
            let (kernel, bias) = (&parameters[kernel], &parameters[bias]);
            let q = |unit: usize| {
                let squares = kernel.iter().skip(unit).step_by(bias.len()).map(|w| w * w).sum::<f64>();
                (X_Q * X_Q * squares + bias[unit] * bias[unit]).sqrt()
            };
            (0..outputs).map(|output| q(output % bias.len())).collect()
        }
    }
}

#[test]
fn layers_have_the_gradient_of_a_held_rotation() {
    for (name, net) in NETS {
        for (rule, learn) in [
            (Rule::Diagonal, LearnL::Fixed),
            (Rule::Diagonal, LearnL::PerUnit),
            (Rule::Aligned, LearnL::Fixed),
            (Rule::Aligned, LearnL::PerLayer),
        ] {
            // A filter of those has other weights than a column of its kernel.
            let own = matches!(name, "conv2d_transpose" | "depthwise_conv2d" | "separable_conv1d");
            if own && rule == Rule::Aligned {
                continue;
            }
            let rotated = |detached| net(Activation::Tanh, Some(rotation(rule, learn, detached)));
            let mut linear = Built::new(net(Activation::Linear, None));
            let other = Built::new(rotated(true));
            let g = other.probe.g().to_vec();
            let before = linear.of(&other.network, &other.initial());
            let q = sizes_of_q(rule, &mut linear, &before);
            // λ is the one that the classic net has not.
            let known = |path: &str| linear.network.arena().parameters().iter().any(|p| p.path == path);
            let lambda = other.network.arena().parameters().iter().find(|p| !known(&p.path));
            let lambda = lambda.map(|p| p.offset..p.offset + p.len());
            assert_eq!(lambda.is_some(), learn != LearnL::Fixed);
            let held = |x: &[f64], w: &[f64]| {
                let mine = linear.of(&other.network, w);
                let [f, ..] = linear.probe.all(x, &mine);
                let l = |output: usize| match &lambda {
                    Some(places) => w[places.start + output % places.len()].exp(),
                    None => L,
                };
                let y = |i: usize| (l(i % q.len()) / (q[i % q.len()] + EPSILON) * f[i]).tanh();
                (0..f.len()).map(|i| g[i] * y(i)).sum()
            };
            compare(&format!("{name}, {rule:?}, {learn:?}"), &rotated, held);
        }
    }
}

#[test]
fn recurrent_layers_have_the_gradient_of_a_held_rotation() {
    let classic = |cell| Recurrent::new(cell, 3).bias_initializer(BIAS).return_sequences(true);
    for (cell, part) in [
        (Cell::SimpleRnn, RotatedPart::Input),
        (Cell::SimpleRnn, RotatedPart::Gate),
        (Cell::Lstm, RotatedPart::Input),
    ] {
        let rotated = |detached| {
            let rotate = rotation(Rule::Diagonal, LearnL::Fixed, detached);
            Sequential::new([4, 2]).add(classic(cell).rotated_part(part).auto_rotate(rotate))
        };
        let mut twin = Built::new(Sequential::new([4, 2]).add(classic(cell)));
        let parameters = twin.initial();
        let parts = ["kernel", "bias", "recurrent_kernel"].map(|name| twin.places(name));
        let [w, b, u] = parts.clone().map(|places| parameters[places].to_vec());
        let column = |matrix: &[f64], k: usize| matrix.iter().skip(k).step_by(b.len()).sum::<f64>();
        let whole = part == RotatedPart::Gate;
        let q = |k: usize| X_Q * column(&w, k) + b[k] + if whole { H_Q * column(&u, k) } else { 0.0 };
        let rho: Vec<f64> = (0..b.len()).map(|k| L / (q(k).abs() + EPSILON)).collect();
        // A rotated layer is the classic one with columns that are ρ times as long.
        let held = |x: &[f64], parameters: &[f64]| {
            let mut scaled = parameters.to_vec();
            for places in &parts[..if whole { 3 } else { 2 }] {
                for (i, value) in scaled[places.clone()].iter_mut().enumerate() {
                    *value *= rho[i % rho.len()];
                }
            }
            twin.probe.loss(x, &scaled)
        };
        compare(&format!("{cell:?}, {part:?}"), &rotated, held);
    }
}

//! Properties of random small nets of all layers: shapes against the recorded plan, single precision on the CPU and on a
//! GPU against f64.

mod describe;

use crate::common::{Random, gpu, tell};
use crate::probe::Probe;
use autorot::extend::plan::arena::Role;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::model::Network;
use autorot::{Device, Model};
pub(crate) use describe::Description;
use describe::descriptions;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestError, TestRunner};
use std::cell::Cell;

/// Checks as many nets as `PROPTEST_CASES` says, `default` of them unless set; always the same ones unless
/// `PROPTEST_RNG_SEED` is set.
pub(crate) fn check(default: u32, property: impl Fn(Description) -> TestCaseResult) -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let mut config = Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(17);
    }
    match TestRunner::new(config).run(&descriptions(), property) {
        Ok(()) => cases,
        Err(TestError::Fail(why, net)) => panic!("{why}\n{:#?}\n{net:#?}", net.net()),
        Err(error) => panic!("{error}"),
    }
}

/// Rows in −1..1, of which the last steps are padding where the net masks zeros.
pub(crate) fn inputs(description: &Description, network: &Network, random: &mut Random) -> Vec<f64> {
    let len = network.input().len();
    let mut x = random.vector(description.batch * len, 1.0);
    if description.masked {
        let (steps, features) = (description.input[0], description.input[1]);
        for (i, row) in x.chunks_exact_mut(len).enumerate() {
            row[(1 + i % steps) * features..].fill(0.0);
        }
    }
    x.into_iter().map(f64::from).collect()
}

#[test]
fn declared_shapes_are_those_of_plans_and_predictions() {
    check(600, |description| {
        let net = description.net();
        let network = net.network(description.seed).unwrap();
        let batch = description.batch;
        for purpose in [Purpose::Infer, Purpose::Train, Purpose::Inspect] {
            let mut rec = Recorder::new(purpose, batch, network.arena());
            let input = rec.scratch(batch * network.input().len());
            let traces = network.forward(&mut rec, input);
            for (node, trace) in network.nodes().iter().zip(&traces) {
                let declared: usize = node.output().shape.iter().product();
                assert_eq!(trace.output.len, batch * declared, "{} in {purpose:?}", node.path());
            }
            if rec.backward_follows() {
                let d_y = rec.scratch(batch * network.output().len());
                let d_x = network.backward(&mut rec, &traces, d_y, true).unwrap();
                assert_eq!(d_x.len, batch * network.input().len());
            }
            rec.finish("plan").unwrap();
        }
        let nodes = network.every_node();
        let of_nodes = nodes.iter().flat_map(|node| network.arena().of_layer(node.path()));
        let parameters: Vec<_> = of_nodes.collect();
        assert_eq!(parameters.len(), network.arena().parameters().len());
        let trained = parameters.iter().filter(|p| p.role != Role::Kept).map(|p| p.len()).sum::<usize>();
        let mut model: Model = net.build(&Device::cpu(), description.seed).unwrap();
        assert_eq!((model.parameter_count(), network.arena().count()), (trained, trained));
        let mut random = Random::new(description.seed);
        let x: Vec<f32> = inputs(&description, &network, &mut random).iter().map(|&v| v as f32).collect();
        assert_eq!(model.predict(&x).unwrap().len(), batch * network.output().len());
        Ok(())
    });
}

/// How much of a number a rounding may change: half the distance between two single ones.
const ROUNDING: f64 = 0.5 / (1 << 23) as f64;

/// How many times as far from the truth as that of numbers which are rounded at random a result may lie: rounding errors of
/// longer sums, and functions that are off by a few places.
const FACTOR: f64 = 64.0;

/// What any result may be off by, of the norm of its kind, or of what it is the difference of: the two parts of a rotated
/// layer's gradient cancel without a bias, a bias' gradients before batch normalisation do.
const FLOOR: f64 = 2e-5;

/// Outputs are differences of larger numbers where they are smaller than this, as of a channel that hardly varies behind batch
/// normalisation, which divides by √ε at the least.
const LEAST: f64 = 0.2;

/// A result that a single rounding may move by more than this share of itself says little.
const CLEAR: f64 = 1e-3;

/// One net in f64, and how far rounding moves its results: where q lies near 0 the diagonal rule multiplies any error, so no
/// fixed tolerance is right. What a change of every input, parameter and upstream gradient in the last place of a single
/// number does to the exact result tells how well it is defined at all.
struct Reference {
    x: Vec<f64>,
    parameters: Vec<f64>,
    exact: [Vec<f64>; 4],
    /// The norm of what rounding changes, by parameter for those that come by parameter.
    moved: [Vec<f64>; 4],
    /// The norm of each kind of result, or of what it is the difference of.
    size: [f64; 4],
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

impl Reference {
    fn new(description: &Description, network: &Network) -> Self {
        let mut random = Random::new(description.seed);
        let x = inputs(description, network, &mut random);
        let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
        let mut probe = Probe::watching(&Device::cpu_f64(), network, description.batch, &mut Random::new(1));
        let exact = probe.all(&x, &parameters);
        let whole = |values: &[f64]| norm(values.iter().copied());
        // Outputs may be differences of numbers around 1, gradients of whatever the way back computes.
        let (outputs, between) = (LEAST * (exact[0].len() as f64).sqrt(), probe.largest());
        let size = [outputs, between, between, 0.0];
        let size = std::array::from_fn(|kind| whole(&exact[kind]).max(size[kind]));
        let mut rounded = |values: &[f64]| -> Vec<f64> {
            values.iter().map(|v| v * (1.0 + ROUNDING * f64::from(random.signed()))).collect()
        };
        let mut reference = Self { x, parameters, exact, moved: Default::default(), size };
        let g = probe.g().to_vec();
        for _ in 0..4 {
            let (x, parameters) = (rounded(&reference.x), rounded(&reference.parameters));
            probe.set_g(&rounded(&g));
            let found = probe.all(&x, &parameters);
            let off = reference.off(network, &found);
            for (moved, off) in reference.moved.iter_mut().zip(off) {
                moved.resize(off.len(), 0.0);
                moved.iter_mut().zip(off).for_each(|(m, o)| *m = m.max(o));
            }
        }
        reference
    }

    /// The parts of each kind of result that are compared by themselves.
    fn parts(&self, network: &Network) -> [Vec<std::ops::Range<usize>>; 4] {
        let by_parameter: Vec<_> =
            network.arena().parameters().iter().map(|p| p.offset..p.offset + p.len()).collect();
        let whole = |kind: usize| std::iter::once(0..self.exact[kind].len()).collect();
        [whole(0), by_parameter.clone(), whole(2), by_parameter]
    }

    /// The norm of the difference, part by part.
    fn off(&self, network: &Network, found: &[Vec<f64>; 4]) -> [Vec<f64>; 4] {
        let parts = self.parts(network);
        std::array::from_fn(|kind| {
            let differences = |part: &std::ops::Range<usize>| {
                norm(part.clone().map(|i| found[kind][i] - self.exact[kind][i]))
            };
            parts[kind].iter().map(differences).collect()
        })
    }

    /// Whether the results are so well defined that a comparison tells something.
    fn clear(&self) -> bool {
        let share = |kind: usize| {
            let moved = norm(self.moved[kind].iter().copied());
            moved * FACTOR <= CLEAR * norm(self.exact[kind].iter().copied()).max(1e-6)
        };
        (0..4).all(share)
    }

    #[track_caller]
    fn compare(&self, network: &Network, device: &Device, batch: usize) {
        let mut probe = Probe::new(device, network, batch, &mut Random::new(1));
        let found = probe.all(&self.x, &self.parameters);
        let off = self.off(network, &found);
        let kinds = ["output", "gradients by parameters", "gradient by the input", "parameters"];
        for (kind, name) in kinds.into_iter().enumerate() {
            let size = self.size[kind];
            for (i, &off) in off[kind].iter().enumerate() {
                let limit = FACTOR * self.moved[kind][i] + FLOOR * size;
                assert!(
                    off <= limit,
                    "{name}, part {i}, on {}: off by {off} > {limit}, of {size}",
                    device.name()
                );
            }
        }
    }
}

/// The largest share of nets whose comparison may say little: their limits are loose, as rounding moves their results far.
const UNCLEAR: f64 = 0.2;

/// Compares random nets on a device with f64; nearly all of them must be well defined.
fn agrees(default: u32, device: &Device) {
    let unclear = Cell::new(0);
    let cases = check(default, |description| {
        let network = description.net().network(description.seed).unwrap();
        let reference = Reference::new(&description, &network);
        unclear.set(unclear.get() + u32::from(!reference.clear()));
        reference.compare(&network, device, description.batch);
        Ok(())
    });
    tell(&format!(
        "{}: {cases} random nets, {} of them so badly defined that they say little",
        device.name(),
        unclear.get()
    ));
    let share = f64::from(unclear.get()) / f64::from(cases);
    assert!(share <= UNCLEAR, "{} of {cases} nets say little, more than {UNCLEAR} of them", unclear.get());
}

#[test]
fn the_cpu_agrees_with_f64() {
    agrees(600, &Device::cpu());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn the_gpu_agrees_with_f64() {
    agrees(8, &gpu());
}

//! Descriptions of models: each is a network whose plans have the sizes that it declares, or an error; small ones also
//! predict and take a training step.

#![no_main]

use arbitrary::Unstructured;
use autorot::model::Network;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::{Adam, Dataset, Device, Error, Loss, Metric, Sequential, Trainer};
use autorot_fuzz::nets;
use libfuzzer_sys::fuzz_target;

/// What a net may take in numbers to be run, too.
const SMALL: u64 = 20_000;

/// The most time steps of all layers together.
const STEPS: usize = 2_000;

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    let Ok(net) = nets::net(&mut u) else { return };
    let Ok(network) = net.network(u.arbitrary().unwrap_or(7)) else { return };
    // Every time step is recorded by itself: long sequences only take long.
    let steps = network.every_node().into_iter().filter_map(|node| node.facts().steps).sum::<usize>();
    if steps > STEPS {
        return;
    }
    let _ = network.summary();
    let _ = nets::size(&mut u).map(|batch| no_bug(network.memory(batch)));
    for (purpose, batch) in [(Purpose::Infer, 1), (Purpose::Train, 3)] {
        record(&network, purpose, batch);
    }
    let fits = network.memory(3).is_ok_and(|m| m.parameters + m.activations < 4 * SMALL);
    if fits {
        run(&net, &network);
    }
});

/// Records a plan; what layers leave has the size that they declare.
fn record(network: &Network, purpose: Purpose, batch: usize) {
    let mut rec = Recorder::new(purpose, batch, network.arena());
    let input = rec.scratch(batch * network.input().len());
    let traces = network.forward(&mut rec, input);
    assert_eq!(traces.len(), network.nodes().len());
    for (node, trace) in network.nodes().iter().zip(&traces) {
        assert_eq!(trace.output.len, batch * node.output().len(), "{}", node.path());
        assert_eq!(node.output().len(), node.output().shape.iter().product::<usize>());
    }
    if purpose == Purpose::Train {
        let d_y = rec.scratch(batch * network.output().len());
        let d_x = network.backward(&mut rec, &traces, d_y, true);
        assert_eq!(d_x.map(|view| view.len), Some(batch * network.input().len()));
    }
    no_bug(rec.finish("plan"));
}

/// What layers and kernels disagree on is nothing that a description could be wrong about.
fn no_bug<T>(result: Result<T, Error>) -> Option<T> {
    let text = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert!(!text.contains("report this as a bug"), "{text}");
    result.ok()
}

fn run(net: &Sequential, network: &Network) {
    const ROWS: usize = 3;
    let Ok(mut model) = net.build(&Device::cpu(), 1) else { return };
    let (inputs, outputs) = (network.input().len(), network.output().len());
    let x: Vec<f32> = (0..ROWS * inputs).map(|i| (i * 37 % 101) as f32 / 50.5 - 1.0).collect();
    if let Some(y) = no_bug(model.predict(&x)) {
        assert_eq!(y.len(), ROWS * outputs);
    }
    let targets = vec![0.25; ROWS * outputs];
    let shape = network.output().shape.clone();
    let Ok(data) = Dataset::values(network.input().shape.clone(), x, shape, targets) else { return };
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(ROWS).epochs(1);
    trainer = trainer.metric(Metric::MeanAbsoluteError).progress(false);
    no_bug(trainer.fit(&mut model, &data, None));
    no_bug(trainer.inspect(&mut model, &data, ROWS));
}

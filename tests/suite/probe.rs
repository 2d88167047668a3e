//! A network with a linear loss on any device: outputs, and gradients by the parameters and the input.

use crate::common::Random;
use autorot::Device;
use autorot::extend::executor::{Executor, Program, Values};
use autorot::extend::kernel::{Element, clock};
use autorot::extend::plan::arena::keys;
use autorot::extend::plan::{Home, Purpose, Recorder, View};
use autorot::model::Network;

/// The loss's factor: a lost or doubled factor shows when it is not 1.
const COEFFICIENT: f64 = 0.7;

/// ℓ = 0.7·Σ y ⊙ g over a fixed g, with its gradients by the parameters and the input.
pub struct Probe {
    executor: Box<dyn Executor>,
    program: Program,
    output: View,
    d_x: View,
    g: Vec<f64>,
    /// What the way back computes on its way, of a probe that watches it.
    between: Vec<View>,
}

impl Probe {
    pub fn new(device: &Device, network: &Network, batch: usize, random: &mut Random) -> Self {
        Self::made(device, network, batch, random, false)
    }

    /// A probe that keeps what the way back computes, for [`Probe::largest`]; its buffers are not used again.
    pub fn watching(device: &Device, network: &Network, batch: usize, random: &mut Random) -> Self {
        Self::made(device, network, batch, random, true)
    }

    fn made(device: &Device, network: &Network, batch: usize, random: &mut Random, watch: bool) -> Self {
        let mut executor = device.executor();
        let (inputs, outputs) = (network.input().len(), network.output().len());
        let len = network.arena().len();
        for (key, len) in
            [("x", batch * inputs), ("g", batch * outputs), (keys::PARAMETERS, len), (keys::GRADIENTS, len)]
        {
            executor.allocate(key, Element::Float, len).unwrap();
        }
        executor.allocate(keys::CLOCK, Element::Index, clock::LEN).unwrap();
        let mut rec = Recorder::new(Purpose::Train, batch, network.arena());
        let x = rec.shared("x", Element::Float, batch * inputs);
        let g = rec.shared("g", Element::Float, batch * outputs);
        let traces = network.forward(&mut rec, x);
        let output = traces.last().unwrap().output;
        let begin = rec.scratch(1);
        let d_x = network.backward(&mut rec, &traces, g, true).expect("the input's gradient");
        let end = rec.scratch(1);
        let watched = if watch { begin.buffer..end.buffer } else { 0..0 };
        watched.clone().for_each(|buffer| rec.keep(View { buffer, ..begin }));
        rec.keep(output);
        rec.keep(d_x);
        let plan = rec.finish("probe").unwrap();
        let scratch = watched.filter(|&buffer| matches!(plan.buffers[buffer].home, Home::Scratch(_)));
        let between =
            scratch.map(|buffer| View { buffer, offset: 0, len: plan.buffers[buffer].len }).collect();
        let program = executor.bind(&plan).unwrap();
        let g: Vec<f64> = (0..batch * outputs).map(|_| COEFFICIENT * f64::from(random.signed())).collect();
        let mut probe = Self { executor, program, output, d_x, g: Vec::new(), between };
        probe.set_g(&g);
        probe
    }

    /// g, times the loss's factor.
    pub fn g(&self) -> &[f64] {
        &self.g
    }

    /// Sets it.
    pub fn set_g(&mut self, g: &[f64]) {
        self.executor.write("g", 0, Values::F64(g)).unwrap();
        self.g = g.to_vec();
    }

    /// Has random layers draw what they draw in this step.
    pub fn set_step(&mut self, step: u32) {
        let mut words = [0; clock::LEN];
        words[clock::STEP] = step;
        self.executor.write(keys::CLOCK, 0, Values::U32(&words)).unwrap();
    }

    fn run(&mut self, x: &[f64], parameters: &[f64]) {
        self.executor.write("x", 0, Values::F64(x)).unwrap();
        self.executor.write(keys::PARAMETERS, 0, Values::F64(parameters)).unwrap();
        self.executor.run(self.program, 1).unwrap();
    }

    fn view(&mut self, view: View) -> Vec<f64> {
        pollster::block_on(self.executor.read_view(self.program, view)).unwrap()
    }

    /// ℓ.
    pub fn loss(&mut self, x: &[f64], parameters: &[f64]) -> f64 {
        self.run(x, parameters);
        self.view(self.output).iter().zip(&self.g).map(|(y, g)| y * g).sum()
    }

    /// The gradients by the parameters, laid out as in the arena, and by the input.
    pub fn gradients(&mut self, x: &[f64], parameters: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.run(x, parameters);
        let by_parameters =
            pollster::block_on(self.executor.read(keys::GRADIENTS, 0, parameters.len())).unwrap();
        (by_parameters, self.view(self.d_x))
    }

    /// The output, the gradients by the parameters and by the input, and the parameters that the step leaves.
    pub fn all(&mut self, x: &[f64], parameters: &[f64]) -> [Vec<f64>; 4] {
        let (by_parameters, by_input) = self.gradients(x, parameters);
        let left = pollster::block_on(self.executor.read(keys::PARAMETERS, 0, parameters.len())).unwrap();
        [self.view(self.output), by_parameters, by_input, left]
    }

    /// The largest norm of what the way back computed in the last run.
    pub fn largest(&mut self) -> f64 {
        let norm = |values: Vec<f64>| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        self.between.clone().into_iter().map(|view| norm(self.view(view))).fold(0.0, f64::max)
    }
}

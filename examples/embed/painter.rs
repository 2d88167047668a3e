//! The net that learns the picture: trained, run and kept on the host's device, in buffers that the host draws from.

use super::picture::Picture;
use super::plot::Unit;
use autorot::embed::{Forward, Learner, Progress, Rows, Target};
use autorot::wgpu::util::DeviceExt;
use autorot::{
    Activation, Adam, AutoRotate, Dense, Device, Error, Loss, Model, Result, Sequential, Trainer, wgpu,
};
use std::time::Duration;

/// Units of the hidden layers.
const HIDDEN: [usize; 3] = [64, 64, 64];

/// Pixels per step.
const BATCH: usize = 512;

const LEARNING_RATE: f64 = 0.002;

/// The inputs' range: coordinates.
pub const INPUTS: [f32; 2] = [-1.0, 1.0];

/// The net's options.
#[derive(Clone, Copy, Debug)]
pub struct Net {
    pub activation: Activation,
    /// Whether the hidden layers auto-rotate.
    pub rotating: bool,
    /// L.
    pub limit: f32,
    pub seed: u64,
}

/// The number of training steps per frame.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// This many.
    Steps(usize),
    /// As many as the device can run in this time.
    Within(Duration),
}

/// A model that learns while the host draws what it has learnt.
pub struct Painter {
    model: Model,
    learner: Learner,
    forward: Forward,
    target: wgpu::Buffer,
    parameters: wgpu::Buffer,
    progress: Option<Progress>,
    pace: usize,
}

impl Painter {
    /// The number of units in the first layer.
    pub const UNITS: u32 = HIDDEN[0] as u32;

    /// A new net for this picture. `device` is that of `host`.
    pub fn new(host: &wgpu::Device, device: &Device, picture: &Picture, net: &Net) -> Result<Self> {
        let mut model = Sequential::new([2]).input_range(INPUTS[0], INPUTS[1]);
        for units in HIDDEN {
            let rotate = net.rotating.then(|| AutoRotate::new().l(net.limit));
            model = model.add(Dense::new(units).activation(net.activation).auto_rotate(rotate));
        }
        let output = Dense::new(3).activation(Activation::Sigmoid);
        let mut model = model.add(output).build(device, net.seed)?;

        let buffer = |label, numbers: &[f32]| {
            host.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(label),
                contents: bytemuck::cast_slice(numbers),
                usage: wgpu::BufferUsages::STORAGE,
            })
        };
        let points = buffer("points", picture.coordinates().as_flattened());
        let target = buffer("target", picture.colours.as_flattened());
        let rows = Rows {
            rows: picture.colours.len(),
            inputs: points.as_entire_buffer_binding(),
            targets: Target::Values(target.as_entire_buffer_binding()),
        };
        let adam = Adam { learning_rate: LEARNING_RATE.into(), ..Adam::default() };
        let trainer = Trainer::new(adam, Loss::MeanSquaredError).batch(BATCH).seed(net.seed);
        let learner = Learner::new(&trainer, &mut model, rows)?;
        let points = points.as_entire_buffer_binding();
        let forward = Forward::new(&mut model, picture.colours.len(), Some(points))?;
        let parameters = model.parameters_buffer()?;
        Ok(Self { model, learner, forward, target, parameters, progress: None, pace: 0 })
    }

    /// Records training steps, and then the net's picture.
    pub fn learn(&mut self, encoder: &mut wgpu::CommandEncoder, pace: Pace) -> Result<()> {
        self.pace = match pace {
            Pace::Steps(steps) => {
                self.learner.encode(&mut self.model, encoder, steps)?;
                steps
            }
            Pace::Within(budget) => self.learner.encode_within(&mut self.model, encoder, budget)?,
        };
        self.forward.encode(&mut self.model, encoder)
    }

    /// Takes note of the progress that the device has reported.
    pub fn poll(&mut self) -> Result<()> {
        if let Some(progress) = self.learner.poll(&mut self.model)? {
            self.progress = Some(progress);
        }
        Ok(())
    }

    /// The last known progress of training.
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// The number of steps in the last frame.
    pub fn pace(&self) -> usize {
        self.pace
    }

    /// The picture to learn: three numbers per pixel.
    pub fn target(&self) -> &wgpu::Buffer {
        &self.target
    }

    /// The net's picture.
    pub fn learnt(&self) -> &wgpu::Buffer {
        self.forward.output()
    }

    /// All of the net's parameters.
    pub fn parameters(&self) -> &wgpu::Buffer {
        &self.parameters
    }

    /// Where the parameters of a unit of the first layer lie in [`Painter::parameters`].
    pub fn unit(&self, unit: u32) -> Result<Unit> {
        let arena = self.model.network().arena();
        let place = |path: &str| {
            let id = arena
                .find(path)
                .ok_or_else(|| Error::invalid("the net", "other layers", path, "begin with a dense layer"))?;
            Ok(arena.get(id).offset as u32)
        };
        let (kernel, bias) = (place("0.dense.kernel")?, place("0.dense.bias")?);
        Ok(Unit { weights: [kernel + unit, kernel + Self::UNITS + unit], bias: bias + unit })
    }
}

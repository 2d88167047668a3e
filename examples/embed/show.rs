//! What is shown: a picture, the net that learns it, and one unit of its first layer.

use super::Options;
use super::gpu::Gpu;
use super::painter::{INPUTS, Net, Pace, Painter};
use super::picture::{NAMES, Picture, decibels};
use super::plot::{Camera, Scene};
use super::renderer::{Renderer, Sources};
use autorot::{Device, Range, Result, wgpu};

/// Everything between the window or file and the network.
pub struct Show {
    host: wgpu::Device,
    /// The same device, opened by the library: nets on it share their pipelines.
    device: Device,
    picture: Picture,
    size: u32,
    net: Net,
    painter: Painter,
    renderer: Renderer,
    /// The unit that the plot shows.
    unit: u32,
    pub camera: Camera,
    pub paused: bool,
}

impl Show {
    /// Draws to textures of this format.
    pub fn new(gpu: &Gpu, format: wgpu::TextureFormat, options: &Options) -> Result<Self> {
        let picture = Picture::open(&options.picture, options.size())?;
        let activation = options.activation;
        let limit = options.l.unwrap_or(activation.limit());
        let net = Net { activation, rotating: !options.classic, limit, seed: options.seed };
        let device = Device::from_wgpu(gpu.device.clone(), gpu.queue.clone());
        let painter = Painter::new(&gpu.device, &device, &picture, &net)?;
        let mut show = Self {
            host: gpu.device.clone(),
            device,
            size: options.size(),
            picture,
            net,
            painter,
            renderer: Renderer::new(&gpu.device, &gpu.queue, format),
            unit: options.unit,
            camera: Camera::default(),
            paused: false,
        };
        show.bind();
        Ok(show)
    }

    fn bind(&mut self) {
        self.renderer.show(Sources {
            target: self.painter.target(),
            learnt: self.painter.learnt(),
            parameters: self.painter.parameters(),
            size: (self.picture.width, self.picture.height),
        });
    }

    /// Records training steps, then the net's picture, and the drawing of both to a texture of this width and height. Waits for
    /// nothing.
    pub fn frame(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        target: &wgpu::TextureView,
        size: (u32, u32),
        pace: Pace,
    ) -> Result<()> {
        let scene = Scene {
            camera: self.camera,
            inputs: INPUTS,
            x_q: Range::new(INPUTS[0], INPUTS[1])?.x_q(),
            limit: self.net.limit,
            rotating: self.net.rotating,
            unit: self.painter.unit(self.unit)?,
        };
        if !self.paused {
            self.painter.poll()?;
            self.painter.learn(encoder, pace)?;
        }
        self.renderer.draw(encoder, target, size, &scene);
        Ok(())
    }

    /// Starts again with these changes, from the same seed.
    pub fn restart(&mut self, change: impl FnOnce(&mut Net)) -> Result<()> {
        change(&mut self.net);
        self.painter = Painter::new(&self.host, &self.device, &self.picture, &self.net)?;
        self.bind();
        Ok(())
    }

    /// Continues with the next computed picture.
    pub fn next_picture(&mut self) -> Result<()> {
        let next = NAMES.iter().position(|name| *name == self.picture.name).map_or(0, |i| i + 1);
        self.picture = Picture::open(NAMES[next % NAMES.len()], self.size)?;
        self.restart(|_| ())
    }

    /// Shows the next unit.
    pub fn next_unit(&mut self) {
        self.unit = (self.unit + 1) % Painter::UNITS;
    }

    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Takes note of what the device has reported.
    pub fn poll(&mut self) -> Result<()> {
        self.painter.poll()
    }

    /// The status, in one line.
    pub fn status(&self) -> String {
        let Net { activation, rotating, limit, .. } = self.net;
        let rotation = if rotating { "on" } else { "off" };
        let progress = match self.painter.progress() {
            Some(p) => {
                format!("step {}, loss {:.5}, {:.1} dB", p.step, p.loss, decibels(p.loss))
            }
            None => "not yet trained".into(),
        };
        format!(
            "{}: {}, AR {rotation}, L = {limit:.2}, unit {}: {progress}, {} steps per frame{}",
            self.picture.name,
            activation.name(),
            self.unit,
            self.painter.pace(),
            if self.paused { ", paused" } else { "" }
        )
    }
}

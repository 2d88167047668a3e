//! The window: events, and frames one after another.

use super::Options;
use super::gpu::{Gpu, instance, unavailable};
use super::painter::Pace;
use super::say;
use super::show::Show;
use autorot::{Error, Fault, Result, wgpu};
use std::io::{Write, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use winit::application::ApplicationHandler;
use winit::dpi::{LogicalSize, PhysicalPosition};
use winit::event::{ElementState, KeyEvent, MouseButton, MouseScrollDelta, StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::keyboard::{Key, NamedKey};
use winit::window::{Window, WindowId};

const KEYS: &str = "\
A      auto-rotation on or off, from the same initial weights
[ ]    L smaller or larger, from the same initial weights
P      pause (also the space bar)
N      next picture
R      start again
U      next unit of the first layer
O      orbit or stand still
Esc    quit
Drag with the mouse to turn the plot; the wheel zooms.";

/// How often the title changes.
const TITLE: Duration = Duration::from_millis(250);

/// How long to wait before drawing again to a window that cannot be seen.
const HIDDEN: Duration = Duration::from_millis(100);

/// Radians per second.
const ORBIT: f32 = 0.25;

/// Runs until the window is closed.
pub fn run(options: &Options) -> Result<()> {
    say(KEYS)?;
    let fail = |e: winit::error::EventLoopError| unavailable("window", e, "try --headless --png FILE");
    let events = EventLoop::new().map_err(fail)?;
    let mut app = App { options, view: None, failure: None };
    events.run_app(&mut app).map_err(fail)?;
    app.failure.map_or(Ok(()), Err)
}

struct App<'o> {
    options: &'o Options,
    view: Option<View>,
    failure: Option<Error>,
}

/// A window and what is drawn to it.
struct View {
    window: Arc<Window>,
    instance: wgpu::Instance,
    surface: wgpu::Surface<'static>,
    configuration: wgpu::SurfaceConfiguration,
    gpu: Gpu,
    show: Show,
    pace: Pace,
    orbiting: bool,
    /// The last position of a drag.
    drag: Option<PhysicalPosition<f64>>,
    cursor: PhysicalPosition<f64>,
    frame: Instant,
    titled: Instant,
}

impl App<'_> {
    /// Ends the program on an error.
    fn check<T>(&mut self, events: &ActiveEventLoop, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.failure = Some(error);
                events.exit();
                None
            }
        }
    }
}

impl ApplicationHandler for App<'_> {
    fn resumed(&mut self, events: &ActiveEventLoop) {
        if self.view.is_none() {
            let view = View::new(events, self.options);
            self.view = self.check(events, view);
        }
    }

    fn new_events(&mut self, events: &ActiveEventLoop, cause: StartCause) {
        if let (StartCause::ResumeTimeReached { .. }, Some(view)) = (cause, &self.view) {
            events.set_control_flow(ControlFlow::Wait);
            view.window.request_redraw();
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(view) = &mut self.view else { return };
        let done = match event {
            WindowEvent::CloseRequested => {
                events.exit();
                Ok(())
            }
            WindowEvent::Resized(size) => {
                view.resize(size.width, size.height);
                Ok(())
            }
            WindowEvent::RedrawRequested => view.redraw(events),
            WindowEvent::KeyboardInput {
                event: KeyEvent { logical_key, state: ElementState::Pressed, repeat: false, .. },
                ..
            } => view.key(events, &logical_key),
            event => {
                view.mouse(event);
                Ok(())
            }
        };
        self.check(events, done);
    }
}

impl View {
    fn new(events: &ActiveEventLoop, options: &Options) -> Result<Self> {
        let size = LogicalSize::new(super::headless::SIZE.0, super::headless::SIZE.1);
        let attributes = Window::default_attributes().with_title("autorot").with_inner_size(size);
        let window = events.create_window(attributes);
        let window = Arc::new(window.map_err(|e| unavailable("window", e, "try --headless --png FILE"))?);
        let instance = instance();
        let surface = surface(&instance, &window)?;
        let gpu = Gpu::open(&instance, Some(&surface))?;
        let configuration = configuration(&window, &surface, &gpu)?;
        surface.configure(&gpu.device, &configuration);
        let show = Show::new(&gpu, configuration.format, options)?;
        window.request_redraw();
        Ok(Self {
            window,
            instance,
            surface,
            configuration,
            gpu,
            show,
            pace: Pace::Within(Duration::from_millis(options.milliseconds.into())),
            orbiting: true,
            drag: None,
            cursor: PhysicalPosition::default(),
            frame: Instant::now(),
            titled: Instant::now(),
        })
    }

    fn resize(&mut self, width: u32, height: u32) {
        // A minimised window has no pixels.
        if width > 0 && height > 0 {
            (self.configuration.width, self.configuration.height) = (width, height);
            self.surface.configure(&self.gpu.device, &self.configuration);
            self.window.request_redraw();
        }
    }

    /// Trains and draws one frame. Does not wait for the device to finish it, only for a texture to draw to, which the screen
    /// returns at its own rate.
    fn redraw(&mut self, events: &ActiveEventLoop) -> Result<()> {
        use wgpu::CurrentSurfaceTexture as Current;
        let (texture, outdated) = match self.surface.get_current_texture() {
            Current::Success(texture) => (texture, false),
            Current::Suboptimal(texture) => (texture, true),
            Current::Outdated => {
                self.surface.configure(&self.gpu.device, &self.configuration);
                self.window.request_redraw();
                return Ok(());
            }
            Current::Lost => {
                self.surface = surface(&self.instance, &self.window)?;
                self.surface.configure(&self.gpu.device, &self.configuration);
                self.window.request_redraw();
                return Ok(());
            }
            Current::Timeout | Current::Occluded => {
                events.set_control_flow(ControlFlow::WaitUntil(Instant::now() + HIDDEN));
                return Ok(());
            }
            Current::Validation => {
                let remedy = "run with RUST_LOG=error for the reason";
                return Err(Error::device(Fault::Validation, "window", "no texture to draw to", remedy));
            }
        };
        let now = Instant::now();
        if self.orbiting && self.drag.is_none() {
            self.show.camera.drag(ORBIT * (now - self.frame).as_secs_f32(), 0.0);
        }
        self.frame = now;
        let target = texture.texture.create_view(&wgpu::TextureViewDescriptor::default());
        let size = (self.configuration.width, self.configuration.height);
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        match self.show.frame(&mut encoder, &target, size, self.pace) {
            // The net has diverged. It can still be looked at, and restarted.
            Err(error @ Error::NonFinite { .. }) => {
                // The plot goes on even if nobody reads standard error any more.
                let _ = writeln!(stderr(), "{error}");
                self.show.paused = true;
                self.window.request_redraw();
                return Ok(());
            }
            done => done?,
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.window.pre_present_notify();
        self.gpu.queue.present(texture);
        if outdated {
            self.surface.configure(&self.gpu.device, &self.configuration);
        }
        if now - self.titled >= TITLE {
            self.window.set_title(&self.show.status());
            self.titled = now;
        }
        self.window.request_redraw();
        Ok(())
    }

    fn key(&mut self, events: &ActiveEventLoop, key: &Key) -> Result<()> {
        let show = &mut self.show;
        match key.as_ref() {
            Key::Named(NamedKey::Escape) => events.exit(),
            Key::Named(NamedKey::Space) | Key::Character("p" | "P") => show.paused = !show.paused,
            Key::Character("a" | "A") => show.restart(|net| net.rotating = !net.rotating)?,
            Key::Character("[") | Key::Named(NamedKey::ArrowDown) => show.restart(|net| net.limit /= 1.25)?,
            Key::Character("]") | Key::Named(NamedKey::ArrowUp) => show.restart(|net| net.limit *= 1.25)?,
            Key::Character("n" | "N") => show.next_picture()?,
            Key::Character("r" | "R") => show.restart(|_| ())?,
            Key::Character("u" | "U") => show.next_unit(),
            Key::Character("o" | "O") => self.orbiting = !self.orbiting,
            _ => (),
        }
        Ok(())
    }

    fn mouse(&mut self, event: WindowEvent) {
        match event {
            WindowEvent::MouseInput { state, button: MouseButton::Left, .. } => {
                self.drag = (state == ElementState::Pressed).then_some(self.cursor);
            }
            WindowEvent::CursorMoved { position, .. } => {
                self.cursor = position;
                if let Some(before) = self.drag {
                    self.drag = Some(position);
                    let radians = |pixels: f64| pixels as f32 * 0.006;
                    self.show.camera.drag(radians(before.x - position.x), radians(position.y - before.y));
                }
            }
            WindowEvent::MouseWheel { delta, .. } => self.show.camera.zoom(match delta {
                MouseScrollDelta::LineDelta(_, lines) => lines,
                MouseScrollDelta::PixelDelta(pixels) => pixels.y as f32 / 40.0,
            }),
            _ => (),
        }
    }
}

fn surface(instance: &wgpu::Instance, window: &Arc<Window>) -> Result<wgpu::Surface<'static>> {
    let surface = instance.create_surface(window.clone());
    surface.map_err(|e| unavailable("window", e, "try --headless --png FILE"))
}

/// What the surface offers, at the screen's rate. Colours are already sRGB, so a format that does not encode them is preferred.
fn configuration(
    window: &Window,
    surface: &wgpu::Surface<'_>,
    gpu: &Gpu,
) -> Result<wgpu::SurfaceConfiguration> {
    let size = window.inner_size();
    let offered = surface.get_capabilities(&gpu.adapter).formats;
    let mut configuration =
        surface.get_default_config(&gpu.adapter, size.width.max(1), size.height.max(1)).ok_or_else(|| {
            unavailable("window", "the adapter cannot draw to it", "choose one with WGPU_ADAPTER_NAME")
        })?;
    configuration.present_mode = wgpu::PresentMode::AutoVsync;
    if let Some(format) = offered.into_iter().find(|format| !format.is_srgb()) {
        configuration.format = format;
    }
    Ok(configuration)
}

//! A network on another program's wgpu device: it learns a picture, colours from coordinates, while the program draws it from the
//! network's own output buffer, next to one unit of the first layer with its rotated surface, drawn from the network's own
//! parameters. Nothing is copied to the host, and no frame waits for the device.
//!
//! `cargo run --release --example embed -- --help`

mod gpu;
mod headless;
mod layout;
mod painter;
mod picture;
mod plot;
mod renderer;
mod show;
#[cfg(test)]
mod tests;
mod window;

use autorot::{Activation, Error, Result};
use clap::Parser;
use painter::Painter;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};
use std::path::PathBuf;

/// Learns a picture live, and draws it from the network's own buffers.
#[derive(Parser, Debug)]
struct Options {
    /// The picture to learn: swirl, sunset, waves, tiles, or the path of a PNG or JPEG file.
    #[arg(long, value_name = "NAME|PATH", default_value = picture::NAMES[0])]
    picture: String,
    /// The width and height of computed pictures, 8 to 256 [default: 64].
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=256))]
    size: Option<u32>,
    #[arg(long, value_name = "NAME", default_value = "tanh", value_parser = Activation::from_name, help = activations())]
    activation: Activation,
    /// Start without auto-rotation.
    #[arg(long)]
    classic: bool,
    /// L, instead of the activation's default.
    #[arg(long, value_name = "NUMBER")]
    l: Option<f32>,
    /// The seed for the initial weights and the order of the pixels.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The unit of the first layer that the plot initially shows, 0 to 63.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..i64::from(Painter::UNITS)))]
    unit: u32,
    /// Draw to a texture, without a window.
    #[arg(long)]
    headless: bool,
    /// The number of frames, without a window.
    #[arg(long, default_value_t = 100, requires = "headless")]
    frames: u32,
    /// Training steps per frame, without a window: 1 to 256.
    #[arg(long, default_value_t = 16, requires = "headless", value_parser = clap::value_parser!(u32).range(1..=256))]
    steps: u32,
    /// The time that training may take per frame, with a window.
    #[arg(long, value_name = "NUMBER", default_value_t = 8, conflicts_with = "headless")]
    milliseconds: u32,
    /// The PNG file for the last frame, without a window.
    #[arg(long, value_name = "FILE", requires = "headless")]
    png: Option<PathBuf>,
}

/// The hidden layers' activation, for `--help`.
fn activations() -> String {
    let names: Vec<&str> = Activation::ALL.iter().map(|activation| activation.name()).collect();
    format!("The hidden layers' activation: {}", names.join(", "))
}

/// Prints a line. A closed pipe, as after `head`, is not an error.
fn say(text: impl Display) -> Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", error)),
        _ => Ok(()),
    }
}

impl Options {
    /// Checks the options before a device is opened.
    fn check(&self) -> Result<()> {
        let computed = picture::NAMES.contains(&self.picture.as_str());
        match self.size {
            // In a window other pictures may follow.
            Some(_) if self.headless && !computed => Err(Error::invalid(
                "--size",
                format!("--picture {}, with which it has no effect", self.picture),
                "a computed picture",
                "leave --size out",
            )),
            _ => Ok(()),
        }
    }

    fn size(&self) -> u32 {
        self.size.unwrap_or(64)
    }
}

fn main() -> Result<()> {
    env_logger::init();
    run(&Options::parse())
}

fn run(options: &Options) -> Result<()> {
    options.check()?;
    if !options.headless {
        return window::run(options);
    }
    let psnr = headless::run(options)?;
    say(format_args!("PSNR {psnr:.2} dB"))
}

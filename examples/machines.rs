//! How long a training step takes on 1 to 1,024 GPUs, by a model of computing, bytes and latency at three speeds of the network, and what
//! would help where it stops to scale.
//!
//! `cargo run --release --example machines`
//!
//! **The model.** A step of p processes computes its share of the rows, and sums the gradient of G bytes by halves of halves: log₂ p rounds
//! that leave every process with the sums of a stretch of its own, and as many that give them back. A round with a process at the distance
//! d moves G/(2d) bytes. Processes are numbered host by host, so the rounds with the most bytes stay on the host; those that leave it share
//! its network card. Before and after, the gradient crosses the bus between GPU and host. The gradient travels in pieces while the
//! backward pass goes on: what is left over is what takes longer than that pass, and the last piece.
//!
//! The host's speeds of adding and of passing messages are measured here, unless they are given; those of GPUs and networks are options.

use autorot::train::processes::{Processes, Threads};
use autorot::{Error, Result};
use clap::Parser;
use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};
use std::time::Instant;

/// Step times on 1 to 1,024 GPUs.
#[derive(Parser, Debug)]
struct Options {
    /// What a GPU computes of f32 in such nets, in TFLOP/s.
    #[arg(long, default_value_t = 10.0)]
    tflops: f64,
    /// What a step takes on a GPU however few its rows, in milliseconds.
    #[arg(long, default_value_t = 0.5)]
    overhead_ms: f64,
    /// GPUs per host.
    #[arg(long, default_value_t = 8)]
    per_host: usize,
    /// The bus between a GPU and its host, in GB/s.
    #[arg(long, default_value_t = 20.0)]
    bus: f64,
    /// How fast a process adds gradients that it receives, in GB/s, instead of measuring it.
    #[arg(long)]
    add: Option<f64>,
    /// How fast processes of a host pass messages to each other, in GB/s, instead of measuring it.
    #[arg(long)]
    pass: Option<f64>,
}

/// A network's numbers: name, parameters, multiplications and additions of a row forward and backward, rows of a batch.
struct Net(&'static str, f64, f64, f64);

/// A network's name, its speed in GB/s a host, and the latency of a message in microseconds.
struct Wire(&'static str, f64, f64);

const WIRES: [Wire; 3] = [
    Wire("10 Gbit/s Ethernet", 1.1, 40.0),
    Wire("100 Gbit/s", 11.0, 5.0),
    Wire("400 Gbit/s InfiniBand", 45.0, 2.0),
];

/// The latency of a message within a host, in microseconds.
const WITHIN: f64 = 1.0;

/// As in `Trainer`: about how many pieces a gradient travels in.
const PIECES: f64 = 8.0;

/// What is changed to see what helps.
#[derive(Clone, Copy)]
struct Change {
    name: &'static str,
    /// How many times as many rows a batch has.
    rows: f64,
    /// The bytes of a number of the gradient.
    bytes: f64,
    /// Whether the first rounds stay on the host, as they do where ranks are numbered host by host.
    by_host: bool,
}

const AS_IT_IS: Change = Change { name: "as it is", rows: 1.0, bytes: 4.0, by_host: true };

/// The speeds of a host's parts.
struct Parts {
    add: f64,
    pass: f64,
}

/// The seconds of a step.
struct Time {
    computing: f64,
    communication: f64,
    /// With what is hidden.
    step: f64,
}

fn time(options: &Options, parts: &Parts, net: &Net, wire: &Wire, change: Change, p: usize) -> Time {
    let Net(_, parameters, flops, batch) = *net;
    let rows = batch * change.rows / p as f64;
    let computing = options.overhead_ms * 1e-3 + rows * flops / (options.tflops * 1e12);
    let gradient = parameters * change.bytes;
    let mut communication = 2.0 * parameters * 4.0 / (options.bus * 1e9);
    let mut distance = 1;
    while distance < p {
        let bytes = gradient / (2.0 * distance as f64);
        let on_host = change.by_host && distance < options.per_host;
        // All processes of a host use its card at once.
        let cards = options.per_host.min(p) as f64;
        let (latency, speed) = match on_host {
            true => (WITHIN, parts.pass * 1e9),
            false => (wire.2, wire.1 * 1e9 / cards),
        };
        communication += 2.0 * (latency * 1e-6 * PIECES + bytes / speed) + bytes / (parts.add * 1e9);
        distance *= 2;
    }
    // The backward pass is two thirds of the computing, and all but the last piece may travel meanwhile.
    let hidden = if p == 1 { 0.0 } else { communication.min(2.0 / 3.0 * computing) * (1.0 - 1.0 / PIECES) };
    let communication = if p == 1 { 0.0 } else { communication };
    Time { computing, communication, step: computing + communication - hidden }
}

/// Prints a line. A closed pipe, as after `head`, is not an error.
fn say(text: impl Display) -> Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::io("standard output", error)),
        _ => Ok(()),
    }
}

/// The seconds of the fastest of a few repetitions.
fn fastest(mut work: impl FnMut()) -> f64 {
    let times = (0..7).map(|_| {
        let begin = Instant::now();
        work();
        begin.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

/// How fast this machine adds, and passes messages between two threads, in GB/s.
fn measured() -> Result<Parts> {
    const LEN: usize = 4 << 20;
    let (mut own, others) = (vec![1.0_f32; LEN], vec![1e-3_f32; LEN]);
    let adding = fastest(|| own.iter_mut().zip(&others).for_each(|(own, other)| *own += other));
    std::hint::black_box(&own);
    let bytes = vec![0_u8; 4 * LEN];
    let ranks = Threads::new(2)?;
    let passing = std::thread::scope(|scope| {
        let both = ranks.iter().map(|own| {
            let bytes = &bytes;
            scope.spawn(move || {
                let mut received = Vec::new();
                let mut failed = None;
                let seconds = fastest(|| failed = own.exchange(1 - own.rank(), bytes, &mut received).err());
                failed.map_or(Ok(seconds), Err)
            })
        });
        let both: Vec<_> = both.collect();
        let mut longest = 0.0_f64;
        for one in both {
            let gone = || Error::invalid("measuring", "a thread that panicked", "its time", "try again");
            longest = longest.max(one.join().map_err(|_| gone())??);
        }
        Ok::<_, Error>(longest)
    })?;
    let giga = 4.0 * LEN as f64 / 1e9;
    Ok(Parts { add: giga / adding, pass: giga / passing })
}

fn main() -> Result<()> {
    env_logger::init();
    let options = Options::parse();
    let mut parts = measured()?;
    parts.add = options.add.unwrap_or(parts.add);
    parts.pass = options.pass.unwrap_or(parts.pass);
    say(format_args!(
        "adding {:.1} GB/s, messages on a host {:.1} GB/s, GPUs of {} TFLOP/s, {} a host",
        parts.add, parts.pass, options.tflops, options.per_host
    ))?;
    let dense = 784.0 * 2048.0 + 3.0 * 2048.0 * 2048.0 + 2048.0 * 10.0;
    // Three convolutions of 3×3 over 32×32, 16×16 and 8×8 places.
    let window = |places: f64, from: f64, to: f64| places * 9.0 * from * to;
    let convolutions = window(1024.0, 3.0, 64.0) + window(256.0, 64.0, 128.0) + window(64.0, 128.0, 256.0);
    let kernels = 9.0 * (3.0 * 64.0 + 64.0 * 128.0 + 128.0 * 256.0);
    let nets = [
        Net("784-2048×4-10", dense, 6.0 * dense, 4096.0),
        Net("convolutions 64-128-256", kernels, 6.0 * convolutions, 4096.0),
        Net("a net of 100 million parameters", 1e8, 6e8, 4096.0),
    ];
    let changes = [
        AS_IT_IS,
        Change { name: "16 times the batch", rows: 16.0, ..AS_IT_IS },
        Change { name: "gradients as f16", bytes: 2.0, ..AS_IT_IS },
        Change { name: "ranks dealt out across hosts", by_host: false, ..AS_IT_IS },
    ];
    for net in &nets {
        let megabytes = net.1 * 4e-6;
        say(format_args!("\n{}: {megabytes:.1} MB of gradient, a batch of {} rows", net.0, net.3))?;
        for change in changes {
            say(format_args!("  {}", change.name))?;
            say(
                "    network                  GPUs  computing ms  sums ms  step ms  rows/s, millions  efficiency",
            )?;
            for wire in &WIRES {
                let one = time(&options, &parts, net, wire, change, 1).step;
                for p in [1_usize, 2, 4, 8, 16, 64, 256, 1024] {
                    let Time { computing, communication, step } =
                        time(&options, &parts, net, wire, change, p);
                    let rows = net.3 * change.rows / step / 1e6;
                    say(format_args!(
                        "    {:22}  {p:5}  {:12.3}  {:7.3}  {:7.3}  {rows:16.2}  {:9.0} %",
                        wire.0,
                        1e3 * computing,
                        1e3 * communication,
                        1e3 * step,
                        1e2 * one / step / p as f64
                    ))?;
                }
            }
        }
    }
    Ok(())
}

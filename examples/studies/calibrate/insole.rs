//! A synthetic insole: seven cheap pressure sensors and a thermometer in a shoe, next to a reference that measures the pressure
//! under heel, midfoot and forefoot. It models the known behaviour of such sensors with constants of plausible size, not from
//! measurements.

use autorot::{Dataset, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

/// Sixteen walks of 12 s, one every 4 minutes, at 50 rows per second: a row is seven readings of a 10-bit converter, a
/// temperature in °C, and the reference in kPa. The same seed gives the same rows.
pub fn record(seed: u64) -> Result<Dataset> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sensors: Vec<Sensor> = PLACES.iter().map(|place| Sensor::draw(*place, &mut rng)).collect();
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for walk in 0..WALKS {
        let hours = f64::from(walk) * MINUTES_APART / 60.0;
        // Shoes warm up, more on some walks than on others.
        let warm = 24.0 + 9.0 * (1.0 - (-hours / 0.4).exp()) + 0.5 * normal(&mut rng);
        let mut gait = Gait::draw(&mut rng);
        for _ in 0..ROWS_A_WALK {
            let (pressures, tilt) = gait.advance(&mut rng);
            for sensor in &mut sensors {
                inputs.push(sensor.read(pressures, tilt, warm, hours, &mut rng));
            }
            inputs.push((warm + 0.1 * normal(&mut rng)) as f32);
            targets.extend(pressures.map(|p| p as f32));
        }
    }
    Dataset::values([PLACES.len() + 1], inputs, [REGIONS.len()], targets)
}

/// The regions' names, in the order of the targets.
pub const REGIONS: [&str; 3] = ["heel", "midfoot", "forefoot"];

const WALKS: u32 = 16;
const MINUTES_APART: f64 = 4.0;
const ROWS_A_WALK: u32 = 600;
const SECONDS_A_ROW: f64 = 0.02;

/// A sensor's region, and its side: −1 inner, 1 outer, 0 in the middle.
const PLACES: [(usize, f64); 7] = [(0, -1.0), (0, 1.0), (1, -1.0), (1, 1.0), (2, -1.0), (2, 0.0), (2, 1.0)];

/// When a region bears load, as shares of the stance, and its maximum load in kPa.
const LOADS: [(f64, f64, f64); 3] = [(0.0, 0.55, 220.0), (0.15, 0.75, 90.0), (0.35, 1.0, 280.0)];

/// The share of a stride during which the foot is on the ground.
const STANCE: f64 = 0.62;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// How someone walks, and where in a stride they are.
struct Gait {
    strides_a_second: f64,
    load: f64,
    /// From 0 to 1 over a stride.
    phase: f64,
    /// The factor of each region's load in this stride, and how far the foot tilts outwards.
    stride: [f64; 3],
    tilt: f64,
}

impl Gait {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let (strides_a_second, load) = (rng.random_range(0.7..1.3), rng.random_range(0.7..1.3));
        Self { strides_a_second, load, phase: 1.0, stride: [1.0; 3], tilt: 0.0 }
    }

    /// The regions' pressures one row later, and the tilt.
    fn advance(&mut self, rng: &mut ChaCha8Rng) -> ([f64; 3], f64) {
        self.phase += self.strides_a_second * SECONDS_A_ROW;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
            self.stride = std::array::from_fn(|_| (0.12 * normal(rng)).exp());
            self.tilt = 0.15 * normal(rng);
        }
        let stance = self.phase / STANCE;
        let pressure = |region: usize| {
            let (from, to, most) = LOADS[region];
            let within = ((stance - from) / (to - from)).clamp(0.0, 1.0);
            most * self.load * self.stride[region] * (PI * within).sin().powi(2)
        };
        (std::array::from_fn(pressure), self.tilt)
    }
}

/// A piezoresistive sensor: no two are alike.
struct Sensor {
    region: usize,
    side: f64,
    /// Its share of its region's pressure, and of the neighbouring regions': the sole spreads the load.
    share: f64,
    cross_talk: f64,
    /// Hysteresis: this share of what it feels lags behind the pressure, with this time constant in seconds.
    lagging: f64,
    lag: f64,
    felt: f64,
    /// The pressure below which it feels nothing, in kPa; the pressure at half of its full scale; the steepness.
    threshold: f64,
    half: f64,
    exponent: f64,
    /// The share of its signal that it loses per kelvin, and per hour.
    per_kelvin: f64,
    per_hour: f64,
}

impl Sensor {
    fn draw((region, side): (usize, f64), rng: &mut ChaCha8Rng) -> Self {
        Self {
            region,
            side,
            share: rng.random_range(0.7..1.2),
            cross_talk: rng.random_range(0.03..0.12),
            lagging: rng.random_range(0.1..0.3),
            lag: rng.random_range(0.1..0.5),
            felt: 0.0,
            threshold: rng.random_range(2.0..8.0),
            half: rng.random_range(100.0..250.0),
            exponent: rng.random_range(0.9..1.4),
            per_kelvin: rng.random_range(0.003..0.008),
            per_hour: rng.random_range(0.0..0.04),
        }
    }

    fn read(&mut self, pressures: [f64; 3], tilt: f64, warm: f64, hours: f64, rng: &mut ChaCha8Rng) -> f32 {
        let weight = |region: usize| match region.abs_diff(self.region) {
            0 => self.share * (1.0 + tilt * self.side),
            1 => self.cross_talk,
            _ => 0.0,
        };
        let here: f64 = pressures.iter().enumerate().map(|(region, p)| weight(region) * p).sum();
        self.felt += SECONDS_A_ROW / self.lag * (here - self.felt);
        let strain = (1.0 - self.lagging) * here + self.lagging * self.felt - self.threshold;
        let powered = strain.max(0.0).powf(self.exponent);
        let saturating = powered / (powered + self.half.powf(self.exponent));
        let faded = (1.0 - self.per_kelvin * (warm - 25.0)) * (1.0 - self.per_hour * hours);
        let noisy = saturating * faded + 0.006 * normal(rng);
        (1023.0 * noisy).round().clamp(0.0, 1023.0) as f32
    }
}

//! Ranges of axes, their ticks and labels.

/// One labelled tick.
#[derive(Clone)]
pub(super) struct Tick {
    /// The position in the axis' own coordinate (log10 of the value on a logarithmic axis).
    pub at: f64,
    pub label: String,
    /// The exponent of a label such as 10⁻³; else empty.
    pub power: String,
}

/// A range with its ticks.
#[derive(Clone)]
pub(super) struct Axis {
    pub lo: f64,
    pub hi: f64,
    pub log: bool,
    pub ticks: Vec<Tick>,
    /// Unlabelled grid positions of a logarithmic axis.
    pub minor: Vec<f64>,
}

/// The largest magnitude that is drawn, since differences of larger ones may overflow, and the smallest that differs from 0.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-290;

/// The powers of ten that a logarithmic axis writes as ordinary numbers are below this one.
const PLAIN: f64 = 6.0;

/// Whether a value can be drawn on an axis.
pub(super) fn drawable(value: f64, log: bool) -> bool {
    value.abs() <= LARGEST && (!log || value >= SMALLEST)
}

/// The lowest and highest of the drawable values, or `None` if there are none.
pub(super) fn extent(values: impl Iterator<Item = f64>, log: bool) -> Option<(f64, f64)> {
    values.filter(|v| drawable(*v, log)).map(|v| (v, v)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

impl Axis {
    /// An axis over `range` with `pad` of its width added at both ends and about `count` ticks. `whole`: ticks only at whole numbers.
    pub fn linear(range: Option<(f64, f64)>, pad: f64, count: usize, whole: bool) -> Self {
        let (mut lo, mut hi) = range.unwrap_or((0.0, 1.0));
        let size = lo.abs().max(hi.abs());
        if hi - lo <= (1e-9 * size).max(SMALLEST) {
            let half = if size > SMALLEST { 0.1 * size } else { 0.5 };
            (lo, hi) = (lo - half, hi + half);
        }
        let (lo, hi) = (lo - pad * (hi - lo), hi + pad * (hi - lo));
        Self { lo, hi, log: false, ticks: ticks(lo, hi, count, whole), minor: Vec::new() }
    }

    /// A logarithmic axis over a range of positive values with about `count` ticks: powers of ten or, within less than two decades,
    /// ordinary numbers. `whole`: ticks only at whole numbers, at 1, 2 and 5 times powers of ten if these are few enough.
    pub fn log(range: Option<(f64, f64)>, pad: f64, count: usize, whole: bool) -> Self {
        let powers = range.map_or((-1.0, 0.0), |(lo, hi)| (lo.log10(), hi.log10()));
        let mut axis = Self { log: true, ticks: Vec::new(), ..Self::linear(Some(powers), pad, count, false) };
        let (lo, hi) = (axis.lo, axis.hi);
        let multiples = (lo.floor() as i32..=hi.floor() as i32).flat_map(|p| (1..10).map(move |k| (p, k)));
        let multiples = multiples.map(|(p, k)| (p, k, f64::from(p) + f64::from(k).log10()));
        let multiples = || multiples.clone().filter(move |(.., at)| (lo..=hi).contains(at));
        if whole && hi < PLAIN {
            let plain = |&(power, k, _): &(i32, i32, f64)| power >= 0 && [1, 2, 5].contains(&k);
            let tick = |(power, k, at): (i32, i32, f64)| {
                let label = (k * 10i32.pow(power as u32)).to_string();
                Tick { at, label, power: String::new() }
            };
            axis.ticks = multiples().filter(plain).map(tick).collect();
            if (2..=count).contains(&axis.ticks.len()) {
                axis.minor = multiples().filter(|m| !plain(m)).map(|(.., at)| at).collect();
                return axis;
            }
            axis.ticks.clear();
        }
        let decades = (hi.floor() - lo.ceil()) as i32 + 1;
        if decades < 2 {
            // Ordinary numbers, at the positions of their logarithms.
            axis.ticks = ticks(10f64.powf(lo), 10f64.powf(hi), count, whole);
            axis.ticks.iter_mut().for_each(|tick| tick.at = tick.at.log10());
            return axis;
        }
        let every = (decades as usize).div_ceil(count) as i32;
        for (power, k, at) in multiples() {
            if k == 1 && power % every == 0 {
                axis.ticks
                    .push(Tick { at, label: "10".into(), power: power.to_string().replace('-', "−") });
            } else if k == 1 || every == 1 {
                axis.minor.push(at);
            }
        }
        axis
    }

    /// The position of a value, and of a tick's coordinate: 0 at the low end, 1 at the high end.
    pub fn position(&self, value: f64) -> f64 {
        self.place(if self.log { value.log10() } else { value })
    }
    pub fn place(&self, at: f64) -> f64 {
        (at - self.lo) / (self.hi - self.lo)
    }
}

/// At most about `count` ticks at multiples of 1, 2, 2.5 or 5 times a power of ten, with as many digits as these need.
fn ticks(lo: f64, hi: f64, count: usize, whole: bool) -> Vec<Tick> {
    let rough = (hi - lo) / count.max(1) as f64;
    let exponent = (rough.log10().floor() as i32).max(if whole { 0 } else { i32::MIN });
    let enough = |(f, _): &(f64, i32)| {
        f * 10f64.powi(exponent) >= rough * 0.999 && !(whole && exponent == 0 && *f == 2.5)
    };
    let (factor, digits) =
        [(1.0, 0), (2.0, 0), (2.5, 1), (5.0, 0)].into_iter().find(enough).unwrap_or((10.0, -1));
    let step = factor * 10f64.powi(exponent);
    let (first, last) = ((lo / step - 1e-6).ceil(), (hi / step + 1e-6).floor());
    let most = ((last - first + 1.0).max(0.0) as usize).min(4 * count + 4);
    let places: Vec<f64> = (0..most).map(|k| (first + k as f64) * step).collect();
    // All ticks of an axis have the exponent of the largest one. Two divisions, since one power could overflow.
    let largest = places.iter().fold(0.0f64, |m, t| m.max(t.abs()));
    let plain = largest == 0.0 || (1e-4..1e6).contains(&largest);
    let common = if plain { 0 } else { largest.log10().floor() as i32 };
    let digits = (digits + common - exponent).max(0) as usize;
    let label = |at: f64| {
        let number = at / 10f64.powi(common / 2) / 10f64.powi(common - common / 2);
        if plain { format!("{number:.digits$}") } else { format!("{number:.digits$}e{common}") }
    };
    places
        .into_iter()
        .map(|at| Tick { at, label: label(at).replace('-', "−"), power: String::new() })
        .collect()
}

//! Axis ranges, tick positions and tick labels.

/// One labelled tick.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Where, in the axis' own coordinate (log10 of the value on a logarithmic axis).
    pub at: f64,
    /// The label; with `power`, what is raised.
    pub label: String,
    /// The exponent of a label such as 10⁻³.
    pub power: Option<String>,
}

/// A range with its ticks.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub lo: f64,
    pub hi: f64,
    pub log: bool,
    pub ticks: Vec<Tick>,
    /// Unlabelled grid positions of a logarithmic axis.
    pub minor: Vec<f64>,
}

/// The magnitude up to which numbers are drawn: differences of larger ones may overflow.
const LARGEST: f64 = 1e300;
/// The magnitude from which numbers differ from 0: fractions of smaller ones may vanish.
const SMALLEST: f64 = 1e-290;

/// Whether a value can be drawn on an axis.
pub(super) fn drawable(value: f64, log: bool) -> bool {
    value.abs() <= LARGEST && (!log || value >= SMALLEST)
}

/// Lowest and highest of the drawable values, or `None` without any.
pub(super) fn extent(values: impl Iterator<Item = f64>, log: bool) -> Option<(f64, f64)> {
    values.filter(|v| drawable(*v, log)).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((v.min(lo), v.max(hi))),
    })
}

/// Opens a range that has no width around its value.
fn opened((lo, hi): (f64, f64)) -> (f64, f64) {
    let size = lo.abs().max(hi.abs());
    if hi - lo > (1e-9 * size).max(SMALLEST) {
        return (lo, hi);
    }
    let half = if size > SMALLEST { 0.1 * size } else { 0.5 };
    (lo - half, hi + half)
}

impl Axis {
    /// An axis over `range` with `pad` of its width added at both ends and about `count` ticks. `whole`: ticks
    /// at whole numbers only.
    pub fn linear(range: Option<(f64, f64)>, pad: f64, count: usize, whole: bool) -> Self {
        let (lo, hi) = opened(range.unwrap_or((0.0, 1.0)));
        let (lo, hi) = (lo - pad * (hi - lo), hi + pad * (hi - lo));
        Self { lo, hi, log: false, ticks: linear_ticks(lo, hi, count, whole), minor: Vec::new() }
    }

    /// A logarithmic axis over a range of positive values.
    pub fn log(range: Option<(f64, f64)>, pad: f64, count: usize) -> Self {
        let (lo, hi) = range.unwrap_or((0.1, 1.0));
        let (lo, hi) = (lo.log10(), hi.log10());
        let (lo, hi) = if hi - lo > 1e-9 { (lo, hi) } else { (lo - 0.1, hi + 0.1) };
        let (lo, hi) = (lo - pad * (hi - lo), hi + pad * (hi - lo));
        let decades = (lo.ceil() as i32)..=(hi.floor() as i32);
        let mut axis = Self { lo, hi, log: true, ticks: Vec::new(), minor: Vec::new() };
        for decade in (lo.floor() as i32)..=(hi.floor() as i32) {
            let within = (2..10).map(|k| f64::from(decade) + f64::from(k).log10());
            axis.minor.extend(within.filter(|at| (lo..=hi).contains(at)));
        }
        if decades.clone().count() >= 2 {
            let every = decades.clone().count().div_ceil(count) as i32;
            if every > 1 {
                axis.minor = decades.clone().map(f64::from).collect();
            }
            axis.ticks = decades.filter(|d| d.rem_euclid(every) == 0).map(power_of_ten).collect();
        } else {
            // Less than two powers of ten: ordinary numbers, spaced as their logarithms.
            axis.ticks = linear_ticks(10f64.powf(lo), 10f64.powf(hi), count, false);
            axis.ticks.iter_mut().for_each(|tick| tick.at = tick.at.log10());
            axis.minor.clear();
        }
        axis
    }

    /// Where a value lies: 0 at the low end, 1 at the high end.
    pub fn position(&self, value: f64) -> f64 {
        self.place(if self.log { value.log10() } else { value })
    }

    /// Where a tick's coordinate lies: 0 at the low end, 1 at the high end.
    pub fn place(&self, at: f64) -> f64 {
        (at - self.lo) / (self.hi - self.lo)
    }
}

fn power_of_ten(exponent: i32) -> Tick {
    Tick {
        at: f64::from(exponent), label: "10".into(), power: Some(exponent.to_string().replace('-', "−"))
    }
}

/// At most about `count` ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
fn linear_ticks(lo: f64, hi: f64, count: usize, whole: bool) -> Vec<Tick> {
    let rough = (hi - lo) / count.max(1) as f64;
    let unit = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|f| f * unit >= rough * 0.999).unwrap_or(10.0);
    let factor = if whole && unit < 10.0 && factor == 2.5 { 5.0 } else { factor };
    let step = if whole { (factor * unit).max(1.0) } else { factor * unit };
    let (first, last) = ((lo / step - 1e-6).ceil(), (hi / step + 1e-6).floor());
    let count = ((last - first + 1.0).max(0.0) as usize).min(4 * count + 4);
    let ticks: Vec<f64> = (0..count).map(|k| (first + k as f64) * step).collect();
    let largest = ticks.iter().fold(0.0f64, |m, t| m.max(t.abs()));
    ticks.into_iter().map(|at| Tick { at, label: label(at, step, largest), power: None }).collect()
}

/// A tick's number with as many digits as the step between ticks needs.
fn label(value: f64, step: f64, largest: f64) -> String {
    let digits = |step: f64| (0..12).find(|d| is_whole(step * 10f64.powi(*d))).unwrap_or(12) as usize;
    // Ticks are multiples of the step; rounding must not leave a negative zero.
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    let text = if largest == 0.0 || (1e-4..1e6).contains(&largest) {
        format!("{value:.*}", digits(step))
    } else {
        // All ticks of an axis have the largest one's exponent. Two divisions: one power could overflow.
        let exponent = largest.log10().floor() as i32;
        let scaled = |v: f64| v / 10f64.powi(exponent / 2) / 10f64.powi(exponent - exponent / 2);
        format!("{:.*}e{exponent}", digits(scaled(step)), scaled(value))
    };
    text.replace('-', "−")
}

fn is_whole(value: f64) -> bool {
    (value - value.round()).abs() < 1e-6 * value.abs().max(1e-3) && value.abs() > 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|t| format!("{}{}", t.label, t.power.clone().unwrap_or_default())).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(
            labels(&Axis::linear(Some((0.0, 1.0)), 0.0, 5, false)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&Axis::linear(Some((1.0, 20.0)), 0.02, 5, true)), ["5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::linear(Some((1.0, 3.0)), 0.02, 8, true)), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::linear(Some((-4e-7, 0.0)), 0.0, 2, false)), ["−4e−7", "−2e−7", "0e−7"]);
        assert_eq!(labels(&Axis::log(Some((1e-3, 1.0)), 0.01, 6)), ["10−3", "10−2", "10−1", "100"]);
        assert_eq!(labels(&Axis::log(Some((0.31, 0.52)), 0.0, 3)), ["0.4", "0.5"]);
    }

    #[test]
    fn every_range_gets_a_width_and_few_ticks() {
        let values = [0.0, 1.0, -3.5, 1e-300, 1e300, 5e-324, 1e6, 123_456_789.0];
        for (lo, hi) in values.iter().flat_map(|lo| values.iter().map(move |hi| (*lo, *hi))) {
            let range = extent([lo, hi].into_iter(), false);
            for axis in [Axis::linear(range, 0.05, 5, false), Axis::linear(range, 0.0, 5, true)] {
                assert!(axis.hi > axis.lo && axis.ticks.len() < 30, "{axis:?}");
                assert!(axis.ticks.iter().all(|t| (-0.01..=1.01).contains(&axis.place(t.at))), "{axis:?}");
            }
            if let Some(range) = extent([lo, hi].into_iter(), true) {
                let axis = Axis::log(Some(range), 0.05, 5);
                assert!(axis.hi > axis.lo && axis.ticks.len() < 30, "{axis:?}");
            }
        }
    }
}

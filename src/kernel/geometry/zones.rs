//! Zones: the positions of a grid that share a ρ, since their windows see the same taps.

use crate::kernel::base::rows::Cycle;
use crate::kernel::geometry::taps::Taps;
use crate::kernel::wgsl;

/// A grid of positions, divided where the taps that have a source change. In every dimension, each position below `low` or from
/// `high` on is a zone of its own, and those in between belong to `period` alternating zones. Zones are numbered like positions,
/// the last dimension running fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zones {
    at: [usize; 3],
    low: [usize; 3],
    high: [usize; 3],
    period: [usize; 3],
}

impl Zones {
    /// The whole grid as one zone.
    pub fn one(at: [usize; 3]) -> Self {
        Self { at, low: [0; 3], high: at, period: [1; 3] }
    }

    /// Zones in each of which the same taps have a source.
    pub fn of(taps: &Taps) -> Self {
        let mut zones = Self::one(taps.at);
        for d in 0..3 {
            let (inside, period) = taps.inside(d);
            // With fewer positions inside than the period, each is a zone of its own.
            let inside = if inside.len() < period { taps.at[d]..taps.at[d] } else { inside };
            zones.period[d] = if inside.is_empty() { 0 } else { period };
            (zones.low[d], zones.high[d]) = (inside.start, inside.end);
        }
        zones
    }

    /// The number of zones per dimension.
    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|d| self.low[d] + self.period[d] + self.at[d] - self.high[d])
    }

    /// The number of zones.
    pub fn count(&self) -> usize {
        self.counts().iter().product()
    }

    /// The lines of positions per sample, and the positions per line; with a single zone, every position counts as a sample.
    pub(crate) fn sample(&self) -> (usize, usize) {
        let [planes, lines, places] = self.at;
        if self.count() == 1 { (1, 1) } else { (planes * lines, places) }
    }

    /// The number of distinct positions: those of one line per zone of lines, as lines of the same zone are summed together.
    pub fn told_apart(&self) -> usize {
        self.count_of_lines() * self.sample().1
    }

    /// The zone of each position along a dimension.
    fn along(&self, d: usize) -> impl Iterator<Item = usize> + use<> {
        let (low, high, period) = (self.low[d], self.high[d], self.period[d]);
        (0..self.at[d]).map(move |p| match p {
            p if p < low => p,
            p if p < high => low + (p - low) % period,
            p => p - high + low + period,
        })
    }

    /// The zone of every line of positions, and the zones along any line.
    pub(crate) fn lines(&self) -> (Vec<usize>, Vec<usize>) {
        let lines = self.counts()[1];
        let planes = self.along(0).flat_map(|plane| self.along(1).map(move |line| plane * lines + line));
        (planes.collect(), self.along(2).collect())
    }

    /// Repeats parameters `[zones, filters]` for every position of the grid.
    pub(crate) fn cycle<'a, T: Copy>(&self, parameters: &'a [T]) -> Cycle<'a, T> {
        if self.count() == 1 {
            return Cycle::new(parameters);
        }
        let width = parameters.len() / self.count();
        let (rounds, places) = self.lines();
        let lines = parameters.chunks_exact(parameters.len() / self.count_of_lines());
        let values = lines.flat_map(|line| places.iter().flat_map(|&zone| &line[zone * width..][..width]));
        Cycle::of_lines(values.copied().collect(), places.len() * width, rounds)
    }

    /// Parameters `[zones, filters]` for every position of the grid, `[positions, filters]`.
    pub(crate) fn spread<T: Copy>(&self, parameters: &[T]) -> Vec<T> {
        let width = parameters.len() / self.count();
        let (lines, places) = self.lines();
        let zones =
            lines.iter().flat_map(|line| places.iter().map(move |place| line * self.counts()[2] + place));
        zones.flat_map(|zone| &parameters[zone * width..][..width]).copied().collect()
    }

    /// The number of zones of lines.
    pub(crate) fn count_of_lines(&self) -> usize {
        self.counts()[..2].iter().product()
    }

    /// The zone of each distinct position.
    pub(crate) fn table(&self) -> Vec<usize> {
        let width = self.counts()[2];
        let places: Vec<usize> = self.along(2).take(self.sample().1).collect();
        let lines = 0..self.count_of_lines();
        lines.flat_map(|line| places.iter().map(move |zone| line * width + zone)).collect()
    }

    /// The first position of every zone.
    pub(crate) fn firsts(&self) -> Vec<usize> {
        let along = |d: usize| {
            let turning = self.low[d] + self.period[d];
            let first = move |zone: usize| if zone < turning { zone } else { zone - turning + self.high[d] };
            (0..self.counts()[d]).map(first)
        };
        let [_, lines, places] = self.at;
        let planes = along(0).flat_map(|plane| along(1).map(move |line| plane * lines + line));
        planes.flat_map(|line| along(2).map(move |place| line * places + place)).collect()
    }

    /// The generated constants and the functions that use them.
    pub(crate) fn wgsl(&self) -> String {
        let grids = [
            ("ZONES_ALONG", self.counts()),
            ("ZONE_GRID", self.at),
            ("ZONE_LOW", self.low),
            ("ZONE_HIGH", self.high),
            ("ZONE_PERIOD", self.period),
        ];
        let mut text = String::new();
        for (name, [a, b, c]) in grids {
            text += &format!("const {name}: vec3<u32> = vec3<u32>({a}, {b}, {c});\n");
        }
        for (name, count) in [("ZONES", self.count()), ("TOLD_APART", self.told_apart())] {
            text += &format!("const {name}: u32 = {count}u;\n");
        }
        text + &wgsl!("geometry/parts/zones.wgsl")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::registry::geometries;

    #[test]
    fn the_positions_of_a_zone_see_the_same_taps() {
        for geometry in geometries() {
            for taps in [Taps::down(&geometry), Taps::up(&geometry)] {
                let (zones, table) = (Zones::of(&taps), taps.table());
                let sees = |position| {
                    let mut seen = Vec::new();
                    table.each(&table.row(position), |tap, _| seen.push(tap));
                    seen
                };
                let firsts = zones.firsts();
                assert_eq!(firsts.len(), zones.count());
                let (lines, places) = zones.lines();
                for position in 0..taps.positions() {
                    let (line, place) = (position / places.len(), position % places.len());
                    let zone = lines[line] * zones.counts()[2] + places[place];
                    assert_eq!(sees(position), sees(firsts[zone]), "{taps:?}: position {position}");
                }
            }
        }
    }

    #[test]
    fn a_padded_image_has_nine_zones() {
        let taps = Taps::down(&geometries()[1]);
        assert_eq!((Zones::of(&taps).count(), Zones::of(&taps).told_apart()), (9, 18));
        assert_eq!((Zones::one(taps.at).count(), Zones::one(taps.at).told_apart()), (1, 1));
    }
}

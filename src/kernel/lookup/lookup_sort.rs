//! Positions in the order of their indices.

use crate::Real;
use crate::kernel::lookup::lookup_forward::key;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl};

uniforms!(LookupSortUniforms { positions: u32, rows: u32, run: u32 });
uniforms!(LookupStartsUniforms { positions: u32, rows: u32, half: u32 });

/// The positions of indices x `[P]` in the order of their indices, those of the same index in their own order, within runs that are
/// [`LookupSort::WAYS`] times as long as before. What is no index of a row comes last.
#[derive(Clone, Copy, Debug)]
pub struct LookupSort {
    /// P, at most [`LookupSort::MOST`].
    pub positions: usize,
    /// Rows of the table.
    pub rows: usize,
    /// The length of the runs that are sorted already: a power of 64. With 1 there is no order yet.
    pub run: usize,
}

impl LookupSort {
    /// The number of runs that become one.
    pub const WAYS: usize = 64;

    /// The most positions: they are stored as numbers, which hold whole ones up to 2²⁴.
    pub const MOST: usize = 1 << 24;
}

/// `starts[r]` = how many positions have an index below r, for every row r of a table and for their number: where the positions of each row
/// begin among the sorted ones.
#[derive(Clone, Copy, Debug)]
pub struct LookupStarts {
    /// P.
    pub positions: usize,
    /// Rows of the table.
    pub rows: usize,
}

ports! {
    /// The ports of [`LookupSort`].
    pub struct LookupSortPorts {
        /// The indices.
        x: Read,
        /// The positions, sorted within runs; left out where these have one element.
        before: Option<Read>,
        /// The positions, sorted within longer runs.
        after: Write,
    }
}

impl Family for LookupSort {
    const NAME: &'static str = "lookup_sort";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = LookupSortPorts<Lens>;
    type Uniforms = LookupSortUniforms;

    fn lens(&self) -> LookupSortPorts<Lens> {
        let all = self.positions;
        LookupSortPorts { x: all, before: (self.run > 1).then_some(all), after: all }
    }

    fn uniforms(&self) -> LookupSortUniforms {
        LookupSortUniforms { positions: self.positions as u32, rows: self.rows as u32, run: self.run as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("FIRST", self.run == 1)]);
        vec![each(), options, wgsl!("lookup/parts/key.wgsl"), wgsl!("lookup/lookup_sort.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.positions, 64)
    }

    fn rounds(&self, _variant: usize) -> usize {
        let runs = self.positions.div_ceil(self.run).min(Self::WAYS);
        runs * (2 + self.run.ilog2() as usize)
    }

    fn twin<T: Real>(&self, ports: LookupSortPorts<Slices<'_, T>>) {
        let LookupSortPorts { x, before, after } = ports;
        match before {
            Some(before) => after.copy_from_slice(before),
            None => after.iter_mut().enumerate().for_each(|(i, after)| *after = T::of(i as f64)),
        }
        for group in after.chunks_mut(self.run * Self::WAYS) {
            group.sort_by_key(|position| key(x[position.wide() as usize], self.rows));
        }
    }
}

ports! {
    /// The ports of [`LookupStarts`].
    pub struct LookupStartsPorts {
        /// The indices.
        x: Read,
        /// The positions in the order of their indices.
        order: Read,
        /// Where those of each row begin, and where the last ones end.
        starts: Write,
    }
}

impl Family for LookupStarts {
    const NAME: &'static str = "lookup_starts";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = LookupStartsPorts<Lens>;
    type Uniforms = LookupStartsUniforms;

    fn lens(&self) -> LookupStartsPorts<Lens> {
        LookupStartsPorts { x: self.positions, order: self.positions, starts: self.rows + 1 }
    }

    fn uniforms(&self) -> LookupStartsUniforms {
        LookupStartsUniforms {
            positions: self.positions as u32,
            rows: self.rows as u32,
            half: 1 << self.positions.max(1).ilog2(),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("lookup/parts/key.wgsl"), wgsl!("lookup/lookup_starts.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows + 1, 64)
    }

    fn twin<T: Real>(&self, ports: LookupStartsPorts<Slices<'_, T>>) {
        let LookupStartsPorts { x, order, starts } = ports;
        for (row, start) in starts.iter_mut().enumerate() {
            let below = |position: &T| key(x[position.wide() as usize], self.rows) < row;
            *start = T::of(order.partition_point(below) as f64);
        }
    }
}

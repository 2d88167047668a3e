//! The rows of a batch, gathered by index on the device: inputs and targets.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl,
};

uniforms!(GatherUniforms {
    batch: u32,
    width: u32,
    first_row: u32,
    rows: u32,
    last: u32,
    labels: u32,
    classes: u32,
    last_label: u32,
});

/// `out[r] = data[order[cursor + r] − first_row]` for the batch's rows that lie in this chunk of the set. With `classes`, the
/// class indices of all rows besides, as distributions, so that every loss sees rows of numbers: `targets[r, s, c]` = 1 where
/// c = `labels[order[cursor + r], s]`, else 0. A single number is 1 where the label is 1: a yes for the second of two classes.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    /// Rows of the batch.
    pub batch: usize,
    /// Numbers per row.
    pub width: usize,
    /// The first row of the set that the chunk holds.
    pub first_row: usize,
    /// The rows that the chunk holds.
    pub rows: usize,
    /// The length of the order.
    pub order: usize,
    /// The class indices to gather as well.
    pub classes: Option<Classes>,
}

/// Class indices, some for every row of a set.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    /// C, or 1 for two classes that one number tells.
    pub classes: usize,
    /// S, the labels per row: one, or one per time step.
    pub steps: usize,
    /// The rows of the whole set.
    pub rows: usize,
}

impl Gather {
    /// Invocations for the data, each with four numbers of a row.
    fn quads(&self) -> usize {
        self.batch * self.width.div_ceil(4)
    }

    /// Numbers of the batch's targets.
    fn targets(&self) -> Option<usize> {
        self.classes.map(|Classes { classes, steps, .. }| self.batch * steps * classes)
    }
}

ports! {
    /// The ports of [`Gather`].
    pub struct GatherPorts {
        /// The data set.
        data: Read,
        /// The class indices, `[all rows, S]`.
        labels: Option<ReadIndex>,
        /// The order of rows.
        order: ReadIndex,
        /// The clock.
        clock: ReadIndex,
        /// The rows of the batch.
        out: Update,
        /// The classes as distributions, `[B, S, C]`.
        targets: Option<Write>,
    }
}

impl Family for Gather {
    const NAME: &'static str = "gather";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["data", "out"];
    type Ports = GatherPorts<Lens>;
    type Uniforms = GatherUniforms;

    fn lens(&self) -> GatherPorts<Lens> {
        GatherPorts {
            data: self.rows * self.width,
            labels: self.classes.map(|of| of.rows * of.steps),
            order: self.order,
            clock: clock::LEN,
            out: self.batch * self.width,
            targets: self.targets(),
        }
    }

    fn uniforms(&self) -> GatherUniforms {
        let Classes { classes, steps, rows } =
            self.classes.unwrap_or(Classes { classes: 1, steps: 1, rows: 1 });
        GatherUniforms {
            batch: self.batch as u32,
            width: self.width as u32,
            first_row: self.first_row as u32,
            rows: self.rows as u32,
            last: (self.order as u32).saturating_sub(1),
            labels: steps as u32,
            classes: classes as u32,
            last_label: (rows as u32).saturating_sub(1),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[("CLASSES", self.classes.is_some())]),
            each(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("tensor/gather.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.quads() + self.targets().unwrap_or(0), 64)
    }

    fn by_fours(&self) -> bool {
        self.width.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: GatherPorts<Slices<'_, T>>) {
        let GatherPorts { data, labels, order, clock, out, targets } = ports;
        let cursor = clock[clock::CURSOR] as usize;
        let row_of = |r: usize| order[(cursor + r).min(self.order - 1)] as usize;
        for (r, out) in out.chunks_exact_mut(self.width).enumerate() {
            let row = row_of(r);
            if (self.first_row..self.first_row + self.rows).contains(&row) {
                let start = (row - self.first_row) * self.width;
                out.copy_from_slice(&data[start..start + self.width]);
            }
        }
        let (Some(Classes { classes, steps, rows }), Some(labels), Some(targets)) =
            (self.classes, labels, targets)
        else {
            return;
        };
        for (i, target) in targets.chunks_exact_mut(classes).enumerate() {
            target.fill(T::zero());
            let row = row_of(i / steps).min(rows - 1);
            let label = labels[row * steps + i % steps] as usize;
            let place = if classes == 1 { label.checked_sub(1) } else { Some(label) };
            if let Some(target) = place.and_then(|place| target.get_mut(place)) {
                *target = T::one();
            }
        }
    }
}

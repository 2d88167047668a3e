//! Weights of rows: scores and gradients count as much as their rows do.

use crate::Real;
use crate::kernel::{
    Family, Grid, Lens, Slices, Strided, Trust, constants, each, flat_grid, ports, uniforms, wgsl,
};

uniforms!(WeighRowsUniforms { rows: u32, width: u32, first: u32, stride: u32, per: u32 });

/// `values[r, c]` = `weights[r / per]·values[r, c]` for `width` numbers per row; if `counted`, the weight itself is put behind them.
#[derive(Clone, Copy, Debug)]
pub struct WeighRows {
    /// R.
    pub rows: usize,
    /// Numbers per row.
    pub width: usize,
    /// Where they lie.
    pub at: Strided,
    /// Rows that share a weight, one after another; `None` where every weight is 1.
    pub per: Option<usize>,
    /// Whether the weight follows the numbers.
    pub counted: bool,
}

impl WeighRows {
    /// Numbers to write per row.
    fn numbers(&self) -> usize {
        self.width + usize::from(self.counted)
    }
}

ports! {
    /// The ports of [`WeighRows`].
    pub struct WeighRowsPorts {
        /// The weights, where there are any.
        weights: Option<Read>,
        /// The rows.
        values: Update,
    }
}

impl Family for WeighRows {
    const NAME: &'static str = "weigh_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = WeighRowsPorts<Lens>;
    type Uniforms = WeighRowsUniforms;

    fn lens(&self) -> WeighRowsPorts<Lens> {
        WeighRowsPorts {
            weights: self.per.map(|per| self.rows.div_ceil(per)),
            values: self.at.first + (self.rows - 1) * self.at.stride + self.numbers(),
        }
    }

    fn uniforms(&self) -> WeighRowsUniforms {
        WeighRowsUniforms {
            rows: self.rows as u32,
            width: self.width as u32,
            first: self.at.first as u32,
            stride: self.at.stride as u32,
            per: self.per.unwrap_or(1) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("WEIGHTED", self.per.is_some()), ("COUNTED", self.counted)];
        vec![each(), constants(&options), wgsl!("loss/weigh_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows * self.numbers(), 64)
    }

    fn twin<T: Real>(&self, ports: WeighRowsPorts<Slices<'_, T>>) {
        let WeighRowsPorts { weights, values } = ports;
        for row in 0..self.rows {
            let weight = match (self.per, weights) {
                (Some(per), Some(weights)) => weights[row / per],
                _ => T::one(),
            };
            let values = &mut values[self.at.first + row * self.at.stride..][..self.numbers()];
            values[..self.width].iter_mut().for_each(|v| *v = *v * weight);
            if self.counted {
                values[self.width] = weight;
            }
        }
    }
}

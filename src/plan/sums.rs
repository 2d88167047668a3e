//! Sums of any length, recorded in blocks: no invocation's loop grows with a size, and long sums stay accurate.

use super::{Recorder, View};
use crate::kernel::{Strided, Sum, SumOf, SumPorts, SumRows, SumRowsPorts};

/// The most terms left for one kernel to sum.
pub const FEW: usize = 1024;

impl Recorder<'_> {
    /// Records totals\[p\] = Σ of the p-th `count` values, in blocks and blocks of blocks, in a fixed order. `to` gives the places
    /// of the totals.
    pub fn sum(&mut self, values: View, count: usize, parts: usize, totals: View, to: Strided) {
        let (values, count) = self.condense(values, count, parts, 4 * FEW);
        let Strided { first, stride } = to;
        let of = SumOf::Values;
        self.op(Sum { count, parts, of, first, stride }, SumPorts { values, others: None, totals });
    }

    /// Records totals\[p\] = Σ of the products of the p-th `count` values with as many others.
    pub fn sum_products(&mut self, values: View, others: View, count: usize, parts: usize, totals: View) {
        let (blocks, of) = (Sum::blocks(count), SumOf::Products);
        let sums = if blocks == 1 { totals } else { self.scratch(parts * blocks) };
        let kernel = Sum { count, parts, of, first: 0, stride: blocks };
        self.op(kernel, SumPorts { values, others: Some(others), totals: sums });
        if blocks > 1 {
            self.sum(sums, blocks, parts, totals, Strided { first: 0, stride: 1 });
        }
    }

    /// Records sums of neighbouring values until every part has at most `most` left, or 1,024 if that is more; returns them and
    /// their number per part.
    pub fn condense(
        &mut self,
        mut values: View,
        mut count: usize,
        parts: usize,
        most: usize,
    ) -> (View, usize) {
        while count > most.max(FEW) {
            (values, count) = self.block_sums(values, count, parts, false);
        }
        (values, count)
    }

    /// Records sums of neighbouring values, or of their squares, for every part; returns them and their number per part.
    pub fn block_sums(&mut self, values: View, count: usize, parts: usize, squared: bool) -> (View, usize) {
        let blocks = Sum::blocks(count);
        let sums = self.scratch(parts * blocks);
        let of = if squared { SumOf::Squares } else { SumOf::Values };
        let kernel = Sum { count, parts, of, first: 0, stride: blocks };
        self.op(kernel, SumPorts { values, others: None, totals: sums });
        (sums, blocks)
    }

    /// Records totals\[c\] = Σ over the rows r of values\[r, c\].
    pub fn sum_rows(&mut self, values: View, rows: usize, columns: usize, totals: View) {
        self.sum_rows_of_each(values, [1, rows, columns], false, totals);
    }

    /// Records totals\[m, c\] = Σ over the rows r of values\[m, r, c\], or of their squares, in blocks of rows and blocks of
    /// blocks.
    pub fn sum_rows_of_each(
        &mut self,
        mut values: View,
        [parts, mut rows, columns]: [usize; 3],
        mut squared: bool,
        totals: View,
    ) {
        loop {
            let blocks = SumRows::blocks(rows);
            let sums = if blocks == 1 { totals } else { self.scratch(parts * blocks * columns) };
            self.op(SumRows { parts, rows, columns, squared }, SumRowsPorts { values, totals: sums });
            if blocks == 1 {
                return;
            }
            (values, rows, squared) = (sums, blocks, false);
        }
    }

    /// Records sums of neighbouring rows until at most 1,024 are left; returns them and their number.
    pub fn condense_rows(&mut self, mut values: View, mut rows: usize, columns: usize) -> (View, usize) {
        while rows > FEW {
            let blocks = SumRows::blocks(rows);
            let sums = self.scratch(blocks * columns);
            self.op(
                SumRows { parts: 1, rows, columns, squared: false },
                SumRowsPorts { values, totals: sums },
            );
            (values, rows) = (sums, blocks);
        }
        (values, rows)
    }
}

//! Blocks of a matrix that several threads write at once, and products into them.

use crate::Real;
use std::marker::PhantomData;

/// A block of a matrix that is stored in rows.
pub(crate) struct Block<'a, T> {
    /// Its first row in the matrix.
    pub(crate) row: usize,
    /// Its first column in the matrix.
    pub(crate) col: usize,
    first: *mut T,
    rows: usize,
    width: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: `tiles` and `gates` give out every element once, so a `Block` is to its elements what a `&mut [T]` would be.
unsafe impl<T: Send> Send for Block<'_, T> {}

impl<'a, T> Block<'a, T> {
    /// All of `values`, stored in rows of `stride`, in blocks of up to `rows` × `width`.
    pub(crate) fn tiles(
        values: &'a mut [T],
        stride: usize,
        rows: usize,
        width: usize,
    ) -> impl Iterator<Item = Self> + use<'a, T> {
        assert!(stride > 0 && rows > 0 && width > 0);
        let all = values.len() / stride;
        let start = values.as_mut_ptr();
        let corners =
            (0..all).step_by(rows).flat_map(move |row| (0..stride).step_by(width).map(move |col| (row, col)));
        corners.map(move |(row, col)| Self {
            row,
            col,
            first: start.wrapping_add(row * stride + col),
            rows: rows.min(all - row),
            width: width.min(stride - col),
            stride,
            matrix: PhantomData,
        })
    }

    /// `gates` adjacent matrices of `units` columns each, which start at `first` in `all` lines that are `stride` apart, in tiles of up
    /// to `rows` × `width`: each with its block of every gate.
    pub(crate) fn gates(
        values: &'a mut [T],
        (first, stride): (usize, usize),
        (all, gates, units): (usize, usize, usize),
        (rows, width): (usize, usize),
    ) -> impl Iterator<Item = Vec<Self>> + use<'a, T> {
        let line = gates.saturating_mul(units);
        let end = all.saturating_sub(1).saturating_mul(stride).saturating_add(first).saturating_add(line);
        assert!(line <= stride && end <= values.len() && rows > 0 && width > 0);
        let start = values.as_mut_ptr();
        let corners =
            (0..all).step_by(rows).flat_map(move |row| (0..units).step_by(width).map(move |col| (row, col)));
        corners.map(move |(row, col)| {
            let block = |gate: usize| Self {
                row,
                col,
                first: start.wrapping_add(first + row * stride + gate * units + col),
                rows: rows.min(all - row),
                width: width.min(units - col),
                stride,
                matrix: PhantomData,
            };
            (0..gates).map(block).collect()
        })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The block's part of its row `row`.
    pub(crate) fn line(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: inside the matrix, since row < rows and the block's columns lie below the stride; nobody else has these elements.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.width) }
    }

    /// The block as runs of adjacent elements, each with the index of its first element in the matrix.
    pub(crate) fn stretches(&mut self) -> impl Iterator<Item = (usize, &mut [T])> {
        let Self { row, col, first, rows, width, stride, .. } = *self;
        let (count, len) = if width == stride { (1, rows * width) } else { (rows, width) };
        // SAFETY: lines of the block, which do not overlap, or all of them as one if they are adjacent.
        (0..count).map(move |i| unsafe {
            ((row + i) * stride + col, std::slice::from_raw_parts_mut(first.add(i * stride), len))
        })
    }
}

/// A stored matrix, read as it is or as its transpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    row_step: isize,
    col_step: isize,
}

/// `values` as stored, rows of `stride`.
pub(crate) fn matrix<T>(values: &[T], stride: usize) -> Matrix<'_, T> {
    Matrix { values, row_step: stride as isize, col_step: 1 }
}

/// The transpose of `values`, stored in rows of `stride`.
pub(crate) fn transposed<T>(values: &[T], stride: usize) -> Matrix<'_, T> {
    Matrix { values, row_step: 1, col_step: stride as isize }
}

impl<T> Matrix<'_, T> {
    /// The number of stored elements that a matrix of this size spans.
    fn reach(&self, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 {
            return 0;
        }
        let along = |count: usize, step: isize| (count - 1).saturating_mul(step.unsigned_abs());
        along(rows, self.row_step).saturating_add(along(cols, self.col_step)).saturating_add(1)
    }
}

/// out[rows, cols] = a[rows, depth]·b[depth, cols] on the calling thread.
pub(crate) fn multiply<T: Real>(
    out: &mut [T],
    (rows, depth, cols): (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    assert!(out.len() >= rows.saturating_mul(cols));
    let first = out.as_mut_ptr();
    let mut out = Block { row: 0, col: 0, first, rows, width: cols, stride: cols, matrix: PhantomData };
    multiply_block(&mut out, depth, a, b, false);
}

/// [`multiply`] into a block of a larger matrix, added to its content if `accumulate`.
pub(crate) fn multiply_block<T: Real>(
    out: &mut Block<'_, T>,
    depth: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    accumulate: bool,
) {
    let (rows, cols) = (out.rows, out.width);
    assert!(a.values.len() >= a.reach(rows, depth) && b.values.len() >= b.reach(depth, cols));
    // SAFETY: `reach` is the last element that sizes and strides touch, so the assertion bounds the operands; `out` holds its elements
    // exclusively.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            depth,
            out.first,
            1,
            out.stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.col_step,
            a.row_step,
            b.values.as_ptr(),
            b.col_step,
            b.row_step,
            if accumulate { T::one() } else { T::zero() },
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

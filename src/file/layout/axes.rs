//! Where numbers go when axes change places.

use super::Flat;

/// Where the number `i` of a vector flattened with the channels first is, with the channels last.
pub(super) fn unflattened(flat: Flat, i: usize) -> usize {
    flat.map_or(i, |(positions, channels)| i % positions * channels + i / positions)
}

/// Where the number of a tensor with these axes of another is in that one.
pub(super) fn transposed(shape: &[usize], axes: &[usize]) -> impl Fn(usize) -> usize {
    let mut strides = vec![1; shape.len()];
    (1..shape.len()).rev().for_each(|axis| strides[axis - 1] = strides[axis] * shape[axis]);
    let axes: Vec<(usize, usize)> = axes.iter().map(|&axis| (shape[axis], strides[axis])).collect();
    move |mut i| {
        let mut place = 0;
        for &(size, stride) in axes.iter().rev() {
            place += i % size * stride;
            i /= size;
        }
        place
    }
}

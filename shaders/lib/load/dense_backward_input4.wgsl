// dense_backward_input: the operands in blocks of 4 × 4, from vec4 buffers.
// Both operands are loaded along k, then turned. Rows and columns past the end repeat the last.
fn row_a(row: u32, k: u32) -> vec4<f32> { return d_f[(min(row, u.batch - 1u) * u.units + k) / 4u]; }
fn block_a(row: u32, k: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(row_a(row, k), row_a(row + 1u, k), row_a(row + 2u, k), row_a(row + 3u, k)));
}

fn row_b(k: u32, col: u32) -> vec4<f32> { return w[(min(col, u.inputs - 1u) * u.units + k) / 4u]; }
fn block_b(k: u32, col: u32) -> mat4x4<f32> {
    return transpose(mat4x4<f32>(row_b(k, col), row_b(k, col + 1u), row_b(k, col + 2u), row_b(k, col + 3u)));
}

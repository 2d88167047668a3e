// dense_backward_weight: the operands in blocks of 4 × 4, from vec4 buffers.
fn row_a(row: u32, k: u32) -> vec4<f32> { return x[(k * u.inputs + row) / 4u]; }
fn block_a(row: u32, k: u32) -> mat4x4<f32> {
    return mat4x4<f32>(row_a(row, k), row_a(row, k + 1u), row_a(row, k + 2u), row_a(row, k + 3u));
}

fn row_b(k: u32, col: u32) -> vec4<f32> { return d_f[(k * u.units + col) / 4u]; }
fn block_b(k: u32, col: u32) -> mat4x4<f32> {
    return mat4x4<f32>(row_b(k, col), row_b(k + 1u, col), row_b(k + 2u, col), row_b(k + 3u, col));
}

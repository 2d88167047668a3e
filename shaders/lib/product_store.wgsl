// Hands four neighbouring sums of one row to the stem's store(), leaving out what lies past the end.
fn store_quad(row: u32, col: u32, sums: vec4<f32>) {
    if (row >= rows()) {
        return;
    }
    if (col < cols()) { store(row, col, sums.x); }
    if (col + 1u < cols()) { store(row, col + 1u, sums.y); }
    if (col + 2u < cols()) { store(row, col + 2u, sums.z); }
    if (col + 3u < cols()) { store(row, col + 3u, sums.w); }
}

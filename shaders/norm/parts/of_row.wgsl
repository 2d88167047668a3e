// The number of a row, four times, among the four that an accessor of quads returns for it.
fn of_row(values: vec4<f32>, row: u32) -> vec4<f32> {
    if (QUADS) {
        return vec4<f32>(values[row % 4u]);
    }
    return vec4<f32>(values.x);
}


// The group of a number by its row and channel: that of the row, or if GROUPED of a part of its channels in u.positions neighbouring rows.
fn group_of(row: u32, c: u32) -> u32 {
    if (GROUPED) {
        return row / u.positions * u.parts + min(c, u.channels - 1u) / u.width;
    }
    return row;
}

// The number of a group among the four that an accessor of quads returns for it.
fn of_group(values: vec4<f32>, group: u32) -> f32 {
    if (QUADS) {
        return values[group % 4u];
    }
    return values.x;
}

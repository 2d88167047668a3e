// Where the number i of a group is in [rows, C]: a row, or if GROUPED a part of the channels in u.positions neighbouring rows.
fn place_of(group: u32, i: u32) -> u32 {
    if (GROUPED) {
        let row = group / u.parts * u.positions + i / u.width;
        return row * u.channels + group % u.parts * u.width + i % u.width;
    }
    return group * u.channels + i;
}

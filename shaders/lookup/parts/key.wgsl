// The row of the table that an index stands for; u.rows where it stands for none: it is negative, not whole, too large or not a number.
fn key_of(index: f32) -> u32 {
    let stands = index >= 0.0 && index < f32(u.rows) && floor(index) == index;
    return select(u.rows, u32(clamp(index, 0.0, f32(u.rows))), stands);
}

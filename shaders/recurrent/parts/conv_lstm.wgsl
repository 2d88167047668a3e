const NONE: u32 = 0xffffffffu;

// The row of a position at a time step, among rows [B, T, P], from its row among [B, P].
fn row_of(row: u32, step: u32) -> u32 {
    return (row / u.positions * u.steps + step) * u.positions + row % u.positions;
}

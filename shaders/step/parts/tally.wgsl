// The sum of a column of a step's scores. The regularisers' penalties count once per row in column 0, so that its mean is loss +
// penalties; WEIGHTED: once per row that counts, as marked in the last column. All 64 invocations of a workgroup must call it.
fn tally(column: u32, local: u32) -> f32 {
    var total = 0.0;
    for (var row = local; row < u.rows; row += LANES) {
        total += scores[row * u.columns + column];
    }
    total = sum_lanes(total, local);
    var penalty = 0.0;
    for (var i = local; i < u.penalties; i += LANES) {
        penalty += penalties[i];
    }
    penalty = sum_lanes(penalty, local);
    var counting = f32(u.batch);
    if (WEIGHTED) {
        counting = 0.0;
        for (var row = local; row < u.rows; row += LANES) {
            counting += scores[row * u.columns + u.columns - 1u];
        }
        counting = sum_lanes(counting, local);
    }
    return total + select(0.0, penalty * counting, column == 0u);
}

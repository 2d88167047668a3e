// tally: the sums of a step's scores into the row of tallies for the step. The penalties of the regularisers
// count once a row in column 0, so that its mean is loss + penalties; WEIGHTED: once a row that counts, as the last column tells.
//
// scores [B, columns]  penalties [P]  clock  → tallies [slots, columns], row clock.slot
// Workgroup: 64 invocations on one column, summed in a fixed order. Grid: (columns, 1, 1). WEIGHTED is a generated
// constant.

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let column = group.x;
    var total = 0.0;
    for (var row = local; row < u.batch; row += LANES) {
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
        for (var row = local; row < u.batch; row += LANES) {
            counting += scores[row * u.columns + u.columns - 1u];
        }
        counting = sum_lanes(counting, local);
    }
    if (local == 0u) {
        if (column == 0u) {
            total += penalty * counting;
        }
        tallies[min(clock[SLOT], u.last_slot) * u.columns + column] = total;
    }
}

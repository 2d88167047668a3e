// tally: sums a step's scores into the step's row of tallies. The regularisers' penalties count once per row in column 0, so that
// its mean is loss + penalties; WEIGHTED: once per row that counts, as marked in the last column.
//
// scores [rows, columns], of the batch's rows or sums of them  penalties [P]  clock  → tallies [slots, columns], row clock.slot
// Workgroup: 64 invocations on one column, summed in a fixed order. Grid: columns groups, folded over (x, y). WEIGHTED is a
// generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let place = flat_index(group, groups, 0u, 1u);
    let column = min(place, u.columns - 1u);
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
    if (local == 0u && place < u.columns) {
        if (column == 0u) {
            total += penalty * counting;
        }
        tallies[min(clock[SLOT], u.last_slot) * u.columns + column] = total;
    }
}

// guard: stops training before an update that is not finite, and finds the factor that clips the gradient. SCORED: first sums the
// step's scores (step/parts/tally.wgsl).
//   norm = √Σ partials    control = (clip/max(norm, clip) or 1, norm)
//   clock.halted = STALLED when SCHEDULED and due[clock.slot] ≠ (clock.step · 32 + kind) mod 2³²
//                  1 + clock.step when the step's loss or norm is not finite
//
// partials [P]  scores [rows, columns] and penalties [P'] if SCORED  due [slots] if SCHEDULED
// → tallies [slots, columns], the loss in row clock.slot, column 0  clock  control [2]
// Workgroup: 64 invocations. Grid: (1, 1, 1). Names in capitals are generated constants.

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
    let slot = min(clock[SLOT], u.last_slot);
    var loss = 0.0;
    if (SCORED) {
        for (var column = 0u; column < u.columns; column++) {
            let total = tally(column, local);
            if (local == 0u) {
                tallies[slot * u.columns + column] = total;
            }
            loss = select(loss, total, column == 0u);
        }
    } else {
        loss = tallies[slot * u.columns];
    }
    var total = 0.0;
    for (var i = local; i < u.partials; i += LANES) {
        total += partials[i];
    }
    total = sum_lanes(total, local);
    if (local != 0u) {
        return;
    }
    var stalled = false;
    if (SCHEDULED) {
        stalled = due[slot] != ((clock[STEP] << 5u) | u.kind);
    }
    if (clock[HALTED] == 0u) {
        if (stalled) {
            clock[HALTED] = STALLED;
        } else if (!(is_finite(loss) && is_finite(total))) {
            // The last two of 2³² steps have no free number.
            let number = clock[STEP] + 1u;
            clock[HALTED] = select(number, STALLED - 1u, number == 0u || number == STALLED);
        }
    }
    let norm = sqrt(total);
    control[0] = select(1.0, u.clip_norm / max(norm, u.clip_norm), u.clip_norm > 0.0);
    control[1] = norm;
}

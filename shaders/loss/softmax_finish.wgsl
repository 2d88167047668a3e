// softmax_finish: a row's loss and numbers from the numbers of its pieces (softmax_parts.wgsl).
//   top = max top_p    total = Σ total_p·exp(top_p − top)    mass = Σ mass_p    below = Σ below_p + mass_p·(top − top_p)
//   loss = mass·log total + below
//
// parts [B, pieces, 4]  → scores [B, columns]: column 0 receives the loss (unused without LOSS)  rows [B, 4]: top, total, mass, below
// Workgroup: 64 invocations on one row. Grid: B groups, folded over (x, y). LOSS is a generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let first = min(index, u.batch - 1u) * u.pieces;
    var top = -3.4e38;
    for (var p = local; p < u.pieces; p += LANES) {
        top = max(top, parts[4u * (first + p)]);
    }
    top = max_lanes(top, local);
    var total = 0.0;
    var mass = 0.0;
    var below = 0.0;
    for (var p = local; p < u.pieces; p += LANES) {
        let place = 4u * (first + p);
        let own = parts[place];
        total += parts[place + 1u] * exp(own - top);
        mass += parts[place + 2u];
        if (parts[place + 2u] != 0.0) {
            below += parts[place + 3u] + parts[place + 2u] * (top - own);
        }
    }
    total = sum_lanes(total, local);
    mass = sum_lanes(mass, local);
    below = sum_lanes(below, local);
    if (local == 0u && index < u.batch) {
        if (LOSS) {
            scores[index * u.columns] = select(mass * log(total) + below, 0.0, mass == 0.0);
        }
        rows[4u * index] = top;
        rows[4u * index + 1u] = total;
        rows[4u * index + 2u] = mass;
        rows[4u * index + 3u] = below;
    }
}

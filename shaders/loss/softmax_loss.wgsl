// softmax_loss: cross-entropy between softmax(logits) and a distribution, row by row.
//   loss = Σ_c t_c·(log Σ_j exp x_j − x_c)        dx = (softmax(x)·Σ_c t_c − t)/B
//
// x, t [B, C]  → scores [B, columns]: column 0 receives the loss  d_x [B, C] (not written when gradient = 0)
// Workgroup: 64 invocations on one row. Grid: B groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = flat_index(group, groups, 0u, 1u);
    let first = row * u.classes;
    let inside = row < u.batch;
    let end = select(0u, u.classes, inside);
    var top = -3.4e38;
    for (var c = local; c < end; c += LANES) {
        top = max(top, x[first + c]);
    }
    top = max_lanes(top, local);
    var total = 0.0;
    var mass = 0.0;
    for (var c = local; c < end; c += LANES) {
        total += exp(x[first + c] - top);
        mass += t[first + c];
    }
    total = sum_lanes(total, local);
    mass = sum_lanes(mass, local);
    let log_total = log(total);
    var loss = 0.0;
    for (var c = local; c < end; c += LANES) {
        let target_share = t[first + c];
        // A class without mass adds nothing, even at a logit of minus infinity.
        if (target_share != 0.0) {
            loss += target_share * (log_total - (x[first + c] - top));
        }
        if (u.gradient != 0u) {
            d_x[first + c] = (exp(x[first + c] - top) / total * mass - target_share) * u.scale;
        }
    }
    loss = sum_lanes(loss, local);
    if (inside && local == 0u) {
        scores[row * u.columns] = loss;
    }
}

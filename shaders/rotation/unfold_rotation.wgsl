// unfold_rotation: the gradients of the weights from those of the folded weights (fold_rotation.wgsl).
//   s = ρ·(Σ_k W[k, n]·D_W[k, n] + Σ_k U·D_U (WHOLE) + Σ_lines b·D_b): the Σ dz ⊙ z of a layer that is not folded
//   dW = ρ·D_W + share(x_Q), dU = ρ·D_U + share(h_Q), db = ρ·D_b + share(1); share(factor) = factor·d_v, or ALIGNED
//     factor²·d_v·weight
//   dW and dU also receive l1·sign(weight) + 2·l2·weight.
//
// w [F, C]  u_kernel [H, C] (unused unless WHOLE)  b [lines, C] (unused without lines)  rotation [2C]: ρ then q
// → d_w, d_u, d_b as w, u_kernel and b: the folded weights' gradients D beforehand  s [C]
// Workgroup: ACROSS quads of columns × SLICES of the rows, summed in a fixed order. Grid: ⌈C/(4·ACROSS)⌉. Names in capitals are
// generated constants.

fn share_by(d_v: vec4<f32>, factor: f32, weight: vec4<f32>) -> vec4<f32> {
    return factor * share_of(select(d_v, factor * d_v, ALIGNED), weight);
}

fn penalty(weight: vec4<f32>, l1: f32, l2: f32) -> vec4<f32> {
    return l1 * sign(weight) + 2.0 * l2 * weight;
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = (group.x * ACROSS + local.x) * 4u;
    let inside = column < u.columns;
    let count = u.columns - min(column, u.columns);
    var sum = vec4<f32>();
    if (inside) {
        for (var row = local.y; row < u.inputs; row += SLICES) {
            let i = row * u.columns + column;
            sum += get_w(i) * get_d_w(i);
        }
        if (WHOLE) {
            for (var row = local.y; row < u.units; row += SLICES) {
                let i = row * u.columns + column;
                sum += get_u_kernel(i) * get_d_u(i);
            }
        }
        if (local.y == 0u) {
            for (var line = 0u; line < u.rotated_lines; line++) {
                let i = line * u.columns + column;
                sum += get_b(i) * get_d_b(i);
            }
        }
    }
    // An invocation overwrites only what it has read itself.
    sum = sum_slices(sum, local);
    if (!inside) {
        return;
    }
    let rho = get_rotation(column);
    let s = rho * sum;
    let d_v = d_v_of(get_rotation(u.columns + column), s, u.epsilon);
    for (var row = local.y; row < u.inputs; row += SLICES) {
        let i = row * u.columns + column;
        let w = get_w(i);
        put_d_w(i, rho * get_d_w(i) + share_by(d_v, u.x_q, w) + penalty(w, u.l1, u.l2), count);
    }
    if (WHOLE) {
        for (var row = local.y; row < u.units; row += SLICES) {
            let i = row * u.columns + column;
            let w = get_u_kernel(i);
            let value = rho * get_d_u(i) + share_by(d_v, u.h_q, w);
            put_d_u(i, value + penalty(w, u.recurrent_l1, u.recurrent_l2), count);
        }
    }
    if (local.y == 0u) {
        for (var line = 0u; line < u.rotated_lines; line++) {
            let i = line * u.columns + column;
            put_d_b(i, rho * get_d_b(i) + share_by(d_v, 1.0, get_b(i)), count);
        }
        put_s(column, s, count);
    }
}

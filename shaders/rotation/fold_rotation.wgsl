// fold_rotation: q and ρ of every column of the gates' weights, and the weights with ρ folded in, since ρ ⊙ (x·W + b) =
// x·(W·diag ρ) + ρ ⊙ b.
// WHOLE: the terms of q include those of h_Q and U, and of every line of b.
//
// w [F, C]  u_kernel [H, C] (unused unless WHOLE)  b [lines, C] (unused without lines)
// lambda [gates or C] (unused where L is not learnt)
// → rotation [2C]: ρ then q  w_folded, b_folded, u_folded (written with WHOLE) as w, b and u_kernel; without WHOLE the second line
// of b is copied unchanged
// Workgroup: ACROSS quads of columns × SLICES of the rows, summed in a fixed order. Grid: ⌈C/(4·ACROSS)⌉. Names in capitals are
// generated constants.

fn limit_at(column: u32) -> f32 {
    let i = min(column, u.columns - 1u);
    let gate = i / u.units;
    return limit_of(gate, i, vec4<f32>(u.limit_0, u.limit_1, u.limit_2, u.limit_3)[gate]);
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = (group.x * ACROSS + local.x) * 4u;
    let inside = column < u.columns;
    let count = u.columns - min(column, u.columns);
    let of_w = term(vec4<f32>(u.x_q), ALIGNED);
    let of_u = term(vec4<f32>(u.h_q), ALIGNED);
    var sum = vec4<f32>();
    if (inside) {
        for (var row = local.y; row < u.inputs; row += SLICES) {
            sum += of_w * term(get_w(row * u.columns + column), ALIGNED);
        }
        if (WHOLE) {
            for (var row = local.y; row < u.units; row += SLICES) {
                sum += of_u * term(get_u_kernel(row * u.columns + column), ALIGNED);
            }
        }
    }
    sum = sum_slices(sum, local);
    if (!inside) {
        return;
    }
    for (var line = 0u; line < u.rotated_lines; line++) {
        sum += term(get_b(line * u.columns + column), ALIGNED);
    }
    let q = q_of(sum);
    let limit = vec4<f32>(limit_at(column), limit_at(column + 1u), limit_at(column + 2u), limit_at(column + 3u));
    let rho = rho_of(q, limit, u.epsilon);
    for (var row = local.y; row < u.inputs; row += SLICES) {
        let i = row * u.columns + column;
        put_w_folded(i, rho * get_w(i), count);
    }
    if (WHOLE) {
        for (var row = local.y; row < u.units; row += SLICES) {
            let i = row * u.columns + column;
            put_u_folded(i, rho * get_u_kernel(i), count);
        }
    }
    if (local.y == 0u) {
        put_rotation(column, rho, count);
        put_rotation(u.columns + column, q, count);
        for (var line = 0u; line < u.lines; line++) {
            let i = line * u.columns + column;
            put_b_folded(i, select(vec4<f32>(1.0), rho, line < u.rotated_lines) * get_b(i), count);
        }
    }
}

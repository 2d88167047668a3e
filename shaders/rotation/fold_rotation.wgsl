// fold_rotation: q and ρ of every column of the gates' kernels, and the kernels with ρ in them, since
// ρ ⊙ (x·W + b) = x·(W·diag ρ) + ρ ⊙ b.
//   q = x_Q·Σ_k W[k, n] + b[n], or WHOLE x_Q·Σ_k W[k, n] + h_Q·Σ_k U[k, n] + Σ_lines b[line, n]
//   ALIGNED: the root of the sum of the terms' squares, of every weight's by itself
//   ρ = L/(|q| + ε), L that of the column's gate, or LEARN_PER_LAYER exp(λ[gate]), or LEARN_PER_UNIT exp(λ[n])
//
// w [F, C]  u_kernel [H, C] (any, unless WHOLE)  b [lines, C] (any, without lines)
// lambda [gates or C] (any, where L is not learnt)
// → rotation [2C]: ρ then q  w_folded, b_folded, u_folded (written with WHOLE) as w, b and u_kernel; without WHOLE the second
//   line of b stays as it is
// Workgroup: ACROSS quads of columns × SLICES of the rows, summed in a fixed order. Grid: ⌈C/(4·ACROSS)⌉. The capitals are
// generated constants.

fn term(weights: vec4<f32>) -> vec4<f32> {
    if (ALIGNED) {
        return weights * weights;
    }
    return weights;
}

fn limit_of(column: u32) -> f32 {
    let gate = min(column, u.columns - 1u) / u.units;
    if (LEARN_PER_LAYER) {
        return exp(lambda[gate]);
    }
    if (LEARN_PER_UNIT) {
        return exp(lambda[min(column, u.columns - 1u)]);
    }
    return vec4<f32>(u.limit_0, u.limit_1, u.limit_2, u.limit_3)[gate];
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let column = (group.x * ACROSS + local.x) * 4u;
    let inside = column < u.columns;
    let count = u.columns - min(column, u.columns);
    var factors = vec2<f32>(u.x_q, u.h_q);
    if (ALIGNED) {
        factors *= factors;
    }
    var sum = vec4<f32>();
    if (inside) {
        for (var row = local.y; row < u.inputs; row += SLICES) {
            sum += factors.x * term(get_w(row * u.columns + column));
        }
        if (WHOLE) {
            for (var row = local.y; row < u.units; row += SLICES) {
                sum += factors.y * term(get_u_kernel(row * u.columns + column));
            }
        }
    }
    var q = sum_slices(sum, local);
    if (!inside) {
        return;
    }
    for (var line = 0u; line < u.rotated_lines; line++) {
        q += term(get_b(line * u.columns + column));
    }
    if (ALIGNED) {
        q = sqrt(q);
    }
    let limit = vec4<f32>(limit_of(column), limit_of(column + 1u), limit_of(column + 2u), limit_of(column + 3u));
    let rho = limit / (abs(q) + u.epsilon);
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

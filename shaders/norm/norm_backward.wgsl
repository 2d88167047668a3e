// norm_backward: dx = γ/√(variance + ε) ⊙ (dy − dβ/rows − x̂ ⊙ dγ/rows), x̂ = (x − mean)/√(variance + ε).
// BY_GROUP of n numbers: dx = (g − Σg/n − x̂ ⊙ Σ(g ⊙ x̂)/n)/√(variance + ε), g = γ ⊙ dy.
//
// d_y, x [rows, C]  mean, variance, d_beta, d_gamma [C], BY_GROUP [groups]: the last two are Σg and Σ(g ⊙ x̂) there
// gamma [C] (unused without SCALE)  → d_x [rows, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a row. Grid: folded over (x, y). Names in capitals are generated
// constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let place = row * u.channels + c;
    let inverse = vec4<f32>(1.0) / sqrt(variance_of(row, c) + u.epsilon);
    var factor = inverse;
    var upstream = get_d_y(place);
    if (SCALE) {
        if (BY_GROUP) {
            upstream *= get_gamma(c);
        } else {
            factor *= get_gamma(c);
        }
    }
    let normal = (get_x(place) - mean_of(row, c)) * inverse;
    let count = f32(select(u.rows, u.positions * u.width, BY_GROUP));
    let share = (d_beta_of(row, c) + normal * d_gamma_of(row, c)) / count;
    put_d_x(place, factor * (upstream - share), u.channels - c);
}

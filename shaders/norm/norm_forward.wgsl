// norm_forward: y = γ ⊙ (x − mean)/√(variance + ε) + β, with the statistics of a channel, or BY_GROUP of a group such as a row.
//
// x [rows, C]  mean, variance [C], BY_GROUP [groups]  gamma, beta [C] (gamma unused without SCALE, beta unused without CENTER)
// → y [rows, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a row. Grid: folded over (x, y). Names in capitals are generated
// constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let place = row * u.channels + c;
    var factor = vec4<f32>(1.0) / sqrt(variance_of(row, c) + u.epsilon);
    if (SCALE) {
        factor *= get_gamma(c);
    }
    var value = (get_x(place) - mean_of(row, c)) * factor;
    if (CENTER) {
        value += get_beta(c);
    }
    put_y(place, value, u.channels - c);
}

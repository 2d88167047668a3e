// norm_backward: dx = γ/√(variance + ε) ⊙ (dy − dβ/rows − x̂ ⊙ dγ/rows), x̂ = (x − mean)/√(variance + ε).
//
// d_y, x [rows, C]  mean, variance, gamma, d_beta, d_gamma [C] (gamma unused without SCALE)  → d_x [rows, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a row. Grid: folded over (x, y).

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let place = row * u.channels + c;
    let inverse = vec4<f32>(1.0) / sqrt(get_variance(c) + u.epsilon);
    var factor = inverse;
    if (SCALE) {
        factor *= get_gamma(c);
    }
    let normal = (get_x(place) - get_mean(c)) * inverse;
    let value = factor * (get_d_y(place) - (get_d_beta(c) + normal * get_d_gamma(c)) / f32(u.rows));
    put_d_x(place, value, u.channels - c);
}

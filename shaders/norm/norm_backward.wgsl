// norm_backward: dx = γ/√(variance + ε) ⊙ (dy − dβ/rows − x̂ ⊙ dγ/rows), x̂ = (x − mean)/√(variance + ε).
// BY_ROW: dx = (g − Σg/C − x̂ ⊙ Σ(g ⊙ x̂)/C)/√(variance + ε), g = γ ⊙ dy.
//
// d_y, x [rows, C]  mean, variance, d_beta, d_gamma [C], BY_ROW [rows]: the last two are Σg and Σ(g ⊙ x̂) there
// gamma [C] (unused without SCALE)  → d_x [rows, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a row. Grid: folded over (x, y). Names in capitals are generated
// constants.

fn rows() -> u32 { return u.rows; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let place = row * u.channels + c;
    let own = select(c, row, BY_ROW);
    var mean = get_mean(own);
    var variance = get_variance(own);
    var sum = get_d_beta(own);
    var product = get_d_gamma(own);
    if (BY_ROW) {
        mean = of_row(mean, row);
        variance = of_row(variance, row);
        sum = of_row(sum, row);
        product = of_row(product, row);
    }
    let inverse = vec4<f32>(1.0) / sqrt(variance + u.epsilon);
    var factor = inverse;
    var upstream = get_d_y(place);
    if (SCALE) {
        if (BY_ROW) {
            upstream *= get_gamma(c);
        } else {
            factor *= get_gamma(c);
        }
    }
    let normal = (get_x(place) - mean) * inverse;
    let count = f32(select(u.rows, u.channels, BY_ROW));
    put_d_x(place, factor * (upstream - (sum + normal * product) / count), u.channels - c);
}

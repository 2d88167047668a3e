// norm_forward: y = γ ⊙ (x − mean)/√(variance + ε) + β by channel.
//
// x [rows, C]  mean, variance, gamma, beta [C] (gamma any without SCALE, beta any without CENTER)  → y [rows, C]
// Workgroup: 64 invocations, each with four neighbouring channels of a row. Grid: folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    let quads = (u.channels + 3u) / 4u;
    if (i >= u.rows * quads) {
        return;
    }
    let c = (i % quads) * 4u;
    let place = i / quads * u.channels + c;
    var factor = vec4<f32>(1.0) / sqrt(get_variance(c) + u.epsilon);
    if (SCALE) {
        factor *= get_gamma(c);
    }
    var value = (get_x(place) - get_mean(c)) * factor;
    if (CENTER) {
        value += get_beta(c);
    }
    put_y(place, value, u.channels - c);
}

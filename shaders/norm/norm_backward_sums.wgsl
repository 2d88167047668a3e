// norm_backward_sums: Σ dy and Σ dy ⊙ x̂ per channel over u.chunk rows, x̂ = (x − mean)/√(variance + ε).
//
// d_y, x [rows, C]  mean, variance [C], BY_GROUP [groups]  → partial_beta, partial_gamma [⌈rows/chunk⌉, C]
// Workgroup: 4 quads of channels × 64 slices of the rows, summed in a fixed order. Grid: (⌈C/16⌉, ⌈rows/chunk⌉, 1). BY_GROUP is a
// generated constant.

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let c = (group.x * 4u + local.x) * 4u;
    let inside = c < u.channels;
    let end = min(u.rows, (group.y + 1u) * u.chunk);
    var beta = vec4<f32>();
    var gamma = vec4<f32>();
    if (inside) {
        var center = vec4<f32>();
        var inverse = vec4<f32>();
        if (!BY_GROUP) {
            center = mean_of(0u, c);
            inverse = vec4<f32>(1.0) / sqrt(variance_of(0u, c) + u.epsilon);
        }
        for (var row = group.y * u.chunk + local.y; row < end; row += SLICES) {
            if (BY_GROUP) {
                center = mean_of(row, c);
                inverse = vec4<f32>(1.0) / sqrt(variance_of(row, c) + u.epsilon);
            }
            let upstream = get_d_y(row * u.channels + c);
            beta += upstream;
            gamma += upstream * ((get_x(row * u.channels + c) - center) * inverse);
        }
    }
    beta = sum_slices(beta, local);
    gamma = sum_slices(gamma, local);
    if (local.y == 0u && inside) {
        put_partial_beta(group.y * u.channels + c, beta, u.channels - c);
        put_partial_gamma(group.y * u.channels + c, gamma, u.channels - c);
    }
}

// row_norm_sums: Σ g and Σ g ⊙ x̂ per row or group over every u.chunk of its numbers, g = γ ⊙ dy and x̂ = (x − mean)/√(variance + ε).
//
// d_y, x [rows, C]  mean, variance [groups]  gamma [C] (unused without SCALE)  → sums, products [chunks, groups]
// Workgroup: 64 invocations on one chunk of a group, summed in a fixed order. Grid: chunks·groups workgroups, folded over (x, y). SCALE
// is a generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let own = index % u.count;
    let begin = min(index / u.count, u.chunks - 1u) * u.chunk;
    let end = min(begin + u.chunk, u.positions * u.width);
    let center = mean[own];
    let inverse = 1.0 / sqrt(variance[own] + u.epsilon);
    var sum = 0.0;
    var product = 0.0;
    for (var i = begin + local; i < end; i += LANES) {
        let place = place_of(own, i);
        var upstream = d_y[place];
        if (SCALE) {
            upstream *= gamma[place % u.channels];
        }
        sum += upstream;
        product += upstream * ((x[place] - center) * inverse);
    }
    sum = sum_lanes(sum, local);
    product = sum_lanes(product, local);
    if (local == 0u && index < u.count * u.chunks) {
        sums[index] = sum;
        products[index] = product;
    }
}

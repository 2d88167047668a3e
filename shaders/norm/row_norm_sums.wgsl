// row_norm_sums: Σ g and Σ g ⊙ x̂ per row over every u.chunk of its numbers, g = γ ⊙ dy and x̂ = (x − mean)/√(variance + ε).
//
// d_y, x [rows, C]  mean, variance [rows]  gamma [C] (unused without SCALE)  → sums, products [chunks, rows]
// Workgroup: 64 invocations on one chunk of a row, summed in a fixed order. Grid: chunks·rows groups, folded over (x, y). SCALE is a
// generated constant.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let row = index % u.rows;
    let begin = min(index / u.rows, u.chunks - 1u) * u.chunk;
    let end = min(begin + u.chunk, u.channels);
    let center = mean[row];
    let inverse = 1.0 / sqrt(variance[row] + u.epsilon);
    var sum = 0.0;
    var product = 0.0;
    for (var c = begin + local; c < end; c += LANES) {
        let place = row * u.channels + c;
        var upstream = d_y[place];
        if (SCALE) {
            upstream *= gamma[c];
        }
        sum += upstream;
        product += upstream * ((x[place] - center) * inverse);
    }
    sum = sum_lanes(sum, local);
    product = sum_lanes(product, local);
    if (local == 0u && index < u.rows * u.chunks) {
        sums[index] = sum;
        products[index] = product;
    }
}

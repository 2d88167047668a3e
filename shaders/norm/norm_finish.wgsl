// norm_finish: mean and variance per channel from those of chunks of u.chunk rows.
//
// means, squares [chunks, C]  → mean, variance [C]
// Workgroup: 4 quads of channels × 64 slices of the chunks, summed in a fixed order. Grid: ⌈C/16⌉ groups, folded over
// (x, y).

fn rows_of(chunk: u32) -> f32 {
    return f32(min(u.chunk, u.rows - chunk * u.chunk));
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let c = (flat_index(group, groups, 0u, 1u) * 4u + local.x) * 4u;
    let inside = c < u.channels;
    var sum = vec4<f32>();
    if (inside) {
        for (var chunk = local.y; chunk < u.chunks; chunk += SLICES) {
            sum += rows_of(chunk) * get_means(chunk * u.channels + c);
        }
    }
    let count = f32(u.rows);
    let whole = sum_slices(sum, local) / count;
    var distances = vec4<f32>();
    sum = vec4<f32>();
    if (inside) {
        for (var chunk = local.y; chunk < u.chunks; chunk += SLICES) {
            let distance = get_means(chunk * u.channels + c) - whole;
            distances += rows_of(chunk) * distance;
            sum += get_squares(chunk * u.channels + c) + rows_of(chunk) * distance * distance;
        }
    }
    // The mean was rounded: the sum of the distances corrects both.
    distances = sum_slices(distances, local);
    sum = sum_slices(sum, local);
    if (local.y == 0u && inside) {
        put_mean(c, whole + distances / count, u.channels - c);
        put_variance(c, max(sum - distances * distances / count, vec4<f32>()) / count, u.channels - c);
    }
}

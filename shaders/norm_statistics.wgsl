// norm_statistics: mean of every channel over u.chunk rows, and the sum of squared distances from it.
//
// x [rows, C]  → means, squares [⌈rows/chunk⌉, C]
// Workgroup: 4 quads of channels × 64 slices of the rows, summed in a fixed order. Grid: (⌈C/16⌉, ⌈rows/chunk⌉, 1).

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let c = (group.x * 4u + local.x) * 4u;
    let inside = c < u.channels;
    let first = group.y * u.chunk;
    let end = min(u.rows, first + u.chunk);
    var sum = vec4<f32>();
    if (inside) {
        for (var row = first + local.y; row < end; row += SLICES) {
            sum += get_x(row * u.channels + c);
        }
    }
    let mean = sum_slices(sum, local) / f32(end - first);
    sum = vec4<f32>();
    if (inside) {
        for (var row = first + local.y; row < end; row += SLICES) {
            let distance = get_x(row * u.channels + c) - mean;
            sum += distance * distance;
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && inside) {
        put_means(group.y * u.channels + c, mean, u.channels - c);
        put_squares(group.y * u.channels + c, sum, u.channels - c);
    }
}

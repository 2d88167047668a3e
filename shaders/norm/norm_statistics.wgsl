// norm_statistics: per channel, the mean over u.chunk rows and the sum of squared distances from it, Σd² − (Σd)²/n
// (Chan, Golub and LeVeque 1983).
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
    let count = f32(end - first);
    var mean = sum_slices(sum, local) / count;
    var distances = vec4<f32>();
    var squares_of_all = vec4<f32>();
    if (inside) {
        for (var row = first + local.y; row < end; row += SLICES) {
            let distance = get_x(row * u.channels + c) - mean;
            distances += distance;
            squares_of_all += distance * distance;
        }
    }
    // The mean was rounded: the sum of the distances corrects both.
    distances = sum_slices(distances, local);
    squares_of_all = sum_slices(squares_of_all, local);
    if (local.y == 0u && inside) {
        mean += distances / count;
        put_means(group.y * u.channels + c, mean, u.channels - c);
        let spread = max(squares_of_all - distances * distances / count, vec4<f32>());
        put_squares(group.y * u.channels + c, spread, u.channels - c);
    }
}

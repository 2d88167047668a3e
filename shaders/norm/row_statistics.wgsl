// row_statistics: per row, the mean over every u.chunk of its numbers and the sum of squared distances from it, Σd² − (Σd)²/n
// (Chan, Golub and LeVeque 1983).
//
// x [rows, C]  → means, squares [chunks, rows]
// Workgroup: 64 invocations on one chunk of a row, summed in a fixed order. Grid: chunks·rows groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let row = index % u.rows * u.channels;
    let begin = min(index / u.rows, u.chunks - 1u) * u.chunk;
    let end = min(begin + u.chunk, u.channels);
    var sum = 0.0;
    for (var c = begin + local; c < end; c += LANES) {
        sum += x[row + c];
    }
    let count = f32(end - begin);
    let mean = sum_lanes(sum, local) / count;
    var distances = 0.0;
    var squares_of_all = 0.0;
    for (var c = begin + local; c < end; c += LANES) {
        let distance = x[row + c] - mean;
        distances += distance;
        squares_of_all += distance * distance;
    }
    // The mean was rounded: the sum of the distances corrects both.
    distances = sum_lanes(distances, local);
    squares_of_all = sum_lanes(squares_of_all, local);
    if (local == 0u && index < u.rows * u.chunks) {
        means[index] = mean + distances / count;
        squares[index] = max(squares_of_all - distances * distances / count, 0.0);
    }
}

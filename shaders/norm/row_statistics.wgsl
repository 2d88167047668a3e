// row_statistics: per row or group, the mean over every u.chunk of its n numbers and the sum of squared distances from it, Σd² − (Σd)²/n
// (Chan, Golub and LeVeque 1983).
//
// x [rows, C]  → means, squares [chunks, groups]
// Workgroup: 64 invocations on one chunk of a group, summed in a fixed order. Grid: chunks·groups workgroups, folded over (x, y).

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
    var sum = 0.0;
    for (var i = begin + local; i < end; i += LANES) {
        sum += x[place_of(own, i)];
    }
    let count = f32(end - begin);
    let mean = sum_lanes(sum, local) / count;
    var distances = 0.0;
    var squares_of_all = 0.0;
    for (var i = begin + local; i < end; i += LANES) {
        let distance = x[place_of(own, i)] - mean;
        distances += distance;
        squares_of_all += distance * distance;
    }
    // The mean was rounded: the sum of the distances corrects both.
    distances = sum_lanes(distances, local);
    squares_of_all = sum_lanes(squares_of_all, local);
    if (local == 0u && index < u.count * u.chunks) {
        means[index] = mean + distances / count;
        squares[index] = max(squares_of_all - distances * distances / count, 0.0);
    }
}

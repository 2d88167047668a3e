// sum: the sums of short vectors, each in a fixed order.
//
// values [parts, count]  → total [parts]
// Workgroup: 64 invocations on one sum. Grid: (parts, 1, 1).

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let first = group.x * u.count;
    var sum = 0.0;
    for (var i = local; i < u.count; i += LANES) {
        sum += values[first + i];
    }
    sum = sum_lanes(sum, local);
    if (local == 0u) {
        total[group.x] = sum;
    }
}

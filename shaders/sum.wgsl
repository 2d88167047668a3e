// sum: the sum of a short vector in a fixed order.
//
// values [count]  → total [1]
// Workgroup: 64 invocations. Grid: (1, 1, 1).

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32) {
    var sum = 0.0;
    for (var i = local; i < u.count; i += LANES) {
        sum += values[i];
    }
    sum = sum_lanes(sum, local);
    if (local == 0u) {
        total[0] = sum;
    }
}

// zone_sums: sums[j, k, n] = Σ of values[p, n] over the j-th 1,024 positions p of zone k along its zone of lines.
//
// values [TOLD_APART, filters]  → sums [pieces, ZONES, filters]
// Workgroup: 4 quads of filters × 64 slices of the positions, summed in a fixed order. Grid: (⌈filters/16⌉, ZONES, pieces).
// Names in capitals are generated constants.

const PIECE: u32 = 1024u;

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * ACROSS + local.x) * 4u;
    let k = group.y;
    let zone = zone_at(k);
    let line = k / ZONES_ALONG.z * ZONE_GRID.z;
    let begin = group.z * PIECE;
    var sum = vec4<f32>();
    if (n < u.filters) {
        for (var i = begin + local.y; i < min(begin + PIECE, zone.count.z); i += SLICES) {
            sum += get_values((line + zone.first.z + zone.step.z * i) * u.filters + n);
        }
    }
    sum = sum_slices(sum, local);
    if (local.y == 0u && n < u.filters) {
        put_sums((group.z * ZONES + k) * u.filters + n, sum, u.filters - n);
    }
}

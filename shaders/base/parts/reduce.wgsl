// Sums and maxima over the 64 invocations of a workgroup, in one fixed order. All invocations must call them.

const LANES: u32 = 64u;

var<workgroup> lanes: array<f32, 64>;

fn sum_lanes(value: f32, local: u32) -> f32 {
    workgroupBarrier();
    lanes[local] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if (local < width) {
            lanes[local] += lanes[local + width];
        }
    }
    workgroupBarrier();
    return lanes[0];
}

fn max_lanes(value: f32, local: u32) -> f32 {
    workgroupBarrier();
    lanes[local] = value;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if (local < width) {
            lanes[local] = max(lanes[local], lanes[local + width]);
        }
    }
    workgroupBarrier();
    return lanes[0];
}

// The first `count` of four numbers, and zeros.
fn until_end(v: vec4<f32>, count: u32) -> vec4<f32> {
    return select(vec4<f32>(), v, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count));
}

// Sums over the slices of a workgroup of 4 × 64 invocations, each with a quad of columns: in one fixed order, eight slices
// first adding those that lie eight apart. All invocations must call it.

const SLICES: u32 = 64u;

var<workgroup> slices: array<vec4<f32>, 256>;

fn sum_slices(value: vec4<f32>, local: vec3<u32>) -> vec4<f32> {
    let here = local.y * 4u + local.x;
    workgroupBarrier();
    slices[here] = value;
    workgroupBarrier();
    var sum = value;
    if (local.y < 8u) {
        for (var slice = local.y + 8u; slice < SLICES; slice += 8u) {
            sum += slices[slice * 4u + local.x];
        }
        slices[here] = sum;
    }
    workgroupBarrier();
    sum = slices[local.x];
    for (var slice = 1u; slice < 8u; slice++) {
        sum += slices[slice * 4u + local.x];
    }
    return sum;
}

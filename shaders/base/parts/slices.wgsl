// Sums over the slices of a workgroup of ACROSS × SLICES = 256 invocations, each with a quad of columns, in a fixed order: first
// the slices that lie eight apart, then the eight sums. All invocations must call it. ACROSS is a generated constant.

const SLICES: u32 = 256u / ACROSS;

var<workgroup> slices: array<vec4<f32>, 256>;

fn sum_slices(value: vec4<f32>, local: vec3<u32>) -> vec4<f32> {
    let here = local.y * ACROSS + local.x;
    workgroupBarrier();
    slices[here] = value;
    workgroupBarrier();
    var sum = value;
    if (SLICES > 8u) {
        if (local.y < 8u) {
            for (var slice = local.y + 8u; slice < SLICES; slice += 8u) {
                sum += slices[slice * ACROSS + local.x];
            }
            slices[here] = sum;
        }
        workgroupBarrier();
    }
    sum = slices[local.x];
    for (var slice = 1u; slice < min(8u, SLICES); slice++) {
        sum += slices[slice * ACROSS + local.x];
    }
    return sum;
}

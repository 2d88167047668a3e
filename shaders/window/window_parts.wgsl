// window_parts: reduces every piece of 1,024 positions of a window to the sum, MEAN to its share of the window's mean, MAX to the
// largest, PLACE to minus the place of the first that equals the window's largest.
//
// x [B, INPUTS, C]  largest [B, OUTPUTS, C] (unused unless PLACE)  → parts [B, OUTPUTS, pieces, C]
// TURNED, over the windows that cover a position: x [B, OUTPUTS, C]  → parts [B, INPUTS, pieces, C]
// Workgroup: 4 quads of channels × 64 slices of a piece, reduced in a fixed order. Grid: (⌈C/16⌉, B·OUTPUTS·pieces, or INPUTS if
// TURNED, folded over (y, z)). Names in capitals are generated constants.

const PIECE: u32 = 1024u;
const NOWHERE: f32 = -33554432.0;
const FROM_GRID: vec3<i32> = select(INPUT, OUTPUT, TURNED);
const SOURCES: u32 = select(INPUTS, OUTPUTS, TURNED);
const POSITIONS: u32 = select(OUTPUTS, INPUTS, TURNED);

// Unlike max, this does not hide a NaN; found by its bits, since compilers may assume that there is none.
fn larger(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    let is_nan = (bitcast<vec4<u32>>(b) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
    return select(a, b, (b > a) | is_nan);
}

fn max_slices(value: vec4<f32>, local: vec3<u32>) -> vec4<f32> {
    var largest_so_far = value;
    for (var width = SLICES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        slices[local.y * ACROSS + local.x] = largest_so_far;
        workgroupBarrier();
        if (local.y < width) {
            largest_so_far = larger(largest_so_far, slices[(local.y + width) * ACROSS + local.x]);
        }
    }
    return largest_so_far;
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let index = group.z * groups.y + group.y;
    let window = min(index / u.pieces, u.batch * POSITIONS - 1u);
    let position = window % POSITIONS;
    let sample = window / POSITIONS * SOURCES;
    let c = (group.x * ACROSS + local.x) * 4u;
    var span = inputs_of(position);
    if (TURNED) {
        span = windows_of(position);
    }
    let size = vec3<u32>(max(span.end - span.first, vec3<i32>()));
    let count = size.x * size.y * size.z;
    let begin = index % u.pieces * PIECE;
    var value = vec4<f32>();
    if (MAX) {
        value = vec4<f32>(select(-3.4028234e38, NOWHERE, PLACE));
    }
    var known = vec4<f32>();
    if (c < u.channels) {
        if (PLACE) {
            known = get_largest(window * u.channels + c);
        }
        for (var i = begin + local.y; i < min(begin + PIECE, count); i += SLICES) {
            let step = vec3<i32>(vec3<u32>(i / (size.y * size.z), i / size.z % size.y, i % size.z)) + span.first;
            let at = u32((step.x * FROM_GRID.y + step.y) * FROM_GRID.z + step.z);
            let here = get_x((sample + at) * u.channels + c);
            if (PLACE) {
                value = max(value, select(vec4<f32>(NOWHERE), vec4<f32>(-f32(at)), here == known));
            } else if (MAX) {
                value = larger(value, here);
            } else if (MEAN && TURNED) {
                value += here / max(count_of(inputs_of(at)), 1.0);
            } else {
                value += here;
            }
        }
    }
    if (MAX) {
        value = max_slices(value, local);
    } else {
        value = sum_slices(value, local);
    }
    if (MEAN && !TURNED) {
        value /= max(count_of(span), 1.0);
    }
    if (local.y == 0u && c < u.channels && index < u.batch * POSITIONS * u.pieces) {
        put_parts(index * u.channels + c, value, u.channels - c);
    }
}

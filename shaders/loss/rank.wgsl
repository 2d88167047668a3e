// rank: how many of a piece of 4,096 outputs are larger than the one at the row's place; TIES: also equal ones that come before it.
// A whole piece if that output is NaN.
//
// x [B, C]  places [B]  → counts [B, pieces]
// Workgroup: 64 invocations on one piece. Grid: B·pieces groups, folded over (x, y). TIES is a generated constant.

const PIECE: u32 = 4096u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let row = min(index / u.pieces, u.batch - 1u);
    let begin = index % u.pieces * PIECE;
    let end = min(begin + PIECE, u.outputs);
    let place = min(u32(max(places[row], 0.0)), u.outputs - 1u);
    let wanted = x[row * u.outputs + place];
    var count = 0.0;
    for (var c = begin + local; c < end; c += LANES) {
        let value = x[row * u.outputs + c];
        count += select(0.0, 1.0, value > wanted || (TIES && value == wanted && c < place));
    }
    count = sum_lanes(count, local);
    if (local == 0u && index < u.batch * u.pieces) {
        counts[index] = select(count, f32(PIECE), is_nan(wanted));
    }
}

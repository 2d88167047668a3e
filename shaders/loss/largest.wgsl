// largest: the first largest value of every piece of 4,096 values of a row, and its place.
//
// values [rows, width]  origins [rows, width]: the values' places (unused unless OF_PIECES; places are then those in the row)
// → tops, places [rows, pieces]
// Workgroup: 64 invocations on one piece. Grid: rows·pieces groups, folded over (x, y). OF_PIECES is a generated constant.

const PIECE: u32 = 4096u;
const LANES: u32 = 64u;

var<workgroup> top: array<f32, 64>;
var<workgroup> at: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let row = min(index / u.pieces, u.rows - 1u);
    let begin = index % u.pieces * PIECE;
    let end = min(begin + PIECE, u.width);
    // Invocations without a value of their own start from the first.
    var best = begin + select(0u, local, begin + local < end);
    var largest = values[row * u.width + best];
    for (var i = best + LANES; i < end; i += LANES) {
        let value = values[row * u.width + i];
        if (value > largest) {
            largest = value;
            best = i;
        }
    }
    top[local] = largest;
    at[local] = best;
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if (local < width) {
            let value = top[local + width];
            let place = at[local + width];
            if (value > top[local] || (value == top[local] && place < at[local])) {
                top[local] = value;
                at[local] = place;
            }
        }
    }
    if (local == 0u && index < u.rows * u.pieces) {
        tops[index] = top[0];
        places[index] = f32(at[0]);
        if (OF_PIECES) {
            places[index] = origins[row * u.width + at[0]];
        }
    }
}

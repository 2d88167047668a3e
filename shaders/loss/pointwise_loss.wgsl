// pointwise_loss: the mean, or the sum, of a pointwise loss over each row. The generated functions `loss(x, t)` and `loss_derivative(x, t)`
// define it.
//
// x, t [B, C]  → scores [B, columns]: every piece's share of the row's loss, from u.column on; a piece is 4,096 outputs
// d_x [B, C] (not written when gradient = 0)
// Workgroup: 64 invocations on one piece of a row, or, if FEW (at most 4 outputs), one per row. Grid: B·pieces groups, or ⌈B/64⌉,
// folded over (x, y). FEW is a generated constant.

const PIECE: u32 = 4096u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, select(0u, local, FEW), select(1u, 64u, FEW));
    let row = index / u.pieces;
    let piece = index % u.pieces;
    let first = row * u.outputs;
    let inside = row < u.batch;
    let end = select(0u, min((piece + 1u) * PIECE, u.outputs), inside);
    var total = 0.0;
    for (var c = piece * PIECE + select(local, 0u, FEW); c < end; c += select(LANES, 1u, FEW)) {
        let value = x[first + c];
        let wanted = t[first + c];
        total += loss(value, wanted);
        if (u.gradient != 0u) {
            d_x[first + c] = loss_derivative(value, wanted) * u.scale;
        }
    }
    if (!FEW) {
        total = sum_lanes(total, local);
    }
    if (inside && (FEW || local == 0u)) {
        scores[row * u.columns + u.column + piece] = total * u.share;
    }
}

// softmax_parts: for every piece of 4,096 classes of a row, the largest logit and the sums relative to it.
//
// x, t [B, C] (t unused without TARGETS: its sums are 0)  → parts [B, pieces, 4]: top = max x, Σ exp(x − top), Σ t, Σ t·(top − x)
// Workgroup: 64 invocations on one piece. Grid: B·pieces groups, folded over (x, y). TARGETS is a generated constant.

const PIECE: u32 = 4096u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = flat_index(group, groups, 0u, 1u);
    let first = min(index / u.pieces, u.batch - 1u) * u.classes;
    let begin = index % u.pieces * PIECE;
    let end = min(begin + PIECE, u.classes);
    var top = -3.4e38;
    for (var c = begin + local; c < end; c += LANES) {
        top = max(top, x[first + c]);
    }
    top = max_lanes(top, local);
    var total = 0.0;
    var mass = 0.0;
    var below = 0.0;
    for (var c = begin + local; c < end; c += LANES) {
        total += exp(x[first + c] - top);
        if (TARGETS) {
            let target_share = t[first + c];
            mass += target_share;
            // A class without mass adds nothing, even at a logit of minus infinity.
            if (target_share != 0.0) {
                below += target_share * (top - x[first + c]);
            }
        }
    }
    total = sum_lanes(total, local);
    mass = sum_lanes(mass, local);
    below = sum_lanes(below, local);
    if (local == 0u && index < u.batch * u.pieces) {
        parts[4u * index] = top;
        parts[4u * index + 1u] = total;
        parts[4u * index + 2u] = mass;
        parts[4u * index + 3u] = below;
    }
}

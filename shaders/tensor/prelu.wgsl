// prelu: y = x for x > 0, α·x for others, with an α for every place of a sample, which dimensions may share.
// SLOPE: out = d_y·σ'(x), the gradient of x; α for x < 0, 1 for x > 0, 0 for 0
// SHARE: out = d_y·x for x < 0, else 0: what a number adds to the gradient of its α
//
// x, d_y [B, len] (d_y unused without SLOPE or SHARE)  alpha: at Σ iₖ·stride_k for the index i of a sample's number (unused if SHARE)
// → out [B, len]
// Workgroup: 64 invocations, one per number. Grid: folded over (x, y). SLOPE and SHARE are generated constants.

fn alpha_of(i: u32) -> f32 {
    var rest = i % u.len;
    let i_3 = rest % u.size_3;
    rest /= u.size_3;
    let i_2 = rest % u.size_2;
    rest /= u.size_2;
    let i_1 = rest % u.size_1;
    let i_0 = rest / u.size_1;
    return alpha[i_0 * u.stride_0 + i_1 * u.stride_1 + i_2 * u.stride_2 + i_3 * u.stride_3];
}

fn visit(i: u32) {
    if (i >= u.count) {
        return;
    }
    let value = x[i];
    if (SHARE) {
        out[i] = d_y[i] * min(value, 0.0);
    } else if (SLOPE) {
        out[i] = d_y[i] * select(select(0.0, alpha_of(i), value < 0.0), 1.0, value > 0.0);
    } else {
        out[i] = max(value, 0.0) + alpha_of(i) * min(value, 0.0);
    }
}

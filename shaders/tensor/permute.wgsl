// permute: the dimensions of every sample in another order. y's index (i₀, i₁, i₂, i₃) is found in x at Σ iₖ·stride_k.
//
// x [B, len]  → y [B, len]; the sizes are those of y's dimensions, the strides x's
// Workgroup: 64 invocations, one per number. Grid: folded over (x, y).

fn visit(i: u32) {
    if (i >= u.count) {
        return;
    }
    var rest = i % u.len;
    let i_3 = rest % u.size_3;
    rest /= u.size_3;
    let i_2 = rest % u.size_2;
    rest /= u.size_2;
    let i_1 = rest % u.size_1;
    let i_0 = rest / u.size_1;
    let place = i_0 * u.stride_0 + i_1 * u.stride_1 + i_2 * u.stride_2 + i_3 * u.stride_3;
    y[i] = x[i / u.len * u.len + place];
}

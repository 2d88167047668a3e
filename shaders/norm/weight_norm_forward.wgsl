// weight_norm_forward: w = gain·v/‖v‖ for every filter; 0 where v is 0.
//
// v [taps, outer, inner]  gain, squares [filters]: g and Σ v² of every filter  → w [taps, outer, inner]
// outer and inner are channels and filters, or TURNED (a generated constant) filters and channels.
// Workgroup: 64 invocations, each with four neighbouring weights. Grid: folded over (x, y).

fn rows() -> u32 { return u.taps * u.outer; }
fn columns() -> u32 { return u.inner; }

fn scale(place: u32) -> f32 {
    let n = min(place, u.filters - 1u);
    let square = squares[n];
    return select(0.0, gain[n] / sqrt(square), square > 0.0);
}

fn visit(line: u32, column: u32) {
    let first = line * u.inner + column;
    var scales = vec4<f32>();
    if (TURNED) {
        scales = vec4<f32>(scale(line % u.outer));
    } else {
        scales = vec4<f32>(scale(column), scale(column + 1u), scale(column + 2u), scale(column + 3u));
    }
    put_w(first, scales * get_v(first), u.inner - column);
}

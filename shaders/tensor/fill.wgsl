// fill: y = value.
//
// → y [count]
// Workgroup: 64 invocations, one per number. Grid: folded over (x, y).

fn visit(i: u32) {
    if (i < u.count) {
        y[i] = u.value;
    }
}

// centre: y = factor·(x − centre).
//
// x [count]  → y [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count) {
        return;
    }
    put_y(i, u.factor * (get_x(i) - u.centre), u.count - i);
}

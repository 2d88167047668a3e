// average: averages = m·averages + (1 − m)·w, with the momentum m; unchanged where clock.halted ≠ 0
//
// w [count]  clock  → averages [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    put_averages(i, u.momentum * get_averages(i) + (1.0 - u.momentum) * get_w(i), u.count - i);
}

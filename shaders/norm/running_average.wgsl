// running_average: average = momentum·average + (1 − momentum)·factor·value, except where that is not finite or the clock is
// halted.
//
// value [count]  clock  → average [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    let before = get_average(i);
    let next = u.momentum * before + (1.0 - u.momentum) * (u.factor * get_value(i));
    let finite = vec4<bool>(is_finite(next.x), is_finite(next.y), is_finite(next.z), is_finite(next.w));
    put_average(i, select(before, next, finite), u.count - i);
}

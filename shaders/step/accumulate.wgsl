// accumulate: total = weight·gradient, added to the previous total unless the step is the first of its group; unchanged where
// clock.halted ≠ 0
//
// gradient [count]  rates [slots, 4]: weight in column 2, first in column 3 of row clock.slot  clock  → total [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    let row = min(clock[SLOT], u.last_slot) * 4u;
    var sum = rates[row + 2u] * get_gradient(i);
    if (rates[row + 3u] == 0.0) {
        sum += get_total(i);
    }
    put_total(i, sum, u.count - i);
}

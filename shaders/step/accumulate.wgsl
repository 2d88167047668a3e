// accumulate: total = weight·gradient, added to the previous total unless the step is the first of its group; with SHARED
// total = share·gradient + (1 − share)·total, where the step has its share of what the group has so far. Unchanged where
// clock.halted ≠ 0.
//
// gradient [count]  rates [slots, 6]: weight and first in row clock.slot; unused if SHARED  shares [2]: share, if SHARED  clock
// → total [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y). SHARED is a generated constant.

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    if (SHARED) {
        let share = shares[0];
        var sum = share * get_gradient(i);
        if (share < 1.0) {
            sum += (1.0 - share) * get_total(i);
        }
        put_total(i, sum, u.count - i);
        return;
    }
    let row = min(clock[SLOT], u.last_slot) * RATES;
    var sum = rates[row + WEIGHT] * get_gradient(i);
    if (rates[row + FIRST] == 0.0) {
        sum += get_total(i);
    }
    put_total(i, sum, u.count - i);
}

// accumulate: total = weight·gradient, added to what is there unless the step is the first of its group;
//   nothing where clock.halted ≠ 0
//
// gradient [count]  rates [slots, 4]: weight in column 2, first in column 3 of row clock.slot  clock  → total [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = 4u * flat_index(group, groups, local, 64u);
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

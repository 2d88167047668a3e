// advance: moves the clock past a step of B rows; cursor and slot go round.
//   step += 1    cursor = (cursor + B) mod rows    slot = (slot + 1) mod slots
//
// → clock
// One invocation. Grid: (1, 1, 1).

@compute @workgroup_size(1)
fn main() {
    clock[STEP] += 1u;
    clock[CURSOR] = (clock[CURSOR] + u.batch) % u.rows;
    clock[SLOT] = (clock[SLOT] + 1u) % u.slots;
}

// advance: advances the clock past a step of B rows, unless it has stalled; cursor and slot wrap around.
//   step += 1    cursor = (cursor + B) mod rows    slot = (slot + 1) mod slots
//
// → clock
// One invocation. Grid: (1, 1, 1).

@compute @workgroup_size(1)
fn main() {
    if (clock[HALTED] == STALLED) {
        clock[HALTED] = 0u;
        return;
    }
    clock[STEP] += 1u;
    clock[CURSOR] = (clock[CURSOR] + u.batch) % u.rows;
    clock[SLOT] = (clock[SLOT] + 1u) % u.slots;
}

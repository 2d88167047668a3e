// advance: moves the clock past a step of B rows.
//
// → clock
// One invocation. Grid: (1, 1, 1).

@compute @workgroup_size(1)
fn main() {
    clock[STEP] += 1u;
    clock[CURSOR] += u.batch;
    clock[SLOT] += 1u;
}

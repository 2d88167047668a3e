// dropout: y = x·scale where the random bits of (element, step, seed) reach the threshold, else 0. The same kernel
// takes the gradient back, since it draws the same bits.
//
// x [count]  clock  → y [count]
// Workgroup: 64 invocations. Grid: ⌈count/64⌉ groups, folded over (x, y).

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = flat_index(group, groups, local, 64u);
    if (i >= u.count) {
        return;
    }
    let keep = random_bits(i, clock[STEP], u.seed) >= u.threshold;
    y[i] = select(0.0, x[i] * u.scale, keep);
}

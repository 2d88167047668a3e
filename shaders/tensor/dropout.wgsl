// dropout: y = x·scale + shift where the random bits of (element, step, seed) reach the threshold, else u.dropped. The same kernel
// computes the gradient, since it draws the same bits. SHARED: the steps of a sequence of `sample` elements share the bits of their `features`
// elements.
//
// x [count] (unused with OF_ONES: all are 1)  clock  → y [count]
// Workgroup: 64 invocations, each with four numbers. Grid: ⌈count/256⌉ groups, folded over (x, y). Names in capitals are generated
// constants.

fn element_of(i: u32) -> u32 {
    if (SHARED) {
        return i / u.sample * u.features + i % u.features;
    }
    return i;
}

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count) {
        return;
    }
    let step = clock[STEP];
    let bits = vec4<u32>(
        random_bits(element_of(i), step, u.seed),
        random_bits(element_of(i + 1u), step, u.seed),
        random_bits(element_of(i + 2u), step, u.seed),
        random_bits(element_of(i + 3u), step, u.seed),
    );
    let keep = bits >= vec4<u32>(u.threshold);
    var values = vec4<f32>(u.scale);
    if (!OF_ONES) {
        values *= get_x(i);
    }
    put_y(i, select(vec4<f32>(u.dropped), values + u.shift, keep), u.count - i);
}

// The update of all parameters by the function `update` of an optimiser's rule, after clipping by norm (the guard's factor) and
// by value (0 means no limit), and decoupled weight decay, w = w − decay·lr·w, of the first u.decayed parameters. BY_TENSOR: w
// becomes the change of 0 by a step size of 1 instead (step/trust_ratio.wgsl).
//
// gradient [count]  rates [slots, 6]: lr, step size and two numbers of the rule, in row clock.slot  control: clip factor  clock
// → w, and previous (w from before) unless BY_TENSOR [count]; moment_1 [count] where KEEPS_ONE, moment_2 [count] where KEEPS_TWO:
// what the rule keeps
// Workgroup: 64 invocations, each with four parameters. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    let count = u.count - i;
    let row = min(clock[SLOT], u.last_slot) * RATES;
    var weight = vec4<f32>();
    var sizes = vec3<f32>(1.0, rates[row + STEP_SIZE + 1u], rates[row + STEP_SIZE + 2u]);
    if (!BY_TENSOR) {
        weight = get_w(i);
        put_previous(i, weight, count);
        sizes.x = rates[row + STEP_SIZE] * u.rate_factor;
    }
    var g = get_gradient(i) * control[0];
    if (u.clip_value > 0.0) {
        g = clamp(g, vec4<f32>(-u.clip_value), vec4<f32>(u.clip_value));
    }
    var kept: array<vec4<f32>, 2>;
    if (KEEPS_ONE) {
        kept[0] = get_moment_1(i);
    }
    if (KEEPS_TWO) {
        kept[1] = get_moment_2(i);
    }
    if (!BY_TENSOR && u.weight_decay != 0.0) {
        let decays = vec4<u32>(i) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(u.decayed);
        weight -= select(vec4<f32>(), u.weight_decay * rates[row + LEARNING_RATE] * weight, decays);
    }
    weight = update(g, sizes, weight, &kept);
    if (KEEPS_ONE) {
        put_moment_1(i, kept[0], count);
    }
    if (KEEPS_TWO) {
        put_moment_2(i, kept[1], count);
    }
    put_w(i, weight, count);
}

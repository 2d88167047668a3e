// trust_ratio: w = w' + size·r·change, w' = w − decay·lr·w, r = ‖w'‖/‖change‖, or 1 where either is 0; unchanged where
// clock.halted ≠ 0
//
// change [count]: by a step size of 1  w_squares [1]: Σ w²  change_squares [1]  rates [slots, 6]: lr, step size in row clock.slot
// clock  → w, previous (w from before) [count]
// Workgroup: 64 invocations, each with four parameters. Grid: ⌈count/256⌉ groups, folded over (x, y).

fn visit(quad: u32) {
    let i = 4u * quad;
    if (i >= u.count || clock[HALTED] != 0u) {
        return;
    }
    let count = u.count - i;
    let weight = get_w(i);
    put_previous(i, weight, count);
    let row = min(clock[SLOT], u.last_slot) * RATES;
    let left = 1.0 - u.weight_decay * rates[row + LEARNING_RATE];
    let norms = vec2<f32>(abs(left) * sqrt(w_squares[0]), sqrt(change_squares[0]));
    let ratio = select(1.0, norms.x / norms.y, norms.x > 0.0 && norms.y > 0.0);
    put_w(i, left * weight + rates[row + STEP_SIZE] * u.rate_factor * ratio * get_change(i), count);
}

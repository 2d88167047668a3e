// What forward and backward steps share: memory layout and the previous state. Needs the bindings y [B, T, H], state and mask
// [B, T]. State has parts of u.part numbers, [B, H] each: the initial h, the initial c, and the factors of recurrent dropout.

const NONE: u32 = 0xffffffffu;

fn rows() -> u32 { return u.batch; }
fn depth() -> u32 { return u.depth; }
fn units() -> u32 { return u.units; }

// The first number of a sample's step in a buffer with `width` numbers per step.
fn step_of(row: u32, step: u32, width: u32) -> u32 {
    return (row * u.steps + step) * width;
}

// Where a sequence begins; INITIAL: with a given state.
fn initial(part: u32, row: u32, unit: u32) -> vec4<f32> {
    if (INITIAL) {
        return get_state(part * u.part + row * u.units + unit);
    }
    return vec4<f32>();
}

fn previous_h(row: u32, unit: u32) -> vec4<f32> {
    if (INITIAL || u.prior == NONE) {
        return initial(0u, row, unit);
    }
    return get_y(step_of(row, u.prior, u.units) + unit);
}

// With recurrent dropout.
fn dropped(values: vec4<f32>, row: u32, unit: u32) -> vec4<f32> {
    if (DROPPED) {
        return values * get_state(2u * u.part + row * u.units + unit);
    }
    return values;
}

fn is_masked(row: u32) -> bool {
    return MASKED && mask[row * u.steps + u.at] == 0.0;
}

// What a convolution's window sees: number `weight` of the window at a row (b, p) is that of channel c at tap t, 0 where the tap
// has no source. Number `part` of the product's parts belongs to the group of channels part % GROUPS. Names in capitals are
// generated constants.

const PATCH: u32 = TAPS * GROUP_CHANNELS;

// Whether four neighbouring numbers belong to one tap.
const WHOLE_TAPS: bool = GROUP_CHANNELS % 4u == 0u;

// A row of the product, (b, p).
struct Patch {
    sample: u32,
    position: vec3<i32>,
}

fn patch_at(row: u32) -> Patch {
    return Patch(row / POSITIONS, position_of(row % POSITIONS));
}

// The number's place in x, or -1.
fn place_in_x(row: Patch, weight: u32) -> i32 {
    let at = source(row.position, tap_of(weight / GROUP_CHANNELS));
    let channel = part % GROUPS * GROUP_CHANNELS + weight % GROUP_CHANNELS;
    return select(i32((row.sample * SOURCES + u32(at)) * CHANNELS + channel), -1, MISSES && at < 0);
}

fn one_of_patch(row: Patch, weight: u32) -> f32 {
    let place = place_in_x(row, weight);
    if (place < 0 || weight >= PATCH) {
        return 0.0;
    }
    return get_x(u32(place)).x;
}

// Four neighbouring numbers.
fn four_of_patch(row: Patch, weight: u32) -> vec4<f32> {
    if (WHOLE_TAPS) {
        let place = place_in_x(row, weight);
        if (MISSES && place < 0) {
            return vec4<f32>();
        }
        return get_x(u32(place));
    }
    return vec4<f32>(
        one_of_patch(row, weight),
        one_of_patch(row, weight + 1u),
        one_of_patch(row, weight + 2u),
        one_of_patch(row, weight + 3u),
    );
}

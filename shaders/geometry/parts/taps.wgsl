// From a position of one grid (AT) and a tap of a window (KERNEL) to its source on another grid (FROM):
// (position·SCALE + tap·STEP_OF_TAP + SHIFT)/DIVISOR per dimension. Names in capitals are generated constants.

// Position i of a grid whose last dimension runs fastest.
fn unfold(i: u32, size: vec3<u32>) -> vec3<i32> {
    var at = vec3<u32>(0u, 0u, i);
    if (size.x * size.y > 1u) {
        at.z = i % size.z;
        at.y = i / size.z;
    }
    if (size.x > 1u) {
        at.x = at.y / size.y;
        at.y = at.y % size.y;
    }
    return vec3<i32>(at);
}

fn position_of(p: u32) -> vec3<i32> {
    return unfold(p, AT);
}

fn tap_of(t: u32) -> vec3<i32> {
    return unfold(t, KERNEL);
}

// The number of the source, or -1 where there is none. Without MISSES every tap has a source at every position.
fn source(position: vec3<i32>, tap: vec3<i32>) -> i32 {
    var at = position * SCALE + tap * STEP_OF_TAP + SHIFT;
    var found = true;
    if (DIVIDES) {
        let whole = at / DIVISOR;
        found = all(whole * DIVISOR == at);
        at = whole;
    }
    if (MISSES) {
        found = found && all(at >= vec3<i32>()) && all(at < FROM);
        if (!found) {
            return -1;
        }
    }
    return (at.x * FROM.y + at.y) * FROM.z + at.z;
}

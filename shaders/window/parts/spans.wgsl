// Which inputs a window covers, and which windows cover an input. Names in capitals are generated constants.

// A half-open range per dimension.
struct Span {
    first: vec3<i32>,
    end: vec3<i32>,
}

fn unfold(i: u32, size: vec3<i32>) -> vec3<i32> {
    let rest = i32(i) / size.z;
    return vec3<i32>(rest / size.y, rest % size.y, i32(i) % size.z);
}

fn inputs_of(window: u32) -> Span {
    let first = unfold(window, OUTPUT) * STRIDES - BEFORE;
    return Span(max(first, vec3<i32>()), min(first + WINDOW, INPUT));
}

fn windows_of(place: u32) -> Span {
    let last = unfold(place, INPUT) + BEFORE;
    return Span(max(last - WINDOW + STRIDES, vec3<i32>()) / STRIDES, min(last / STRIDES + 1, OUTPUT));
}

fn count_of(span: Span) -> f32 {
    let size = max(span.end - span.first, vec3<i32>());
    return f32(size.x * size.y * size.z);
}

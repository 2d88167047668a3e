// A picture drawn straight from a buffer of colours: each pixel of the frame shows the picture's pixel that contains it.

struct Frame {
    place: vec4<f32>,  // left, top, width, height in the frame, in pixels
    frame: vec2<f32>,  // the frame's width and height
    size: vec2<u32>,   // the picture's columns and rows
    border: vec4<f32>, // colour, and width in pixels
}

@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> colours: array<f32>;

@vertex
fn corner(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4<f32> {
    let share = vec2(f32(vertex & 1u), f32(vertex >> 1u));
    let at = frame.place.xy - frame.border.w + share * (frame.place.zw + 2.0 * frame.border.w);
    return vec4(2.0 * at.x / frame.frame.x - 1.0, 1.0 - 2.0 * at.y / frame.frame.y, 0.0, 1.0);
}

@fragment
fn paint(@builtin(position) position: vec4<f32>) -> @location(0) vec4<f32> {
    let share = (position.xy - frame.place.xy) / frame.place.zw;
    if any(share < vec2(0.0)) || any(share >= vec2(1.0)) {
        return vec4(frame.border.rgb, 1.0);
    }
    let pixel = vec2<u32>(share * vec2<f32>(frame.size));
    let first = 3u * (pixel.y * frame.size.x + pixel.x);
    return vec4(saturate(vec3(colours[first], colours[first + 1u], colours[first + 2u])), 1.0);
}

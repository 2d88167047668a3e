// texture_rows: the texels of a texture as rows of numbers.
//
// texels [height, width]  → rows [height·width, CHANNELS]
// rows[y·width + x, c] = channel c of the texel at (x, y)
// Workgroup: 8 × 8 invocations, each with one texel. Grid: (⌈width/8⌉, ⌈height/8⌉, 1). CHANNELS is a generated constant.

@group(0) @binding(0) var texels: texture_2d<f32>;
@group(0) @binding(1) var<storage, read_write> rows: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) at: vec3<u32>) {
    let size = textureDimensions(texels);
    if (at.x >= size.x || at.y >= size.y) {
        return;
    }
    let texel = textureLoad(texels, at.xy, 0);
    let row = (at.y * size.x + at.x) * CHANNELS;
    for (var c = 0u; c < CHANNELS; c += 1u) {
        rows[row + c] = texel[c];
    }
}

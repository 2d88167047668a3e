// Counter-based random bits: a pure function of (element, step, seed), so that every device draws
// the same numbers in any order. pcg3d of Jarzynski and Olano, "Hash Functions for GPU Rendering" (2020).
fn random_bits(element: u32, step: u32, seed: u32) -> u32 {
    var v = vec3<u32>(element, step, seed) * 1664525u + 1013904223u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v ^= v >> vec3<u32>(16u);
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    return v.x;
}

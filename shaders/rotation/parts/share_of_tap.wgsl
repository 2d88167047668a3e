// Tap t's share for four neighbouring filters: Σ of d_v[k, n] over the zones k in which it has a source.
// Needs the binding d_v [ZONES, filters], geometry/parts/taps.wgsl and geometry/parts/zones.wgsl.
fn share_of_tap(t: u32, n: u32) -> vec4<f32> {
    let tap = tap_of(t);
    var sum = vec4<f32>();
    for (var zone = 0u; zone < ZONES; zone++) {
        if (!MISSES || source(vec3<i32>(zone_at(zone).first), tap) >= 0) {
            sum += get_d_v(zone * u.filters + n);
        }
    }
    return sum;
}

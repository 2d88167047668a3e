// random_tone: y = clip(t) with t = x + a (brightness) or m + a·(x − m) (CONTRAST) with m the mean of the image's channel, and a drawn evenly
// by (sample, step, seed); GATE, y = g where t is within the limits, else 0.
//
// x [B, positions, C]  mean [B, C], with CONTRAST  g as x, with GATE  clock  → y as x
// Workgroup: 64 invocations, each with four neighbouring channels of a place. Grid: folded over (x, y).
// Names in capitals are generated constants.

fn rows() -> u32 { return u.batch * u.positions; }
fn columns() -> u32 { return u.channels; }

fn visit(row: u32, c: u32) {
    let sample = row / u.positions;
    let drawn = u.lower + u.span * (f32(random_bits(sample, clock[STEP], u.seed) >> 8u) / 16777216.0);
    let at = row * u.channels + c;
    let x = get_x(at);
    var t = x + drawn;
    if (CONTRAST) {
        let mean = get_mean(sample * u.channels + c);
        t = mean + drawn * (x - mean);
    }
    let low = vec4<f32>(u.low);
    let high = vec4<f32>(u.high);
    if (GATE) {
        t = select(vec4<f32>(), get_g(at), (t >= low) & (t <= high));
    } else if (CLIP) {
        // Not by min and max, which would hide a NaN.
        t = select(t, low, t < low);
        t = select(t, high, t > high);
    }
    put_y(at, t, u.channels - c);
}

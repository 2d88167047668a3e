// tap_shares: shares[t, n] = Σ of d_v[k, n] over the zones k in which tap t has a source (rotation/parts/share_of_tap.wgsl).
//
// d_v [ZONES, filters]  → shares [TAPS, filters]
// Workgroup: 64 invocations, each with four neighbouring filters of a tap. Grid: folded over (x, y).
// Names in capitals are generated constants.

fn rows() -> u32 { return TAPS; }
fn columns() -> u32 { return u.filters; }

fn visit(t: u32, n: u32) {
    put_shares(t * u.filters + n, share_of_tap(t, n), u.filters - n);
}

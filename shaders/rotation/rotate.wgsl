// rotate: ρ and q (rotation/parts/rho.wgsl) from v, the linear map's output for the virtual sample.
//
// v [zones, filters]  b [filters] (unused without HAS_BIAS)  lambda [1 or filters] (unused where L is not learnt)
// → rotation [2·zones·filters]: ρ then q
// Workgroup: 64 invocations, each with four neighbouring filters of a zone. Grid: folded over (x, y).
// Names in capitals are generated constants.

fn rows() -> u32 { return u.zones; }
fn columns() -> u32 { return u.filters; }

fn visit(zone: u32, n: u32) {
    rotate(u.zones, zone, u.filters, n, get_v(zone * u.filters + n), true);
}

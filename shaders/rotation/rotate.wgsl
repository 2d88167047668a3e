// rotate: ρ and q (rotation/parts/rho.wgsl) from v, what the linear map made of the virtual sample.
//
// v [zones, filters]  b [filters] (any, without HAS_BIAS)  lambda [1 or filters] (any, where L is not learnt)
// → rotation [2·zones·filters]: ρ then q
// Workgroup: 64 invocations, each with four neighbouring filters of a zone. Grid: folded over (x, y).
// The capitals are generated constants.

fn rows() -> u32 { return u.zones; }
fn columns() -> u32 { return u.filters; }

fn visit(zone: u32, n: u32) {
    rotate(u.zones, zone, u.filters, n, get_v(zone * u.filters + n), true);
}

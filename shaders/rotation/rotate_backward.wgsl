// rotate_backward: through σ and ρ, with the sums over the batch that ρ, λ and the bias need.
//   dz = dy ⊙ σ'(z)    df = ρ ⊙ dz    s = Σ_batch dz ⊙ z    db = Σ_batch df + the share of d_v
//   virtual_sample = x_Q·d_v, or ALIGNED x_Q²·d_v: for the virtual sample's share of the weights' gradient
// A classic layer (not ROTATED) has ρ = 1 and d_v = 0. PARTIAL: s and Σ df are left to rotate_sums, in parts of `chunk` samples.
//
// With one zone, a sample is a row, and the columns are the N filters. With several, a sample has lines of positions
// (geometry/parts/zones.wgsl), the columns are a line's positions with their filters, and there are sums for every zone of lines.
//
// d_y, z [samples, lines, columns] (z is y where σ' follows from y)  rotation [2·ZONES·N]: ρ then q (unused unless ROTATED)
// b [N] (unused without HAS_BIAS or with PARTIAL)  → d_f as d_y  s, d_b [chunks, zones of lines, columns]  virtual_sample [N]
// (d_b is written with HAS_BIAS, s with ROTATED, virtual_sample with ROTATED but not PARTIAL.)
// Workgroup: ACROSS quads of columns × SLICES of the rows, or of the lines or samples, summed in a fixed order.
// Grid: ⌈columns/(4·ACROSS)⌉ for every chunk and zone of lines, folded over (x, y). Names in capitals are generated constants.

// Lines per inner loop of an invocation.
const VISITS: u32 = 4u;

var<private> sum_s: vec4<f32>;
var<private> sum_b: vec4<f32>;

fn visit(i: u32, rho: vec4<f32>, count: u32) {
    let value = get_z(i);
    let d_z = get_d_y(i) * activation_derivatives(value);
    let upstream = rho * d_z;
    put_d_f(i, upstream, count);
    sum_s += d_z * value;
    sum_b += upstream;
}

fn place_of_rho(line_zone: u32, column: u32) -> u32 {
    let zone = line_zone * ZONES_ALONG.z + zones_along(vec3<u32>(0u, 0u, column / u.filters)).z;
    return zone * u.filters + column % u.filters;
}

fn rho_at(line_zone: u32, column: u32) -> vec4<f32> {
    if (ZONES == 1u) {
        return get_rotation(column);
    }
    if (QUADS) {
        return get_rotation(place_of_rho(line_zone, column));
    }
    return vec4<f32>(
        get_rotation(place_of_rho(line_zone, column)).x,
        get_rotation(place_of_rho(line_zone, column + 1u)).x,
        get_rotation(place_of_rho(line_zone, column + 2u)).x,
        get_rotation(place_of_rho(line_zone, column + 3u)).x,
    );
}

// Line i of a zone of lines.
fn line_at(zone: Zone, i: u32) -> u32 {
    if (ZONE_GRID.x == 1u) {
        return zone.first.y + zone.step.y * i;
    }
    let plane = zone.first.x + zone.step.x * (i / zone.count.y);
    return plane * ZONE_GRID.y + zone.first.y + zone.step.y * (i % zone.count.y);
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let across = (u.columns + 4u * ACROSS - 1u) / (4u * ACROSS);
    let index = group.y * groups.x + group.x;
    let slot = index / across;
    if (slot >= u.slots) {
        return;
    }
    let n = (index % across * ACROSS + local.x) * 4u;
    let count = u.columns - min(n, u.columns);
    let line_zones = ZONES / ZONES_ALONG.z;
    let begin = slot / line_zones * u.chunk;
    let end = min(u.samples, begin + u.chunk);
    var rho = vec4<f32>(1.0);
    if (ROTATED && count > 0u) {
        rho = rho_at(slot % line_zones, n);
    }
    if (ZONES == 1u) {
        if (count > 0u) {
            for (var row = begin + local.y; row < end; row += SLICES) {
                visit(row * u.columns + n, rho, count);
            }
        }
    } else {
        // The slices share the lines or, if there are too few, the samples.
        let zone = zone_at(slot % line_zones * ZONES_ALONG.z);
        let lines = zone.count.x * zone.count.y;
        let by_lines = lines >= SLICES;
        let line_step = select(1u, SLICES, by_lines);
        let sample_step = select(SLICES, 1u, by_lines);
        for (var block = begin; block < end; block += sample_step) {
            let sample = block + select(local.y, 0u, by_lines);
            for (var first = 0u; first < lines; first += VISITS * line_step) {
                if (count > 0u && sample < end) {
                    let behind = min(lines, first + VISITS * line_step);
                    for (var line = first + select(0u, local.y, by_lines); line < behind; line += line_step) {
                        let row = sample * ZONE_GRID.x * ZONE_GRID.y + line_at(zone, line);
                        visit(row * u.columns + n, rho, count);
                    }
                }
                // Where invocations run one after another, they read memory in order only if they wait for each other.
                if (IN_ORDER) {
                    workgroupBarrier();
                }
            }
        }
    }
    if (ROTATED) {
        sum_s = sum_slices(sum_s, local);
    }
    if (HAS_BIAS) {
        sum_b = sum_slices(sum_b, local);
    }
    if (local.y != 0u || count == 0u) {
        return;
    }
    let place = slot * u.columns + n;
    if (ROTATED) {
        if (!PARTIAL) {
            let d_v = d_v_of(get_rotation(u.columns + n), sum_s, u.epsilon);
            if (HAS_BIAS) {
                sum_b += share_of(d_v, get_b(n));
            }
            put_virtual_sample(n, term(vec4<f32>(u.x_q), ALIGNED) * d_v, count);
        }
        put_s(place, sum_s, count);
    }
    if (HAS_BIAS) {
        put_d_b(place, sum_b, count);
    }
}

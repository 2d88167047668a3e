// rotate_sums: finishes what rotate_backward left in parts.
//   s[n] = Σ_chunks Σ_p partial_s    d_v[p, n] = dq, or ALIGNED dq/q, from q[p, n] and Σ_chunks partial_s[p, n]
//   d_b[n] = Σ_chunks Σ_p partial_b + Σ_p dq (ALIGNED b·dq/q)
//
// partial_s, partial_b [chunks, positions, filters]  rotation [2·positions·filters]: ρ then q  b [filters]
// → d_b [filters]  d_v [positions, filters]  s [filters] (all but d_b as far as ROTATED, d_b as far as HAS_BIAS)
// Workgroup: 4 quads of filters × 64 slices of the positions, or without PER_POSITION of the chunks, summed in a fixed order.
// Grid: (⌈filters/16⌉, 1, 1). The capitals are generated constants.

// The sums of four units over every `step`th chunk.
fn s_of(unit: u32, first: u32, step: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var chunk = first; chunk < u.chunks; chunk += step) {
        sum += get_partial_s(chunk * u.positions * u.filters + unit);
    }
    return sum;
}

fn b_of(unit: u32, first: u32, step: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var chunk = first; chunk < u.chunks; chunk += step) {
        sum += get_partial_b(chunk * u.positions * u.filters + unit);
    }
    return sum;
}

// Stores d_v of four units; returns their share of db.
fn finish(unit: u32, n: u32, s: vec4<f32>) -> vec4<f32> {
    var share = d_v_of(get_rotation(u.positions * u.filters + unit), s);
    put_d_v(unit, share, u.filters - n);
    if (ALIGNED && HAS_BIAS) {
        share *= get_b(n);
    }
    return share;
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let n = (group.x * 4u + local.x) * 4u;
    let inside = n < u.filters;
    var sum_s = vec4<f32>();
    var sum_b = vec4<f32>();
    if (inside && PER_POSITION) {
        for (var p = local.y; p < u.positions; p += SLICES) {
            let unit = p * u.filters + n;
            if (ROTATED) {
                let part = s_of(unit, 0u, 1u);
                sum_s += part;
                sum_b += finish(unit, n, part);
            }
            if (HAS_BIAS) {
                sum_b += b_of(unit, 0u, 1u);
            }
        }
    }
    if (inside && !PER_POSITION) {
        if (ROTATED) {
            sum_s = s_of(n, local.y, SLICES);
        }
        if (HAS_BIAS) {
            sum_b = b_of(n, local.y, SLICES);
        }
    }
    if (ROTATED) {
        sum_s = sum_slices(sum_s, local);
    }
    if (HAS_BIAS) {
        sum_b = sum_slices(sum_b, local);
    }
    if (local.y != 0u || !inside) {
        return;
    }
    if (ROTATED) {
        if (!PER_POSITION) {
            sum_b += finish(n, n, sum_s);
        }
        put_s(n, sum_s, u.filters - n);
    }
    if (HAS_BIAS) {
        put_d_b(n, sum_b, u.filters - n);
    }
}

// rotate_backward: through σ and ρ, with the sums over the batch that ρ, λ and the bias need.
//   dz = dy ⊙ σ'(z)    df = ρ ⊙ dz    s = Σ_batch dz ⊙ z    dq = −sign(q)·s/(|q| + ε), 0 when detached
//   db = Σ_batch df + dq (diagonal) or + b·dq/q (aligned)
//   x_Q·dq (diagonal) or x_Q²·dq/q (aligned): what dense_backward_weight adds to column n, or to its multiple of W
// A classic layer, not ROTATED, has ρ = 1 and dq = 0. PARTIAL: a unit is a filter at a position; s and Σ df of every u.chunk
// rows are left for rotate_sums.
//
// d_y, z [B, N] (z is y where σ' follows from y)  rotation [2N], or PARTIAL [2·ZONES·filters]: ρ
// then q (any, unless ROTATED)
// b [N] (any, without HAS_BIAS or with PARTIAL)  → d_f [B, N]  d_b [N], or PARTIAL [⌈B/chunk⌉, N]  virtual_sample [N]
// s as d_b. (d_b, virtual_sample and s are written as far as HAS_BIAS, ROTATED and PARTIAL ask for them.)
// Workgroup: ACROSS quads of columns × SLICES of the rows (4 × 64, or 64 × 4 for many columns), summed in a fixed order.
// Grid: (⌈N/(4·ACROSS)⌉, chunks, 1), columns folded over (x, z). The capitals are generated constants.

fn place_of_rho(unit: u32) -> u32 {
    return zone_of(unit / u.filters) * u.filters + unit % u.filters;
}

fn rho_of(unit: u32) -> vec4<f32> {
    if (ZONES == 1u) {
        return get_rotation(unit);
    }
    if (QUADS) {
        return get_rotation(place_of_rho(unit));
    }
    return vec4<f32>(
        get_rotation(place_of_rho(unit)).x,
        get_rotation(place_of_rho(unit + 1u)).x,
        get_rotation(place_of_rho(unit + 2u)).x,
        get_rotation(place_of_rho(unit + 3u)).x,
    );
}

@compute @workgroup_size(ACROSS, SLICES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let n = ((group.z * groups.x + group.x) * ACROSS + local.x) * 4u;
    let count = u.units - min(n, u.units);
    let end = min(u.batch, (group.y + 1u) * u.chunk);
    var sum_s = vec4<f32>();
    var sum_b = vec4<f32>();
    if (count > 0u) {
        var rho = vec4<f32>(1.0);
        if (ROTATED) {
            rho = rho_of(n);
        }
        for (var row = group.y * u.chunk + local.y; row < end; row += SLICES) {
            let i = row * u.units + n;
            let value = get_z(i);
            let d_z = get_d_y(i) * activation_derivatives(value);
            let upstream = rho * d_z;
            put_d_f(i, upstream, count);
            sum_s += d_z * value;
            sum_b += upstream;
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
    let place = group.y * u.units + n;
    if (ROTATED) {
        if (!PARTIAL) {
            let d_v = d_v_of(get_rotation(u.units + n), sum_s);
            var share = d_v;
            if (ALIGNED && HAS_BIAS) {
                share *= get_b(n);
            }
            sum_b += share;
            var factor = u.x_q;
            if (ALIGNED) {
                factor *= u.x_q;
            }
            put_virtual_sample(n, factor * d_v, count);
        }
        put_s(place, sum_s, count);
    }
    if (HAS_BIAS) {
        put_d_b(place, sum_b, count);
    }
}

// L of a unit of a gate: `fixed`, LEARN_PER_LAYER exp(λ[gate]), or LEARN_PER_UNIT exp(λ[unit]). Needs the binding lambda.
fn limit_of(gate: u32, unit: u32, fixed: f32) -> f32 {
    if (LEARN_PER_LAYER) {
        return exp(lambda[gate]);
    }
    if (LEARN_PER_UNIT) {
        return exp(lambda[unit]);
    }
    return fixed;
}

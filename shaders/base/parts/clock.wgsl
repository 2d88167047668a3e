// The words of the clock: what changes from step to step (the Rust side is kernel/advance.rs).
const STEP: u32 = 0u;   // steps since the model was built
const CURSOR: u32 = 1u; // where in the order of rows the batch begins
const SLOT: u32 = 2u;   // the row of the tallies and of the rates
const HALTED: u32 = 3u; // 0, or 1 + the step that met a number that is not finite, or STALLED
const STALLED: u32 = 0xffffffffu; // another step is due than the one at hand

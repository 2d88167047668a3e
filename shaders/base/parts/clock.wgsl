// The words of the clock, which change from step to step; mirrored in kernel/base/clock.rs.
const STEP: u32 = 0u;   // steps since the model was built
const CURSOR: u32 = 1u; // where in the order of rows the batch begins
const SLOT: u32 = 2u;   // the row of the tallies and of the rates
const HALTED: u32 = 3u; // 0 while training runs, else STALLED or 1 + the step that met a non-finite number
const STALLED: u32 = 0xffffffffu; // the step is not the one that is due

// The columns of the table of rates, mirrored in kernel/base/rates.rs.
const LEARNING_RATE: u32 = 0u;
const STEP_SIZE: u32 = 1u; // and two further numbers of the optimiser
const WEIGHT: u32 = 4u;    // the step's share of an accumulated gradient
const FIRST: u32 = 5u;     // 1 for the first step of its group
const RATES: u32 = 6u;     // their number

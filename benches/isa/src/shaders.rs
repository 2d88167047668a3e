//! The kernels' variants that GPUs may be given, as SPIR-V.

use crate::Result;
use autorot::extend::kernel::{Kernel, Traits, registry};
use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::collections::HashSet;

/// A shader that wgpu would hand to a driver.
pub struct Shader {
    pub kernel: String,
    pub variant: String,
    pub words: Vec<u32>,
}

/// A GPU with subgroups of one size.
const GPU: Traits = Traits { software: false, subgroup: 32 };

/// The distinct shaders of the examples of kernels whose name contains `only`. Sizes are uniforms, so the examples of the kernel table are as
/// good as a benchmark's nets.
pub fn all(only: &str) -> Result<Vec<Shader>> {
    let mut seen = HashSet::new();
    let mut shaders = Vec::new();
    for entry in registry::all().into_iter().filter(|entry| entry.name.contains(only)) {
        for kernel in &entry.examples {
            let mut variants = kernel.candidates(GPU);
            variants.push(kernel.prefer(GPU));
            for variant in variants {
                if seen.insert(kernel.source(variant)) {
                    let words = translated(&**kernel, variant)
                        .map_err(|error| format!("{} {}: {error}", entry.name, kernel.variants()[variant]))?;
                    let (kernel, variant) = (entry.name.to_owned(), kernel.variants()[variant].to_owned());
                    shaders.push(Shader { kernel, variant, words });
                }
            }
        }
    }
    Ok(shaders)
}

/// As wgpu translates this crate's own kernels: without checks of indices and loops, workgroup memory not zeroed.
fn translated(kernel: &dyn Kernel, variant: usize) -> Result<Vec<u32>> {
    let module = naga::front::wgsl::parse_str(&kernel.source(variant))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP).validate(&module)?;
    let unchecked = BoundsCheckPolicy::Unchecked;
    let options = spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: false,
        ..spv::Options::default()
    };
    let main = spv::PipelineOptions { shader_stage: naga::ShaderStage::Compute, entry_point: "main".into() };
    Ok(spv::write_vec(&module, &info, &options, Some(&main))?)
}

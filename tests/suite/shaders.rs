//! Every variant of every kernel as each backend would get it, and what the shader declares against what the host
//! binds. Needs no adapter.

use autorot::kernel::{Access, Element, Kernel, MAX_BINDINGS, Traits, registry};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ScalarKind, StorageAccess, TypeInner};
use std::sync::Arc;

/// An adapter that every variant works on.
const ALL: Traits = Traits { software: true, subgroup: 8 };

/// Calls `check` with every distinct shader.
fn every_shader(mut check: impl FnMut(&str, &Arc<dyn Kernel>, usize, &Module, &ModuleInfo)) {
    let mut seen = std::collections::HashSet::new();
    for entry in registry::all() {
        for kernel in entry.examples.iter().chain(&entry.options) {
            for (variant, variant_name) in kernel.variants().iter().enumerate() {
                if !kernel.supports(variant, ALL) {
                    continue;
                }
                let source = kernel.source(variant);
                if !seen.insert(source.clone()) {
                    continue;
                }
                let what = format!("{} ({variant_name})", entry.name);
                let module = naga::front::wgsl::parse_str(&source)
                    .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(&source)));
                // Only variants for adapters that offer more need an optional capability.
                let optional = !kernel.supports(variant, Traits::default());
                let capabilities = if optional { Capabilities::SUBGROUP } else { Capabilities::empty() };
                let info = Validator::new(ValidationFlags::all(), capabilities)
                    .validate(&module)
                    .unwrap_or_else(|e| panic!("{what}: {}", e.emit_to_string(&source)));
                check(&what, kernel, variant, &module, &info);
            }
        }
    }
    assert!(seen.len() >= 40, "{} shaders", seen.len());
}

#[test]
fn every_shader_translates_for_vulkan_metal_and_dx12() {
    every_shader(|what, _, _, module, info| {
        let spirv = naga::back::spv::write_vec(module, info, &Default::default(), None);
        assert!(spirv.is_ok_and(|words| words.len() > 50), "{what}: SPIR-V");
        let options = naga::back::msl::Options { lang_version: (2, 0), ..Default::default() };
        let (metal, _) = naga::back::msl::write_string(module, info, &options, &Default::default())
            .unwrap_or_else(|e| panic!("{what}: MSL: {e}"));
        assert!(metal.contains("kernel void"), "{what}: MSL");
        let mut hlsl = String::new();
        let (options, pipeline) =
            (naga::back::hlsl::Options::default(), naga::back::hlsl::PipelineOptions::default());
        naga::back::hlsl::Writer::new(&mut hlsl, &options, &pipeline)
            .write(module, info, None)
            .unwrap_or_else(|e| panic!("{what}: HLSL: {e}"));
        assert!(hlsl.contains("numthreads"), "{what}: HLSL");
    });
}

#[test]
fn shaders_declare_what_the_host_binds_within_the_default_limits() {
    every_shader(|what, kernel, variant, module, _| {
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let mut storage = 0;
        let mut workgroup_bytes = 0;
        for (_, variable) in module.global_variables.iter() {
            match variable.space {
                AddressSpace::Uniform => {
                    assert_eq!(variable.binding.map(|b| (b.group, b.binding)), Some((0, 0)), "{what}");
                    let bytes = layouter[variable.ty].size as usize;
                    assert_eq!(bytes, kernel.uniforms().len() * 4, "{what}: uniform block");
                }
                AddressSpace::Storage { access } => {
                    let index = variable.binding.expect("a binding").binding as usize - 1;
                    let binding = kernel.bindings()[index];
                    assert_eq!(variable.name.as_deref(), Some(binding.name), "{what}");
                    assert_eq!(
                        access.contains(StorageAccess::STORE),
                        binding.access != Access::Read,
                        "{what}"
                    );
                    let TypeInner::Array { base, .. } = module.types[variable.ty].inner else {
                        panic!("{what}: {} is no array", binding.name)
                    };
                    let kind = module.types[base].inner.scalar_kind();
                    // A vec4 view of a buffer needs whole vec4s.
                    let quads = layouter[base].size == 16;
                    assert!(!quads || kernel.lens()[index].is_multiple_of(4), "{what}: {}", binding.name);
                    let wanted =
                        if binding.element == Element::Float { ScalarKind::Float } else { ScalarKind::Uint };
                    assert_eq!(kind, Some(wanted), "{what}: {}", binding.name);
                    storage += 1;
                }
                AddressSpace::WorkGroup => workgroup_bytes += layouter[variable.ty].size,
                _ => {}
            }
        }
        assert_eq!(storage, kernel.bindings().len(), "{what}");
        assert!(storage <= MAX_BINDINGS && MAX_BINDINGS == 8, "{what}: {storage} storage buffers");
        assert_eq!(kernel.lens().len(), storage, "{what}");
        assert!(workgroup_bytes <= 16 << 10, "{what}: {workgroup_bytes} bytes of workgroup memory");
        let entry = &module.entry_points[0];
        assert_eq!((module.entry_points.len(), entry.name.as_str()), (1, "main"), "{what}");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{what}");
        assert!(
            kernel.grid(variant).iter().all(|&g| (1..=65_535).contains(&g)),
            "{what}: {:?}",
            kernel.grid(variant)
        );
    });
}

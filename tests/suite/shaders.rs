//! Every variant of every kernel as each backend would get it, and what the shader declares against what the host
//! binds. Needs no adapter.

use autorot::device::needs;
use autorot::extend::kernel::{Access, Element, Kernel, MAX_BINDINGS, Traits, registry};
use naga::back::glsl::Version;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Expression, Module, ScalarKind, StorageAccess, TypeInner};
use std::sync::Arc;
use wgpu::Limits;

/// An adapter that every variant works on.
const ALL: Traits = Traits { software: true, subgroup: 8 };

/// Calls `check` with every distinct shader.
fn every_shader(mut check: impl FnMut(&str, &Arc<dyn Kernel>, usize, &Module, &ModuleInfo)) {
    let mut seen = std::collections::HashSet::new();
    for entry in registry::all() {
        for kernel in entry.examples.iter().chain(&entry.options).chain(&entry.long) {
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

/// The storage buffers that the entry point reaches: place among the bindings, whether it writes.
fn reached(kernel: &dyn Kernel, module: &Module, info: &ModuleInfo) -> Vec<(usize, bool)> {
    let entry = info.get_entry_point(0);
    let all = module.global_variables.iter().filter(|(handle, _)| !entry[*handle].is_empty());
    let storage = all.filter(|(_, variable)| matches!(variable.space, AddressSpace::Storage { .. }));
    let places = storage.map(|(_, variable)| variable.binding.unwrap().binding as usize);
    places.map(|place| (place, kernel.bindings()[place - 1].access != Access::Read)).collect()
}

/// The shader for Metal, as wgpu has it translated: buffers at the places of their bindings.
fn metal(kernel: &dyn Kernel, module: &Module, info: &ModuleInfo) -> Result<String, naga::back::msl::Error> {
    use naga::back::msl::{BindTarget, EntryPointResources, Options, write_string};
    let target = |place: usize, mutable| {
        let binding = naga::ResourceBinding { group: 0, binding: place as u32 };
        (binding, BindTarget { buffer: Some(place as u8), mutable, ..Default::default() })
    };
    let storage = kernel.bindings().iter().enumerate();
    let storage = storage.map(|(i, binding)| target(i + 1, binding.access != Access::Read));
    let resources = EntryPointResources {
        resources: std::iter::once(target(0, false)).chain(storage).collect(),
        // Metal has 31 places for buffers.
        sizes_buffer: Some(30),
        ..Default::default()
    };
    let options = Options {
        lang_version: (2, 0),
        per_entry_point_map: [("main".to_owned(), resources)].into(),
        fake_missing_bindings: false,
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    Ok(write_string(module, info, &options, &Default::default())?.0)
}

/// The shader for DX12, as wgpu has it translated: the number of workgroups comes in constants of its own.
fn hlsl(module: &Module, info: &ModuleInfo) -> Result<String, naga::back::hlsl::Error> {
    use naga::back::hlsl::{BindTarget, Options, Writer};
    let options = Options {
        special_constants_binding: Some(BindTarget { space: 1, ..Default::default() }),
        zero_initialize_workgroup_memory: false,
        ..Default::default()
    };
    let mut text = String::new();
    Writer::new(&mut text, &options, &Default::default()).write(module, info, None)?;
    Ok(text)
}

/// The shader for OpenGL, as wgpu has it translated: storage buffers in places of their own.
fn glsl(module: &Module, info: &ModuleInfo, version: Version) -> Result<String, naga::back::glsl::Error> {
    use naga::back::glsl::{Options, PipelineOptions, Writer, WriterFlags};
    let place = |binding: u32| (naga::ResourceBinding { group: 0, binding }, binding.saturating_sub(1) as u8);
    let options = Options {
        version,
        writer_flags: WriterFlags::ADJUST_COORDINATE_SPACE,
        binding_map: (0..=MAX_BINDINGS as u32).map(place).collect(),
        zero_initialize_workgroup_memory: false,
    };
    let pipeline = PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let mut text = String::new();
    Writer::new(&mut text, module, info, &options, &pipeline, Default::default())?.write()?;
    Ok(text)
}

/// Whether anything is selected between two vectors of integers, number by number.
fn selects_integers(module: &Module, info: &ModuleInfo) -> bool {
    let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
    let entry = (&module.entry_points[0].function, info.get_entry_point(0));
    functions.chain([entry]).any(|(function, info)| {
        let inner = |handle: naga::Handle<Expression>| info[handle].ty.inner_with(&module.types);
        let by_vector = |condition| matches!(inner(condition), TypeInner::Vector { .. });
        function.expressions.iter().any(|(handle, expression)| match expression {
            &Expression::Select { condition, .. } if by_vector(condition) => {
                inner(handle).scalar_kind() != Some(ScalarKind::Float)
            }
            _ => false,
        })
    })
}

#[test]
fn shaders_that_are_no_kernels_translate_for_every_backend() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/embed/");
    let text = std::fs::read_to_string(format!("{folder}texture_rows.wgsl")).unwrap();
    for channels in 1..=4 {
        let source = format!("const CHANNELS: u32 = {channels}u;\n{text}");
        let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{e}"));
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).unwrap();
        assert!(naga::back::spv::write_vec(&module, &info, &Default::default(), None).is_ok());
        let options = naga::back::msl::Options { lang_version: (2, 0), ..Default::default() };
        let (metal, _) =
            naga::back::msl::write_string(&module, &info, &options, &Default::default()).unwrap();
        assert!(metal.contains("texture2d<float"), "{metal}");
        assert!(hlsl(&module, &info).unwrap().contains("Texture2D<float4>"));
        for version in [Version::new_gles(310), Version::Desktop(430)] {
            assert!(glsl(&module, &info, version).unwrap().contains("texelFetch"));
        }
    }
}

#[test]
fn every_shader_translates_for_every_backend() {
    every_shader(|what, kernel, variant, module, info| {
        let reached = reached(&**kernel, module, info);
        let writable = reached.iter().filter(|(_, writes)| *writes).count();
        let [x, y, z] = module.entry_points[0].workgroup_size;

        let spirv = naga::back::spv::write_vec(module, info, &Default::default(), None);
        assert!(spirv.is_ok_and(|words| words.len() > 50), "{what}: SPIR-V");

        let text = metal(&**kernel, module, info).unwrap_or_else(|e| panic!("{what}: MSL: {e}"));
        assert!(text.contains("kernel void"), "{what}: MSL");
        for (place, writes) in &reached {
            let line = text.lines().find(|line| line.contains(&format!("[[buffer({place})]]")));
            let line = line.unwrap_or_else(|| panic!("{what}: MSL: no buffer {place}"));
            assert_eq!(line.contains("const&"), !writes, "{what}: MSL: {line}");
        }

        let text = hlsl(module, info).unwrap_or_else(|e| panic!("{what}: HLSL: {e}"));
        assert!(text.contains(&format!("[numthreads({x}, {y}, {z})]")), "{what}: HLSL");
        let registers = |class: &str| text.matches(&format!("register({class}")).count();
        let all = kernel.bindings();
        let read = all.iter().filter(|binding| binding.access == Access::Read).count();
        assert_eq!((registers("t"), registers("u")), (read, all.len() - read), "{what}: HLSL");

        // wgpu grants no subgroups on OpenGL.
        if !kernel.supports(variant, Traits { subgroup: 0, ..ALL }) {
            return;
        }
        assert!(
            !selects_integers(module, info),
            "{what}: before 4.5, GLSL has no select of integers by vectors"
        );
        for version in [Version::new_gles(310), Version::Desktop(430), Version::Desktop(450)] {
            let text = glsl(module, info, version).unwrap_or_else(|e| panic!("{what}: {version}: {e}"));
            let size = format!("layout(local_size_x = {x}, local_size_y = {y}, local_size_z = {z}) in;");
            assert!(text.contains(&size), "{what}: {version}");
            let buffers: Vec<&str> = text.lines().filter(|line| line.contains("layout(std430")).collect();
            assert_eq!(buffers.len(), reached.len(), "{what}: {version}: {buffers:?}");
            let written = buffers.iter().filter(|line| !line.contains("readonly")).count();
            assert_eq!(written, writable, "{what}: {version}: {buffers:?}");
            for (place, _) in &reached {
                let layout = format!("layout(std430, binding = {})", place - 1);
                assert!(buffers.iter().any(|line| line.starts_with(&layout)), "{what}: {version}: {layout}");
            }
        }
    });
}

#[test]
fn a_variant_with_subgroups_takes_those_of_its_workgroup_alone() {
    let traits = |subgroup| [false, true].map(|software| Traits { software, subgroup });
    let all: Vec<Traits> = [0, 4, 8, 16, 32, 64, 128].into_iter().flat_map(traits).collect();
    let mut with_subgroups = 0;
    every_shader(|what, kernel, variant, module, _| {
        let wanted = if kernel.source(variant).contains("subgroup") {
            with_subgroups += 1;
            Some(module.entry_points[0].workgroup_size.iter().product::<u32>())
        } else {
            None
        };
        for &traits in &all {
            let fits = wanted.is_none_or(|size| traits.subgroup == size);
            assert_eq!(kernel.supports(variant, traits), fits, "{what}: {traits:?}");
            let chosen = kernel.candidates(traits).into_iter().chain([kernel.prefer(traits)]);
            for chosen in chosen {
                assert!(kernel.supports(chosen, traits), "{what}: {traits:?}: chooses {chosen}");
            }
        }
    });
    assert!(with_subgroups > 0, "no variant to look at");
}

#[test]
fn shaders_declare_what_the_host_binds_within_the_needs() {
    let needs = needs(Limits::downlevel_webgl2_defaults());
    // Of these limits, what the kernels use at most: what is needed and not used would keep adapters away for nothing.
    let nothing = Limits {
        max_uniform_buffer_binding_size: 0,
        max_storage_buffers_per_shader_stage: 0,
        max_compute_invocations_per_workgroup: 0,
        max_compute_workgroup_size_x: 0,
        max_compute_workgroup_size_y: 0,
        max_compute_workgroup_size_z: 0,
        max_compute_workgroup_storage_size: 0,
        ..needs.clone()
    };
    let mut most = nothing.clone();
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
                    assert!(
                        !quads || kernel.lens()[index].is_none_or(|len| len.is_multiple_of(4)),
                        "{what}: {}",
                        binding.name
                    );
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
        assert_eq!(kernel.lens().len(), storage, "{what}");
        let entry = &module.entry_points[0];
        assert_eq!((module.entry_points.len(), entry.name.as_str()), (1, "main"), "{what}");
        let [x, y, z] = entry.workgroup_size;
        let used = Limits {
            max_uniform_buffer_binding_size: kernel.uniforms().len() as u64 * 4,
            max_storage_buffers_per_shader_stage: storage as u32,
            max_compute_invocations_per_workgroup: x * y * z,
            max_compute_workgroup_size_x: x,
            max_compute_workgroup_size_y: y,
            max_compute_workgroup_size_z: z,
            max_compute_workgroup_storage_size: workgroup_bytes,
            ..nothing.clone()
        };
        used.check_limits_with_fail_fn(&needs, false, |name, found, limit| {
            panic!("{what}: {name} {found}, more than {limit}")
        });
        most = most.clone().or_better_values_from(&used);
        let groups = needs.max_compute_workgroups_per_dimension;
        let grid = kernel.grid(variant);
        assert!(grid.iter().all(|g| (1..=groups).contains(g)), "{what}: {grid:?}");
    });
    assert_eq!(most, needs);
    assert!(needs.check_limits(&Limits::default()), "{needs:?}");
}

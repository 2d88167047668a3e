//! What the kernels need from an adapter, and the limits with which a device is opened.

use crate::kernel::MAX_BINDINGS;
use crate::plan::ALIGNMENT;
use wgpu::Limits;

/// The limits that every kernel keeps to: no more than `wgpu::Limits::default()`, and what an adapter below those must still offer.
/// Limits that are not used are taken from `rest`. Buffer sizes are not included: what does not fit is an error of the model that needs
/// it.
pub fn needs(rest: Limits) -> Limits {
    Limits {
        max_bind_groups: 1,
        max_uniform_buffers_per_shader_stage: 1,
        max_uniform_buffer_binding_size: 48,
        max_storage_buffers_per_shader_stage: MAX_BINDINGS as u32,
        max_compute_invocations_per_workgroup: 256,
        max_compute_workgroup_size_x: 256,
        max_compute_workgroup_size_y: 64,
        max_compute_workgroup_size_z: 1,
        max_compute_workgroup_storage_size: 16 << 10,
        max_compute_workgroups_per_dimension: 65_535,
        min_uniform_buffer_offset_alignment: 256,
        min_storage_buffer_offset_alignment: 4 * ALIGNMENT as u32,
        ..rest
    }
}

/// The first of the [`needs`] that an adapter or a device does not meet, as text.
pub(super) fn lacking(offered: &Limits) -> Option<String> {
    let mut first = None;
    needs(offered.clone()).check_limits_with_fail_fn(offered, true, |name, needed, found| {
        let bound = if name.starts_with("min_") { "at most" } else { "at least" };
        first = Some(format!("found {name} {found}, expected {bound} {needed}"));
    });
    first
}

/// The limits with which to open a device: the defaults, or what there is of them, and buffers as large as the adapter allows.
pub(super) fn requested(offered: &Limits) -> Limits {
    let large = Limits {
        max_buffer_size: offered.max_buffer_size,
        max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
        ..Limits::default()
    };
    large.or_worse_values_from(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_limits_suffice_and_what_is_missing_is_named() {
        assert_eq!(lacking(&Limits::default()), None);
        assert_eq!(lacking(&needs(Limits::downlevel_webgl2_defaults())), None);
        let few = Limits { max_storage_buffers_per_shader_stage: 4, ..Limits::default() };
        let reason = lacking(&few).unwrap_or_default();
        assert_eq!(reason, "found max_storage_buffers_per_shader_stage 4, expected at least 8");
        let coarse = Limits { min_storage_buffer_offset_alignment: 512, ..Limits::default() };
        let reason = lacking(&coarse).unwrap_or_default();
        assert_eq!(reason, "found min_storage_buffer_offset_alignment 512, expected at most 256");
        assert!(lacking(&Limits::downlevel_defaults()).is_some());
    }

    #[test]
    fn what_is_requested_is_offered_and_no_more_than_the_defaults_but_for_buffers() {
        let vast = Limits { max_bind_groups: 8, max_buffer_size: 1 << 40, ..Limits::unlimited() };
        assert_eq!(
            requested(&vast),
            Limits {
                max_buffer_size: 1 << 40,
                max_storage_buffer_binding_size: vast.max_storage_buffer_binding_size,
                ..Limits::default()
            }
        );
        // An adapter with just what is needed, as OpenGL's may be, is opened with that.
        let small = Limits { max_buffer_size: 1 << 20, ..needs(Limits::downlevel_webgl2_defaults()) };
        assert!(requested(&small).check_limits(&small));
        assert_eq!(lacking(&requested(&small)), None);
    }
}

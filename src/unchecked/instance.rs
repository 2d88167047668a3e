//! An instance of Vulkan that knows nothing of Wayland.

use wgpu::hal::{self, vulkan};

/// The extension that makes windows on Wayland.
const WAYLAND: &std::ffi::CStr = c"VK_KHR_wayland_surface";

/// An instance with Vulkan's adapters alone and without the extension for windows on Wayland; `None` where there is no Vulkan.
pub(crate) fn vulkan_without_wayland(descriptor: &wgpu::InstanceDescriptor) -> Option<wgpu::Instance> {
    let wanted = hal::InstanceDescriptor {
        name: "wgpu",
        flags: descriptor.flags,
        memory_budget_thresholds: descriptor.memory_budget_thresholds,
        backend_options: descriptor.backend_options.clone(),
        telemetry: None,
        display: None,
    };
    let change = |args: vulkan::CreateInstanceCallbackArgs<'_, '_, '_>| {
        args.extensions.retain(|&name| name != WAYLAND);
    };
    // SAFETY: the instance is the one that wgpu makes with a driver that does not have this extension. wgpu asks for the extension only
    // where the driver has it, and looks whether the instance does before it makes a window's surface on Wayland, which is all that it
    // is for; here nobody makes surfaces, since the instance does not leave the crate. What `from_hal` takes was made in the line before,
    // and is nobody else's.
    unsafe {
        let instance = vulkan::Instance::init_with_callback(&wanted, Some(Box::new(change))).ok()?;
        Some(wgpu::Instance::from_hal::<hal::api::Vulkan>(instance))
    }
}

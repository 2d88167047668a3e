//! Mesa's Vulkan driver for AMD's GPUs, of which it pretends that one is there.

use crate::Result;
use ash::vk;
use cpu_time::ThreadTime;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::path::Path;
use std::process::Command;

/// Where Linux distributions put the driver's manifest.
const MANIFESTS: [&str; 2] =
    ["/usr/share/vulkan/icd.d/radeon_icd.x86_64.json", "/usr/share/vulkan/icd.d/radeon_icd.json"];

fn manifest() -> Option<&'static str> {
    MANIFESTS.into_iter().find(|path| Path::new(path).exists())
}

/// Whether there is a driver.
pub fn installed() -> bool {
    manifest().is_some()
}

/// Has a process find this driver alone, and compile everything anew.
pub fn only_this_one(command: &mut Command) {
    let manifest = manifest().unwrap_or_default();
    // The older name is what older loaders read.
    command.env("VK_DRIVER_FILES", manifest).env("VK_ICD_FILENAMES", manifest);
    command.env("RADV_DEBUG", "nocache").env("MESA_SHADER_CACHE_DISABLE", "true");
}

/// Milliseconds of compiling that nobody minds.
const SHORT: f64 = 150.0;

/// A device of the driver.
pub struct Driver {
    /// The GPU and the driver's version.
    pub name: String,
    device: ash::Device,
    executables: ash::khr::pipeline_executable_properties::Device,
    // Held as long as the device.
    _instance: ash::Instance,
    _entry: ash::Entry,
}

/// A shader's machine code.
pub struct Compiled {
    /// What the driver tells, by its own names.
    pub statistics: BTreeMap<String, u64>,
    pub assembly: String,
    /// Milliseconds of a core that compiling took.
    pub milliseconds: f64,
}

impl Driver {
    pub fn open() -> Result<Self> {
        // SAFETY: the loader is the system's, each call gets what it asks for, and what is made lives until the process ends.
        unsafe {
            let entry = ash::Entry::load()?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let info = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&info, None)?;
            let all = instance.enumerate_physical_devices()?;
            let physical = *all.first().ok_or("the driver offers no device")?;
            let mut kind = vk::PhysicalDeviceDriverProperties::default();
            let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut kind);
            instance.get_physical_device_properties2(physical, &mut properties);
            let device_name = properties.properties.device_name_as_c_str()?.to_string_lossy().into_owned();
            let name = format!("{device_name}, {}", kind.driver_info_as_c_str()?.to_string_lossy());
            let queue = vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0]);
            let queues = [queue];
            let extensions = [ash::khr::pipeline_executable_properties::NAME.as_ptr()];
            let mut tells = vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
                .pipeline_executable_info(true);
            let mut memory = vk::PhysicalDeviceVulkan12Features::default()
                .vulkan_memory_model(true)
                .vulkan_memory_model_device_scope(true);
            let info = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_extension_names(&extensions)
                .push_next(&mut tells)
                .push_next(&mut memory);
            let device = instance.create_device(physical, &info, None)?;
            let executables = ash::khr::pipeline_executable_properties::Device::new(&instance, &device);
            Ok(Self { name, device, executables, _instance: instance, _entry: entry })
        }
    }

    /// Compiles a compute shader.
    pub fn compile(&self, words: &[u32]) -> Result<Compiled> {
        let (name, bindings) = interface(words);
        let bindings: Vec<_> = bindings
            .into_iter()
            .map(|(binding, kind)| {
                vk::DescriptorSetLayoutBinding::default()
                    .binding(binding)
                    .descriptor_type(kind)
                    .descriptor_count(1)
                    .stage_flags(vk::ShaderStageFlags::COMPUTE)
            })
            .collect();
        let device = &self.device;
        // SAFETY: the shader is valid and its layout has all its bindings; handles are destroyed after their last use.
        unsafe {
            let info = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let sets = [device.create_descriptor_set_layout(&info, None)?];
            let info = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
            let layout = device.create_pipeline_layout(&info, None)?;
            let info = vk::ShaderModuleCreateInfo::default().code(words);
            let module = device.create_shader_module(&info, None)?;
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&name);
            let make = |flags| {
                let info =
                    [vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout).flags(flags)];
                let made = device.create_compute_pipelines(vk::PipelineCache::null(), &info, None);
                made.map(|all| all[0]).map_err(|(_, error)| error)
            };
            // Without what is to be told, which takes time, too; the least of several, since other programs slow a core down.
            let mut milliseconds = f64::INFINITY;
            for _ in 0..5 {
                if milliseconds > SHORT {
                    let begin = ThreadTime::now();
                    let plain = make(vk::PipelineCreateFlags::empty())?;
                    milliseconds = milliseconds.min(begin.elapsed().as_secs_f64() * 1e3);
                    device.destroy_pipeline(plain, None);
                }
            }
            let tell = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
            let pipeline = make(tell)?;
            let compiled = self.told(pipeline, milliseconds);
            device.destroy_pipeline(pipeline, None);
            device.destroy_shader_module(module, None);
            device.destroy_pipeline_layout(layout, None);
            device.destroy_descriptor_set_layout(sets[0], None);
            compiled
        }
    }

    /// What the driver tells of a pipeline.
    unsafe fn told(&self, pipeline: vk::Pipeline, milliseconds: f64) -> Result<Compiled> {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(0);
        // SAFETY: the pipeline was made to be asked, and texts are read after their buffers got the lengths that the driver named.
        unsafe {
            let statistics = self.executables.get_pipeline_executable_statistics(&info)?;
            let number = |s: &vk::PipelineExecutableStatisticKHR<'_>| {
                Some((s.name_as_c_str().ok()?.to_string_lossy().into_owned(), s.value.u64))
            };
            let statistics = statistics.iter().filter_map(number).collect();
            let ask = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            let handle = self.device.handle();
            let mut count = 0;
            ask(handle, &info, &mut count, std::ptr::null_mut()).result()?;
            let mut texts = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
            ask(handle, &info, &mut count, texts.as_mut_ptr()).result()?;
            let mut buffers: Vec<Vec<u8>> = texts.iter().map(|text| vec![0; text.data_size]).collect();
            for (text, buffer) in texts.iter_mut().zip(&mut buffers) {
                text.p_data = buffer.as_mut_ptr().cast();
            }
            ask(handle, &info, &mut count, texts.as_mut_ptr()).result()?;
            let is_code = |text: &vk::PipelineExecutableInternalRepresentationKHR<'_>| {
                text.name_as_c_str().is_ok_and(|name| name.to_string_lossy().starts_with("Assembly"))
            };
            let code = texts.iter().position(is_code).ok_or("the driver shows no machine code")?;
            let assembly = String::from_utf8_lossy(&buffers[code]).into_owned();
            Ok(Compiled { statistics, assembly, milliseconds })
        }
    }
}

/// What a pipeline layout needs to know of a shader: the name of its entry point, and the kind of every binding of set 0.
fn interface(words: &[u32]) -> (CString, BTreeMap<u32, vk::DescriptorType>) {
    const ENTRY_POINT: u32 = 15;
    const VARIABLE: u32 = 59;
    const DECORATE: u32 = 71;
    const BINDING: u32 = 33;
    const UNIFORM: u32 = 2;
    let (mut entry, mut binding_of, mut variables) = (CString::default(), HashMap::new(), Vec::new());
    // Behind the header, every instruction begins with its length and its kind.
    let mut at = 5;
    while at < words.len() {
        let (op, length) = (words[at] & 0xffff, (words[at] >> 16) as usize);
        match op {
            ENTRY_POINT => {
                let bytes = words[at + 3..at + length].iter().flat_map(|word| word.to_le_bytes());
                let name: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
                entry = CString::new(name).unwrap_or_default();
            }
            VARIABLE => variables.push((words[at + 2], words[at + 3])),
            DECORATE if words[at + 2] == BINDING => {
                binding_of.insert(words[at + 1], words[at + 3]);
            }
            _ => {}
        }
        at += length.max(1);
    }
    let kind = |class| match class {
        UNIFORM => vk::DescriptorType::UNIFORM_BUFFER,
        _ => vk::DescriptorType::STORAGE_BUFFER,
    };
    let bindings = variables.iter().filter_map(|(id, class)| Some((*binding_of.get(id)?, kind(*class))));
    (entry, bindings.collect())
}

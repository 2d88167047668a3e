//! An executor's buffers: what it refuses to do with them, and that it counts them all.

use crate::common::devices;
use crate::faults::opened;
use autorot::extend::executor::Values;
use autorot::extend::kernel::Element;
use autorot::{Activate, Activation, Device, Error, Sequential};
use pollster::block_on;

#[track_caller]
fn fails<T>(result: Result<T, Error>, parts: &[&str]) {
    let text = result.err().expect("an error").to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

#[test]
fn another_type_and_another_length_are_told_apart() {
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        let mut executor = device.executor();
        executor.allocate("x", Element::Float, 4).unwrap();
        executor.allocate("i", Element::Index, 4).unwrap();
        // As many of them as there are, of the other type.
        let numbers = ["buffer \"x\"", "found an access to integers", "numbers, which it holds"];
        fails(executor.write("x", 0, Values::U32(&[1; 4])), &numbers);
        fails(block_on(executor.read_index("x", 4)), &numbers);
        let integers = ["buffer \"i\"", "found an access to numbers", "integers, which it holds"];
        fails(executor.write("i", 0, Values::F32(&[1.0; 4])), &integers);
        fails(block_on(executor.read("i", 0, 4)), &integers);
        // Of its own type, but too many.
        let long = ["buffer \"x\"", "ends at element 5", "at most 4"];
        fails(executor.write("x", 2, Values::F64(&[1.0; 3])), &long);
        fails(block_on(executor.read("x", 4, 1)), &long);
        fails(executor.write("none", 0, Values::F32(&[1.0])), &["buffer \"none\"", "nothing", "allocate"]);
        if let Some(gpu) = executor.gpu() {
            fails(gpu.copy("x", "i"), &["buffer \"i\"", "numbers", "integers"]);
            autorot::extend::executor::Executor::allocate(gpu, "y", Element::Float, 5).unwrap();
            fails(gpu.copy("x", "y"), &["\"x\" over \"y\"", "4 and 5 elements", "one length"]);
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn programs_follow_scratch_that_grows_and_every_buffer_is_counted() {
    let (_, device) = opened();
    let build = |device: &Device| {
        let net = [Activation::Tanh, Activation::Sigmoid, Activation::Arctan].map(Activate::new);
        let net = net.into_iter().fold(Sequential::new([4096]), Sequential::add);
        net.build(device, 0).unwrap()
    };
    let inputs: Vec<f32> = (0..1024 * 4096).map(|i| (i % 1013) as f32 / 500.0 - 1.0).collect();
    let before = device.allocated_bytes();
    let mut model = build(&device);
    // Every prediction binds a program that needs more than the one before.
    let outputs: Vec<Vec<f32>> =
        [1, 128, 256, 512, 1024].iter().map(|rows| model.predict(&inputs[..rows * 4096]).unwrap()).collect();
    for (i, rows) in [1, 128, 256, 512, 1024].into_iter().enumerate() {
        assert_eq!(model.predict(&inputs[..rows * 4096]).unwrap(), outputs[i], "{rows} rows");
        assert_eq!(outputs[i], outputs[4][..rows * 4096], "{rows} rows");
    }
    // The inputs, a layer's and the next one's outputs, and what is read.
    let held = model.device_bytes();
    let batch = 1024 * 4096 * 4;
    assert!(held >= 4 * batch && held < 4 * batch + batch / 4, "{held} bytes, {batch} a batch");
    // What the driver's memory says, where it is told: no buffer lives on that the model does not count.
    if let (Some(before), Some(after)) = (before, device.allocated_bytes()) {
        let allocated = after - before;
        assert!(allocated >= held && allocated < held + batch / 4, "{allocated} bytes, counted {held}");
    }
}

//! Keras' files: each is a model that can be written and read again, or an error.

#![no_main]

use autorot::file::KerasFormat;
use autorot::{Device, Model};
use libfuzzer_sys::fuzz_target;

/// The most parameters of a model that is tried out.
const SMALL: usize = 20_000;

fuzz_target!(|data: &[u8]| {
    let Ok(mut model) = Model::from_keras(data, &Device::cpu()) else { return };
    if model.parameter_count() > SMALL {
        return;
    }
    for format in [KerasFormat::Keras, KerasFormat::H5] {
        // Rotated layers and activations that Keras lacks stay here.
        let Ok(bytes) = model.to_keras(format) else { continue };
        let mut again = Model::from_keras(&bytes, &Device::cpu()).expect("what was written");
        assert_eq!(again.to_keras(format).expect("the same bytes"), bytes);
    }
});

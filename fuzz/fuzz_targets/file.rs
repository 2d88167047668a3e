//! Model files, checkpoints, descriptions and numpy's arrays: each is what it says, or an error.

#![no_main]

use autorot::model::{Kinds, Network, Tensor, Weights};
use autorot::train::Snapshot;
use autorot::{Dense, Device, Model, Sequential};
use autorot_fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static KINDS: LazyLock<Kinds> = LazyLock::new(Kinds::default);

fuzz_target!(|data: &[u8]| {
    if let Ok(mut model) = Model::from_bytes(data, &Device::cpu(), &KINDS) {
        let bytes = model.to_bytes().expect("bytes of a model that was read");
        let mut again = Model::from_bytes(&bytes, &Device::cpu(), &KINDS).expect("what was written");
        assert_eq!(again.to_bytes().expect("the same bytes"), bytes);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Network::from_description(text, &KINDS);
    }
    let folder = Folder::default();
    let _ = Weights::load(folder.file("weights.safetensors", data));
    let _ = Weights::load(folder.file("weights.npz", data));
    if let Ok(tensor) = Tensor::load(folder.file("array.npy", data)) {
        assert_eq!(tensor.values.len(), tensor.shape.iter().product::<usize>());
    }
    let net = Sequential::new([2]).add(Dense::new(1));
    let model = net.build(&Device::cpu(), 1).expect("a model");
    let _ = Snapshot::load(folder.file("checkpoint.safetensors", data), &model);
});

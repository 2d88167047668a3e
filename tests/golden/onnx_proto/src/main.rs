//! Compiles ONNX's messages to Rust, without their comments.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let proto = std::env::args().nth(1).ok_or("name the file onnx.proto")?;
    let messages = protox::compile([&proto], [Path::new(&proto).parent().ok_or("a file in a folder")?])?;
    let out = std::env::temp_dir();
    prost_build::Config::new().disable_comments(["."]).out_dir(&out).compile_fds(messages)?;
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../src/file/onnx/proto.rs");
    let text = std::fs::read_to_string(out.join("onnx.rs"))?;
    std::fs::write(to, format!("//! ONNX's messages, compiled by tests/golden/onnx_proto.\n{text}"))?;
    Ok(())
}

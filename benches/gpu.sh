#!/usr/bin/env bash
# Everything that wants a real GPU, in under 9 minutes, on a machine that has nothing but a driver.
#
#   benches/gpu.sh pack DIR      builds, and puts the binaries and this script into DIR (x86-64 Linux, about 25 MB)
#   DIR/gpu.sh run OUT           runs them there; logs and JSON go to OUT
#
# Parts: the kernel table and the end-to-end tests on the GPU, training inside an application, the benchmark on the GPU, tuned and not, and on the CPU, and,
# where Python has PyTorch with CUDA, its training steps. A part that fails or takes too long is named at the end; the others
# run all the same. Without a Vulkan loader nothing works: see that libvulkan.so.1 is there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"

pack() {
    local root dir
    root="$(cd "$here/.." && pwd)"
    mkdir -p "$1" && dir="$(cd "$1" && pwd)"
    cd "$root"
    cargo build --release --example benchmark --example devices --example embed
    local suite
    suite="$(cargo test --release --no-run --test suite 2>&1 | sed -n 's/.*(\(target[^)]*\)).*/\1/p')"
    cp target/release/examples/{benchmark,devices,embed} "$dir"
    cp "$suite" "$dir/suite"
    strip "$dir/benchmark" "$dir/devices" "$dir/embed" "$dir/suite"
    cp benches/peers/pytorch/bench.py "$dir/pytorch.py"
    cp "$here/gpu.sh" "$dir"
    du -sh "$dir"
}

failed=()
# part NAME SECONDS COMMAND...
part() {
    local name="$1" seconds="$2"
    shift 2
    echo "== $name"
    local begin=$SECONDS
    if ! timeout "$seconds" "$@" >"$out/$name.log" 2>&1; then
        failed+=("$name")
    fi
    tail -n 40 "$out/$name.log"
    echo "== $name: $((SECONDS - begin)) s"
}

run() {
    mkdir -p "$1" && out="$(cd "$1" && pwd)"
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$out}" XDG_CACHE_HOME="$out/cache"
    { date -u; nvidia-smi || true; } >"$out/machine.log" 2>&1
    cat "$out/machine.log"
    part devices 30 "$here/devices"
    # Only these tests need no files beside the binary.
    part kernels 90 "$here/suite" kernels::
    part tests 60 "$here/suite" training:: trainer:: tuning::
    part embedding 40 "$here/suite" embed::
    part embed 30 "$here/embed" --headless --frames 300 --png "$out/embed.png"
    part benchmark 140 "$here/benchmark" --devices gpu --seconds 0.5 --report "$out/benchmark.json"
    part benchmark-cpu 90 "$here/benchmark" --devices cpu --seconds 0.2 --report "$out/benchmark-cpu.json"
    AUTOROT_TUNE=off part benchmark-untuned 60 "$here/benchmark" --devices gpu --seconds 0.2 --report "$out/benchmark-untuned.json"
    RUST_LOG=autorot=debug AUTOROT_TUNE=again part tuning 30 "$here/benchmark" --devices gpu --only 784-2048 --seconds 0.2
    if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        part pytorch 90 python3 "$here/pytorch.py" --modes eager,graph --json "$out/pytorch.json"
    else
        echo "== pytorch: SKIPPED, no PyTorch with CUDA"
    fi
    rm -rf "$out/cache"
    if [ ${#failed[@]} -gt 0 ]; then
        echo "failed or too slow: ${failed[*]}"
        exit 1
    fi
}

case "${1:-}" in
    pack) pack "${2:?a folder to put the binaries into}" ;;
    run) run "${2:?a folder for the results}" ;;
    *) sed -n '2,12p' "$0"; exit 2 ;;
esac

"""Times training steps of PyTorch, workload by workload: the peer of autorot's example `benchmark`.

Every net is trained twice, in turn: classic (nn.Linear) and auto-rotating (AutoRotLinear, below). Every workload
and mode runs in a process of its own without compiled kernels on disk, so that its first step is a cold one.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

CLASSES, BATCH, BATCHES = 10, 128, 32

# name, inputs, hidden layers
WORKLOADS = [
    ("notebook 1024-50-50-40-40-30-10", 1024, [50, 50, 40, 40, 30]),
    ("784-512x4-10", 784, [512] * 4),
    ("784-1024x4-10", 784, [1024] * 4),
    ("784-2048x4-10", 784, [2048] * 4),
]

MODES = {
    "eager": "as it comes",
    "compile": "torch.compile of net and loss, fused Adam",
    "graph": "the whole step with fused Adam as a CUDA graph; CUDA only",
}


def flops(inputs, hidden):
    """Multiplications and additions of a classic step, the first layer's input gradient not among them."""
    widths = [inputs, *hidden, CLASSES]
    products = [a * b for a, b in zip(widths, widths[1:])]
    return 2 * BATCH * (3 * sum(products) - products[0])


def build(torch, inputs, hidden, rotate, device):
    """Sigmoid layers and a linear one."""
    nn = torch.nn

    class AutoRotLinear(nn.Linear):
        """z = rho (W x + b) with rho = L / (|q| + eps) and q = x_Q sum(W) + b; gradients flow through rho, too."""

        def __init__(self, inputs, units, x_q=2.0, limit=4.0, eps=1e-5):
            super().__init__(inputs, units)
            self.x_q, self.limit, self.eps = x_q, limit, eps

        def forward(self, x):
            q = self.x_q * self.weight.sum(1) + self.bias
            rho = self.limit / (q.abs() + self.eps)
            return rho * super().forward(x)

    torch.manual_seed(0)
    layers, width = [], inputs
    for units in hidden:
        layers += [(AutoRotLinear if rotate else nn.Linear)(width, units), nn.Sigmoid()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, CLASSES)).to(device)


def trainer(torch, net, batches, mode):
    """A function that trains for some steps and returns the last loss, without waiting for it."""
    settings = {"eager": {}, "compile": {"fused": True}, "graph": {"fused": True, "capturable": True}}
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, **settings[mode])

    def forward(x, y):
        return torch.nn.functional.cross_entropy(net(x), y)

    objective = torch.compile(forward) if mode == "compile" else forward

    def step(x, y):
        adam.zero_grad(set_to_none=True)
        loss = objective(x, y)
        loss.backward()
        adam.step()
        return loss.detach()

    if mode == "graph":
        step = capture(torch, step, *batches[0])

    state = {"next": 0}

    def run(steps):
        for _ in range(steps):
            loss = step(*batches[state["next"] % BATCHES])
            state["next"] += 1
        return loss

    return run


def capture(torch, step, x, y):
    """The step as a CUDA graph over inputs of its own, into which every batch is copied."""
    x, y = x.clone(), y.clone()
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        # What has to be allocated or chosen once happens before the capture.
        for _ in range(3):
            step(x, y)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(x, y)

    def replay(new_x, new_y):
        x.copy_(new_x)
        y.copy_(new_y)
        graph.replay()
        return loss

    return replay


def measure(workload, mode, options):
    """One row of the table."""
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    import torch

    torch.set_float32_matmul_precision("highest")
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    cuda = device.type == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None

    name, inputs, hidden = workload
    rows = BATCH * BATCHES
    xs = (torch.arange(rows * inputs) * 7919 % 1009).float().div(1009).reshape(BATCHES, BATCH, inputs).to(device)
    ys = (torch.arange(rows) * 31 % CLASSES).reshape(BATCHES, BATCH).to(device)
    batches = list(zip(xs, ys))
    wait()

    begin = time.perf_counter()
    nets = [build(torch, inputs, hidden, rotate, device) for rotate in (False, True)]
    rotating_run = trainer(torch, nets[1], batches, mode)
    rotating_run(1)
    wait()
    first_step_s = time.perf_counter() - begin
    runs = [trainer(torch, nets[0], batches, mode), rotating_run]

    length = max(1, min(options.block, options.steps))
    for run in runs:
        run(length)
    times = [[], []]
    for _ in range(-(-options.steps // length)):
        for run, values in zip(runs, times):
            wait()
            begin = time.perf_counter()
            loss = run(length)
            wait()
            values.append(1e3 * (time.perf_counter() - begin) / length)
            assert math.isfinite(loss.item()), f"the loss is {loss.item()}"
    classic, rotating = map(statistics.median, times)
    return {
        "peer": f"PyTorch {torch.__version__}",
        "mode": mode,
        "device": torch.cuda.get_device_name(device) if cuda else f"cpu, {torch.get_num_threads()} threads",
        "workload": name,
        "ms": rotating,
        "classic_ms": classic,
        "ratio": rotating / classic,
        "samples_per_second": 1e3 * BATCH / rotating,
        "gflops": flops(inputs, hidden) / rotating / 1e6,
        "first_step_s": first_step_s,
        "device_mib": torch.cuda.max_memory_allocated(device) / 2**20 if cuda else None,
        "loss": loss.item(),
    }


def main():
    """Runs the workloads, each in a process of its own, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="PART", default="", help="only workloads whose name contains this")
    parser.add_argument("--steps", type=int, default=320, metavar="N", help="steps to time after warm-up")
    parser.add_argument("--block", type=int, default=32, metavar="N", help="steps a block; the median is one of blocks")
    parser.add_argument(
        "--modes",
        help="; ".join(f"{k}: {v}" for k, v in MODES.items()) + " (default: all that the device can)",
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    parser.add_argument("--threads", type=int, metavar="N", help="threads on the CPU (default: PyTorch's own choice)")
    parser.add_argument("--json", metavar="FILE", help="writes the rows as JSON, too")
    parser.add_argument("--workload", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.workload is not None:
        print(json.dumps(measure(WORKLOADS[options.workload], options.modes, options)))
        return

    import torch

    cuda = (options.device or ("cuda" if torch.cuda.is_available() else "cpu")) == "cuda"
    modes = options.modes.split(",") if options.modes else [m for m in MODES if cuda or m != "graph"]
    if unknown := set(modes) - set(MODES):
        parser.error(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(MODES)}")
    if "graph" in modes and not cuda:
        parser.error("the mode graph needs CUDA")

    rows, failed = [], False
    print(f"{'workload':32} {'mode':8} {'ms':>10} {'classic ms':>10} {'AR/classic':>10} {'first step s':>13}")
    for index, workload in enumerate(WORKLOADS):
        if options.only not in workload[0]:
            continue
        for mode in modes:
            command = [sys.executable, __file__, "--workload", str(index), "--modes", mode]
            command += ["--steps", str(options.steps), "--block", str(options.block)]
            command += ["--device", options.device] if options.device else []
            command += ["--threads", str(options.threads)] if options.threads else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                print(f"{workload[0]}, {mode}: failed ({done.returncode})", file=sys.stderr)
                failed = True
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{row['workload']:32} {mode:8} {row['ms']:10.3f} {row['classic_ms']:10.3f} {row['ratio']:10.3f}"
                f" {row['first_step_s']:13.2f}",
                flush=True,
            )
            rows.append(row)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=2)
            file.write("\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()

"""Times training steps of PyTorch, workload by workload: the peer of autorot's example `benchmark`.

Every net is trained twice, in turn: classic (nn.Linear, nn.Conv2d, nn.LSTM, nn.GRU) and auto-rotating (AutoRot and
AutoRotRecurrent, below, around them).
Every workload and mode runs in a process of its own without compiled kernels on disk, so that its first step is a
cold one.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

CLASSES, BATCHES = 10, 32


class Layer(NamedTuple):
    """dense, conv (3x3 with padding), point (1x1), separable (3x3), norm, pool (2x2), mean (over positions), flatten, or
    lstm or gru (the last output of a sequence)."""

    kind: str
    units: int = 0
    stride: int = 1


class Workload(NamedTuple):
    """What to train: hidden layers of one activation; a linear one follows them."""

    name: str
    batch: int
    shape: tuple
    activation: str
    hidden: list


def mlp(name, inputs, *widths):
    """Sigmoid layers on rows."""
    return Workload(name, 128, (inputs,), "sigmoid", [Layer("dense", units) for units in widths])


def images(name, activation, *hidden):
    """Layers on images, whose channels come last."""
    return Workload(name, 64, (32, 32, 3), activation, [Layer(*layer) for layer in hidden])


def sequences(kind, units, batch):
    """A recurrent layer on 64 steps of 128 features."""
    name = f"{kind}-128-{units}" + (f" batch {batch}" if (units, batch) != (256, 64) else "")
    return Workload(name, batch, (64, 128), "tanh", [Layer(kind, units)])


WORKLOADS = [
    mlp("notebook 1024-50-50-40-40-30-10", 1024, 50, 50, 40, 40, 30),
    mlp("784-512x4-10", 784, *[512] * 4),
    mlp("784-1024x4-10", 784, *[1024] * 4),
    mlp("784-2048x4-10", 784, *[2048] * 4),
    mlp("deep 784-64x100-10", 784, *[64] * 100),
    images(
        "study conv 16-32-64 bn",
        "sigmoid",
        *[layer for units in (16, 32, 64) for layer in (("conv", units), ("norm",), ("pool",))],
        ("flatten",),
        *[("dense", 10)] * 4,
    ),
    images(
        "conv 64-128-256",
        "tanh",
        *[("conv", 64), ("pool",), ("conv", 128), ("pool",), ("conv", 256), ("mean",)],
    ),
    *[
        images(f"strided {n}-{2 * n}-{4 * n}", "tanh", *[("conv", k * n, 2) for k in (1, 2, 4)], ("mean",))
        for n in (16, 32, 64)
    ],
    images(
        "pointwise 32-128-32-128-32", "tanh", ("conv", 32, 2), *[("point", n) for n in (128, 32, 128, 32)], ("mean",)
    ),
    *[
        images(
            f"separable {n}-{2 * n}-{4 * n}-{8 * n}",
            "tanh",
            *[("conv", n), ("separable", 2 * n, 2), ("separable", 4 * n, 2), ("separable", 8 * n), ("mean",)],
        )
        for n in (16, 32)
    ],
    *[sequences(kind, n, batch) for kind in ("lstm", "gru") for n in (64, 160, 256) for batch in (16, 64, 256)],
]

# By activation: x_Q for the layer after it, and L. The first layer's inputs, in 0..1, have an x_Q of 2.
ROTATION = {"sigmoid": (2.0, 4.0), "tanh": (3.0, 2.0)}

# The gates of recurrent layers in PyTorch's order, by their activations.
GATES = {"lstm": ("sigmoid", "sigmoid", "tanh", "sigmoid"), "gru": ("sigmoid", "sigmoid", "tanh")}

MODES = {
    "eager": "as it comes",
    "compile": "torch.compile of net and loss, fused Adam",
    "graph": "the whole step with fused Adam as a CUDA graph; CUDA only",
    "one": "a prediction of one row, eager in inference mode, until its numbers are on the host",
    "one-compile": "the same with torch.compile of the net",
}

# The end of a mode's name that has it run in memory format channels_last. Which is faster depends on net and device.
LAST = "-last"
MODES.update({mode + LAST: f"{mode} in channels_last, nets on images only" for mode in MODES})


def traced(workload):
    """Every layer, the linear one, too, with the channels of its inputs and the side of its outputs."""
    side, channels = (1, *workload.shape)[-2:]
    for layer in (*workload.hidden, Layer("dense", CLASSES)):
        if layer.kind == "flatten":
            channels *= side * side
        single = layer.kind in ("flatten", "mean", *GATES)
        side = 1 if single else side // (2 if layer.kind == "pool" else layer.stride)
        yield layer, channels, side
        channels = layer.units or channels


def flops(workload):
    """Multiplications and additions of a classic step's products, the first layer's input gradient not among them."""
    products = []
    for layer, inputs, side in traced(workload):
        pointwise, depthwise = side * side * inputs * layer.units, side * side * inputs * 9
        kinds = {kind: [pointwise] for kind in ("dense", "point")}
        kinds |= {"conv": [9 * pointwise], "separable": [depthwise, pointwise]}
        for kind, gates in GATES.items():
            kinds[kind] = [workload.shape[0] * depth * len(gates) * layer.units for depth in (inputs, layer.units)]
        products += kinds.get(layer.kind, [])
    return 2 * workload.batch * (3 * sum(products) - products[0])


def build(torch, workload, rotate):
    """Hidden layers and a linear one."""
    nn = torch.nn

    class AutoRot(nn.Module):
        """z = rho f(x) with rho = L / (|q| + eps) and q = f(x_Q) of one sample; gradients flow through rho, too."""

        def __init__(self, f, x_q, limit, eps=1e-5):
            super().__init__()
            self.f, self.x_q, self.limit, self.eps = f, x_q, limit, eps

        def forward(self, x):
            if isinstance(self.f, nn.Linear):
                q = self.x_q * self.f.weight.sum(1) + self.f.bias
            else:
                q = self.f(torch.full_like(x[:1], self.x_q))
            rho = self.limit / (q.abs() + self.eps)
            return rho * self.f(x)

    class Recurrent(nn.Module):
        """The last output of an LSTM or a GRU."""

        def __init__(self, f):
            super().__init__()
            self.f = f

        def forward(self, x):
            return self.f(x)[0][:, -1]

    class AutoRotRecurrent(Recurrent):
        """The same with z = rho (W x + b) + U h + c and AutoRot's rho, which scales W and b: still one fused product."""

        def __init__(self, f, x_q, limits, eps=1e-5):
            super().__init__(f)
            self.x_q, self.eps = x_q, eps
            self.register_buffer("limit", torch.tensor(limits).repeat_interleave(f.hidden_size))

        def forward(self, x):
            w, u, b, c = self.f.all_weights[0]
            rho = self.limit / ((self.x_q * w.sum(1) + b).abs() + self.eps)
            return self.scaled(x, [rho[:, None] * w, u, rho * b, c])

        # torch.compile would take the steps apart; nn.LSTM and nn.GRU it leaves as they are, too.
        @torch.compiler.disable
        def scaled(self, x, weights):
            """What the layer itself calls in its forward."""
            h = x.new_zeros(1, len(x), self.f.hidden_size)
            if isinstance(self.f, nn.LSTM):
                return torch.lstm(x, [h, h], weights, True, 1, 0.0, self.training, False, True)[0][:, -1]
            return torch.gru(x, h, weights, True, 1, 0.0, self.training, False, True)[0][:, -1]

    def convolution(inputs, units, stride, **settings):
        """3x3, padded like Keras' "same": an even side, at stride 2, only at its end."""
        if stride == 1:
            return [nn.Conv2d(inputs, units, 3, padding=1, **settings)]
        return [nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(inputs, units, 3, stride, **settings)]

    def separable(inputs, units, stride):
        depthwise = convolution(inputs, inputs, stride, groups=inputs, bias=False)
        return nn.Sequential(*depthwise, nn.Conv2d(inputs, units, 1))

    plain = {
        "norm": lambda inputs: nn.BatchNorm2d(inputs, eps=1e-3, momentum=0.01),
        "pool": lambda _: nn.MaxPool2d(2),
        "mean": lambda _: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "flatten": lambda _: nn.Flatten(),
    }
    products = {
        "dense": lambda inputs, units, _: nn.Linear(inputs, units),
        "conv": lambda *sizes: nn.Sequential(*convolution(*sizes)),
        "point": lambda inputs, units, _: nn.Conv2d(inputs, units, 1),
        "separable": separable,
    }
    activation = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh}[workload.activation]
    next_x_q, limit = ROTATION[workload.activation]

    torch.manual_seed(0)
    layers, x_q = [], 2.0
    *hidden, (_, width, _) = traced(workload)
    for (kind, units, stride), inputs, _ in hidden:
        if kind in plain:
            layers.append(plain[kind](inputs))
            continue
        if kind in GATES:
            f = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](inputs, units, batch_first=True)
            limits = [ROTATION[gate][1] for gate in GATES[kind]]
            layers.append(AutoRotRecurrent(f, x_q, limits) if rotate else Recurrent(f))
            x_q = next_x_q
            continue
        f = products[kind](inputs, units, stride)
        layers += [AutoRot(f, x_q, limit) if rotate else f, activation()]
        x_q = next_x_q
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


def trainer(torch, net, batches, mode):
    """A function that trains for some steps and returns the last loss, without waiting for it."""
    mode = mode.removesuffix(LAST)
    if mode.startswith("one"):
        return single(torch, torch.compile(net) if mode == "one-compile" else net, batches[0][0][:1])
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


def single(torch, net, row):
    """A function that predicts one row a number of times and returns its first output."""
    net.eval()

    def run(times):
        with torch.inference_mode():
            for _ in range(times):
                outputs = net(row).cpu()
        return outputs[0, 0]

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
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    cuda = device.type == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None

    shape = (BATCHES, workload.batch, *workload.shape)
    xs = (torch.arange(math.prod(shape)) * 7919 % 1009).float().div(1009).reshape(shape)
    # PyTorch's shape of images has channels first, in either layout.
    if len(workload.shape) == 3:
        xs = xs.movedim(-1, 2)
    last = mode.endswith(LAST)
    xs = (xs if last else xs.contiguous()).to(device)
    ys = (torch.arange(BATCHES * workload.batch) * 31 % CLASSES).reshape(BATCHES, workload.batch).to(device)
    batches = list(zip(xs, ys))
    wait()

    begin = time.perf_counter()
    layout = torch.channels_last if last else torch.contiguous_format
    nets = [build(torch, workload, rotate).to(device, memory_format=layout) for rotate in (False, True)]
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
        "workload": workload.name,
        "ms": rotating,
        "classic_ms": classic,
        "ratio": rotating / classic,
        "samples_per_second": 1e3 * (1 if mode.startswith("one") else workload.batch) / rotating,
        "gflops": None if mode.startswith("one") else flops(workload) / rotating / 1e6,
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
    modes = options.modes.split(",") if options.modes else [m for m in MODES if (cuda or "graph" not in m) and "one" not in m]
    if unknown := set(modes) - set(MODES):
        parser.error(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(MODES)}")
    if not cuda and any("graph" in mode for mode in modes):
        parser.error("the mode graph needs CUDA")

    rows, failed = [], False
    print(f"{'workload':32} {'mode':12} {'ms':>10} {'classic ms':>10} {'AR/classic':>10} {'first step s':>13}")
    for index, workload in enumerate(WORKLOADS):
        if options.only not in workload.name:
            continue
        for mode in modes:
            if mode.endswith(LAST) and len(workload.shape) != 3:
                continue
            command = [sys.executable, __file__, "--workload", str(index), "--modes", mode]
            command += ["--steps", str(options.steps), "--block", str(options.block)]
            command += ["--device", options.device] if options.device else []
            command += ["--threads", str(options.threads)] if options.threads else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                print(f"{workload.name}, {mode}: failed ({done.returncode})", file=sys.stderr)
                failed = True
                continue
            row = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{row['workload']:32} {mode:12} {row['ms']:10.3f} {row['classic_ms']:10.3f} {row['ratio']:10.3f}"
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

"""State dictionaries of PyTorch under the paths of this crate's layers, with what PyTorch computes: `torch.json`, for
`tests/suite/layouts.rs`. Made with torch 2.15.0 on a CPU: python generate_torch.py"""

import json
import os

import torch
from torch import nn

torch.manual_seed(1)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


class Last(nn.Module):
    """The output of the last time step of a recurrent layer, or of all."""

    def __init__(self, layer, sequences=False):
        super().__init__()
        self.layer, self.sequences = layer, sequences

    def forward(self, x):
        y = self.layer(x)[0]
        if self.sequences:
            return y
        if not self.layer.bidirectional:
            return y[:, -1]
        half = y.shape[-1] // 2
        return torch.cat([y[:, -1, :half], y[:, 0, half:]], -1)


class EachStep(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        steps = self.layer(x.flatten(0, 1))
        return steps.unflatten(0, x.shape[:2])


# Paths and modules in order; those without a path have no numbers.
CASES = {
    "images": ([5, 4, 3], [
        ("0.conv2d", nn.Conv2d(3, 4, 3, padding=1)), (None, nn.Tanh()),
        ("1.batch_norm", nn.BatchNorm2d(4, eps=1e-3)),
        ("2.depthwise_conv2d", nn.Conv2d(4, 8, 2, groups=4)),
        ("3.separable_conv2d.depthwise", nn.Conv2d(8, 8, 2, groups=8, bias=False)),
        ("3.separable_conv2d.pointwise", nn.Conv2d(8, 5, 1)),
        ("4.conv2d_transpose", nn.ConvTranspose2d(5, 3, 2, stride=2)),
        (None, nn.Flatten()),
        ("6.batch_norm", nn.BatchNorm1d(72, eps=1e-3)),
        ("7.dense", nn.Linear(72, 3)), (None, nn.Sigmoid()),
    ]),
    "groups": ([4, 3, 4, 2], [
        ("0.conv3d", nn.Conv3d(2, 4, 2, groups=2)),
        ("1.conv3d_transpose", nn.ConvTranspose3d(4, 2, (2, 1, 2), bias=False)),
        (None, nn.Flatten()),
        ("3.dense", nn.Linear(64, 2)),
    ]),
    "lines": ([8, 3], [
        ("0.conv1d", nn.Conv1d(3, 4, 3)), (None, nn.ReLU()),
        (None, nn.MaxPool1d(2)),
        (None, nn.Flatten()),
        ("3.dense", nn.Linear(12, 2, bias=False)),
    ]),
    "sequences": ([5, 3], [
        ("0.bidirectional", Last(nn.LSTM(3, 4, batch_first=True, bidirectional=True), True)),
        ("1.gru", Last(nn.GRU(8, 5, batch_first=True), True)),
        ("2.simple_rnn", Last(nn.RNN(5, 4, batch_first=True), True)),
        ("3.bidirectional", Last(nn.GRU(4, 2, batch_first=True, bidirectional=True))),
        ("4.dense", nn.Linear(4, 2)),
    ]),
    "flattened": ([5, 3], [
        ("0.lstm", Last(nn.LSTM(3, 4, batch_first=True, bias=False), True)),
        (None, nn.Flatten()),
        ("2.dense", nn.Linear(20, 2)),
    ]),
    "film": ([3, 4, 5, 2], [
        ("0.time_distributed.0.conv2d", EachStep(nn.Conv2d(2, 3, 3))),
        (None, nn.Flatten(2)),
        ("2.lstm", Last(nn.LSTM(18, 3, batch_first=True))),
    ]),
}


def number(value):
    return float(f"{value:.9g}")


def flat(tensor):
    return [number(v) for v in tensor.flatten().tolist()]


def main():
    told = {}
    for name, (shape, layers) in CASES.items():
        net = nn.Sequential(*(module for _, module in layers)).eval()
        state = {}
        for path, module in layers:
            for key, value in module.state_dict().items():
                if "running_mean" in key:
                    value.uniform_(-0.5, 0.5)
                elif "running_var" in key:
                    value.uniform_(0.3, 1.5)
                elif value.ndim == 1 and value.is_floating_point():
                    value.uniform_(-0.5, 0.5)
                if value.is_floating_point():
                    state[f"{path}.{key.removeprefix('layer.')}"] = {"shape": list(value.shape), "values": flat(value)}
        x = torch.rand(2, *shape) * 2 - 1
        # Channels first where there are images or grids, or a convolution over time.
        turned = x
        if name == "film":
            turned = x.permute(0, 1, 4, 2, 3)
        elif name not in ("sequences", "flattened"):
            turned = x.movedim(-1, 1)
        with torch.no_grad():
            y = net(turned)
        told[name] = {"x": flat(x), "y": flat(y), "state": state}
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "torch.json"), "w") as file:
        file.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in told.items()) + "\n}\n")


main()

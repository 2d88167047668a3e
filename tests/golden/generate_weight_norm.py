"""Layers with PyTorch's weight normalisation: state dictionaries, outputs and gradients, `weight_norm.json`, for
`tests/suite/weight_norm.rs`. Made with torch 2.15.0 on a CPU: python generate_weight_norm.py"""

import json
import os

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

torch.manual_seed(2)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)


class Last(nn.Module):
    """The last step's output of a recurrent layer whose weights of the inputs are normalised. PyTorch's recurrent layers keep
    their own list of weights, which parametrisations do not reach: the layer is called with its weights replaced."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        v = layer.weight_ih_l0.detach()
        self.v, self.g = nn.Parameter(v.clone()), nn.Parameter(v.norm(dim=1, keepdim=True))

    def forward(self, x):
        w = torch._weight_norm(self.v, self.g, 0)
        return torch.func.functional_call(self.layer, {"weight_ih_l0": w}, x)[0][:, -1]

    def named(self):
        own = {f"parametrizations.weight_ih_l0.original{i}": p for i, p in enumerate([self.g, self.v])}
        rest = {k: p for k, p in self.layer.named_parameters() if k != "weight_ih_l0"}
        return own | rest


class Separable(nn.Sequential):
    def __init__(self, channels, filters, window):
        super().__init__()
        self.add_module("depthwise", nn.Conv2d(channels, channels, window, groups=channels, bias=False))
        self.add_module("pointwise", weight_norm(nn.Conv2d(channels, filters, 1)))


# Path, input (channels last), module, activation.
CASES = {
    "dense": ("0.dense", [5], weight_norm(nn.Linear(5, 4)), torch.tanh),
    "conv1d": ("0.conv1d", [7, 3], weight_norm(nn.Conv1d(3, 5, 3, stride=2)), torch.tanh),
    "conv2d": ("0.conv2d", [5, 4, 2], weight_norm(nn.Conv2d(2, 4, 3, padding=1, groups=2)), torch.sigmoid),
    "transposed": ("0.conv2d_transpose", [3, 2, 3], weight_norm(nn.ConvTranspose2d(3, 4, 2, stride=2), dim=1), torch.tanh),
    "depthwise": ("0.depthwise_conv2d", [4, 5, 3], weight_norm(nn.Conv2d(3, 6, 2, groups=3)), torch.sigmoid),
    "separable": ("0.separable_conv2d", [5, 4, 3], Separable(3, 4, 2), torch.tanh),
    "simple_rnn": ("0.simple_rnn", [4, 3], Last(nn.RNN(3, 4, batch_first=True)), None),
    "lstm": ("0.lstm", [4, 3], Last(nn.LSTM(3, 4, batch_first=True)), None),
    "gru": ("0.gru", [4, 3], Last(nn.GRU(3, 4, batch_first=True)), None),
}

ROWS = 3


def flat(tensor):
    return [float(f"{v:.9g}") for v in tensor.detach().flatten().tolist()]


def main():
    told = {}
    for name, (path, shape, module, activation) in CASES.items():
        parameters = module.named() if isinstance(module, Last) else dict(module.named_parameters())
        with torch.no_grad():
            for key, value in parameters.items():
                if key.endswith("original0"):
                    # Away from the norms, at which it starts.
                    value.mul_(torch.rand_like(value) + 0.5)
        x = (torch.rand(ROWS, *shape) * 2 - 1).requires_grad_()
        spatial = not isinstance(module, Last) and len(shape) > 1
        y = module(x.movedim(-1, 1) if spatial else x)
        y = activation(y) if activation else y
        y = y.movedim(1, -1) if spatial else y
        g = torch.rand_like(y) * 2 - 1
        (y * g).sum().backward()
        tensors = {
            f"{path}.{key}": {"shape": list(p.shape), "values": flat(p), "gradient": flat(p.grad)}
            for key, p in parameters.items()
        }
        told[name] = {"x": flat(x), "y": flat(y), "g": flat(g), "d_x": flat(x.grad), "tensors": tensors}
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "weight_norm.json"), "w") as file:
        file.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in told.items()) + "\n}\n")


main()

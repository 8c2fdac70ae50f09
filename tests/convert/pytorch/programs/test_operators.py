"""Operators of programs give PyTorch's numbers."""

import math

import pytest
import torch
from support.program_networks import Calculated
from support.programs import converted, differences
from torch.nn import functional as F

TOLERANCE = 5e-6
SHAPE = (2, 6, 8, 10)

GROUPS = {
    "arithmetic": lambda x, y: [
        *(x + y, x - y, 2 - x, x * y, x / (y + 2), 1 / (y + 2), -x, x.abs(), x**2, (y + 2) ** 0.5, (y + 2).sqrt()),
        *((y + 2).rsqrt(), (y + 2).log(), (y + 2).log1p(), y.exp(), y.sin(), y.cos(), x.sign(), x.erf(), x.square()),
        *(torch.add(x, y, alpha=3), torch.sub(x, y, alpha=0.5), torch.addcmul(x, x, y, value=2)),
        *(torch.lerp(x, y, 0.3), torch.addcdiv(x, y, y + 2, value=0.5), torch.reciprocal(y + 2)),
    ],
    "rounding": lambda x, y: [
        *((3 * x).floor(), (3 * x).ceil(), (3 * x).round(), (3 * x).trunc()),
        *(
            torch.div(3 * x, 2, rounding_mode="floor"),
            torch.div(3 * x, 2, rounding_mode="trunc"),
            (3 * x) % 2,
            torch.fmod(3 * x, 2),
            x[:, :, torch.fmod(torch.arange(-9, 5), 4)],
        ),
    ],
    "comparisons": lambda x, y: [
        *(torch.where(x > y, x, y), torch.where(x <= 0, x, 2.0), (x >= y).float(), (x != y).to(torch.float32)),
        *(torch.maximum(x, y), torch.minimum(x, y), x.clamp(-0.5, 0.7), x.clamp(min=0.1), x.clamp(max=0.1)),
        *(x.masked_fill(y > 0, 3.0), ((x > 0) & (y > 0)).float(), ((x > 0) | ~(y > 0)).float(), torch.max(x, y)),
    ],
    "broadcast": lambda x, y: [
        *(x + y[:1], x * y[:, :1], x + y.mean((2, 3), keepdim=True), x * y[0], x + y[0, 0], x - y[0, 0, 0]),
        x * torch.arange(10) + torch.linspace(0, 1, 8)[:, None],
    ],
    "activations": lambda x, y: [
        *(F.relu(x), F.relu6(9 * x), F.leaky_relu(x, 0.3), F.elu(x, 0.7), F.selu(x), F.celu(x, 0.5), F.gelu(x)),
        *(F.gelu(x, approximate="tanh"), F.silu(x), F.mish(x), F.hardswish(4 * x), F.hardsigmoid(4 * x)),
        *(F.hardtanh(x, -0.4, 0.3), F.softplus(30 * x), F.softplus(x, 2, 1), F.softsign(x), F.logsigmoid(x)),
        *(F.threshold(x, 0.2, -1), F.hardshrink(x), F.softshrink(x, 0.2), F.glu(x, 1), F.tanhshrink(x)),
        *(x.softmax(1), x.softmax(-1), x.log_softmax(2), x.sigmoid(), x.tanh(), F.prelu(x, torch.tensor([0.2]))),
    ],
    "reductions": lambda x, y: [
        *(x.mean((2, 3)), x.mean(1), x.mean(2), x.mean((1, 3), keepdim=True), x.sum(-1), x.sum((1, 2, 3))),
        *(x.amax(1), x.amin((2, 3), keepdim=True), x.max(1)[0], x.min(3, keepdim=True)[0], x.argmax(1).float()),
        *(x.var((2, 3)), x.var(1, unbiased=False), x.std(-1, keepdim=True), *torch.var_mean(x, 1), x.cumsum(2)),
        *(x.norm(dim=1), x.norm(1, dim=2), torch.linalg.vector_norm(x, math.inf, 1), F.normalize(x, dim=1)),
    ],
    "arrangement": lambda x, y: [
        *(x.permute(0, 2, 3, 1), x.permute(0, 3, 1, 2), x.transpose(1, 3), x.transpose(1, 2), x.mT, x.flatten(1)),
        *(x.flatten(2), x.flatten(1, 2), x.reshape(2, 3, 2, 8, 10), x.view(2, -1, 10), x.view(2, 6, -1), x[:, None]),
        *(x.unsqueeze(-1), x[:, :1].squeeze(1), x[:, :1, :1].squeeze((1, 2)), x.unflatten(1, (2, 3)).movedim(1, 3)),
        *(x[:, 0], x[:, :, 3], x[..., -1], x[:, 1:5:2], x[:, :, 2:-1], x.narrow(1, 2, 3), x.select(2, -1)),
        *(*x.chunk(4, 1), *x.split(4, 2), *x.split([1, 5], 1), *x[:, :2].unbind(1)),
    ],
    "joining": lambda x, y: [
        *(torch.cat([x, y], 1), torch.cat([x, y], -1), torch.stack([x, y], 1), torch.stack([x[:, 0], y[:, 0]], 1)),
        *(
            x.flip(2),
            x.flip([1, 3]),
            x.roll(3, 2),
            x.roll([1, -2], [1, 3]),
            x.repeat(1, 2, 1, 3),
            x[:, :1].repeat(1, 4, 1, 1),
        ),
        *(x[:, :1].expand(-1, 5, -1, -1), y[:, :1].expand_as(x), x[:, [0, 2, 5]], x[:, :, torch.tensor([1, 1])]),
        *(x.index_select(3, torch.tensor([4, 0])), torch.cat([x, torch.zeros(2, 1, 8, 10)], 1)),
        *(torch.full_like(x, 0.5) + y, torch.ones_like(x) * y, torch.zeros_like(x) + y, x + x.new_ones(10)),
    ],
    "windows": lambda x, y: [
        *(F.max_pool2d(x, 3, 2, 1), F.max_pool2d(x, 2, ceil_mode=True), F.max_pool2d(x, 3, 1, 1, 2)),
        *(F.avg_pool2d(x, 3, 2, 1), F.avg_pool2d(x, (2, 3), count_include_pad=False), F.adaptive_avg_pool2d(x, (3, 4))),
        *(F.adaptive_max_pool2d(x, (2, 5)), F.adaptive_avg_pool2d(x, 1), F.adaptive_avg_pool2d(x, (None, 5))),
        *(
            F.pad(x, (1, 2, 3, 4)),
            F.pad(x, (1, 0), value=2.0),
            F.pad(x, (-1, 2, -2, 0)),
            F.pad(x, (2, 1, 3, 1), "reflect"),
        ),
        *(F.pad(x, (2, 1, 3, 1), "replicate"), F.pad(x, (2, 1, 3, 1), "circular"), F.pad(x, (0, 0, 0, 0, 1, 1))),
        *(F.pixel_unshuffle(x, 2), F.channel_shuffle(x, 3), F.pixel_shuffle(x[:, :4], 2)),
    ],
    "resizing": lambda x, y: [
        *(F.interpolate(x, scale_factor=2), F.interpolate(x, scale_factor=(3, 1)), F.interpolate(x, size=(5, 13))),
        *(F.interpolate(x, scale_factor=2, mode="bilinear"), F.interpolate(x, size=(5, 13), mode="bilinear")),
        *(F.interpolate(x, scale_factor=0.5, mode="bilinear"), F.interpolate(x, scale_factor=0.5)),
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
        F.interpolate(x, size=(5, 13), mode="bilinear", align_corners=True),
        F.interpolate(x, scale_factor=2, mode="bicubic"),
        F.interpolate(x, size=(5, 13), mode="bicubic", align_corners=True),
        *(F.interpolate(x, scale_factor=(0.82, 1.23), mode=mode) for mode in ("nearest", "bilinear", "bicubic")),
    ],
    "products": lambda x, y: [
        *(x @ y.transpose(2, 3), torch.matmul(x[:, 0], y[:, 1].mT), torch.bmm(x[:, 0], y[:, 1].transpose(1, 2))),
        *(torch.einsum("bchw,bdhw->bcd", x, y), torch.einsum("B C H W, B C V W -> B C H V", x, y)),
        *(F.scaled_dot_product_attention(x, y, y), F.linear(x, torch.arange(30.0).reshape(3, 10) / 30)),
        torch.baddbmm(x[:, 0, :, :8], x[:, 0], y[:, 1].mT, beta=0.5, alpha=2),
    ],
    "normalizations": lambda x, y: [
        *(F.instance_norm(x), F.group_norm(x, 3), F.group_norm(x, 1), F.layer_norm(x, (10,)), F.layer_norm(x, (8, 10))),
        F.batch_norm(x, torch.arange(6.0) / 6, torch.arange(6.0) / 3 + 0.5),
        F.layer_norm(x, (10,), torch.arange(10.0) / 10, torch.arange(10.0) / 5),
    ],
}


ON_ALL_BACKENDS = ("normalizations", "products", "windows")


@pytest.mark.parametrize(
    "group", [pytest.param(name, marks=[pytest.mark.backends] * (name in ON_ALL_BACKENDS)) for name in GROUPS]
)
def test_numbers_are_those_of_pytorch(group, tmp_path):
    torch.manual_seed(0)
    network = Calculated(GROUPS[group])
    inputs = (torch.randn(SHAPE), torch.rand(SHAPE) - 0.5)
    conversion = converted(network, inputs, tmp_path)
    found = differences(conversion.model, network, inputs)
    assert max(found) <= TOLERANCE, [(number, one) for number, one in enumerate(found) if one > TOLERANCE]


def test_means_of_rows_are_no_biases_of_as_many_channels(tmp_path):
    network = Calculated(
        lambda x, y: [x + y.mean((1, 3), keepdim=True), torch.addcmul(x, y[:, :1, :, :1], y[:, :1, :, :1])]
    )
    inputs = (torch.randn(1, 4, 4, 5), torch.randn(1, 4, 4, 5))
    conversion = converted(network, inputs, tmp_path)
    assert conversion.model.inputs[0].shape[0] is None
    assert max(differences(conversion.model, network, inputs)) <= TOLERANCE


def test_the_norm_of_a_batch_needs_its_size(tmp_path):
    network = Calculated(lambda x, y: [x / y.norm()])
    inputs = (torch.randn(SHAPE), torch.randn(SHAPE))
    conversion = converted(network, inputs, tmp_path)
    assert conversion.model.inputs[0].shape[0] == 2
    assert max(differences(conversion.model, network, inputs)) <= TOLERANCE

"""What is captured of modules of every kind, against PyTorch's own counts."""

import copy
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.backends import mha
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.flop_counter import FlopCounterMode

from emprox.networks import KINDS, capture


class Computes(nn.Module):
    """A module with a function for its forward, and parts."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.function = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class SelfAttention(nn.Module):
    """Attention as people write it by hand."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class MixerBlock(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.tokens, self.channels = nn.Linear(tokens, tokens), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        x = x + self.tokens(self.norm(x).mT).mT
        return x + F.gelu(self.channels(self.norm(x)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.inside = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Conv2d(7, 1, 1)

    def forward(self, x):
        return self.head(torch.cat([self.up(self.inside(self.down(x)).relu()), x], dim=1))


class MessagePassing(nn.Module):
    """A layer of a graph network: the number of nodes is computed from values of the edges."""

    def __init__(self, width):
        super().__init__()
        self.message, self.update = nn.Linear(width, width), nn.GRUCell(width, width)

    def forward(self, nodes, edges):
        n_nodes = int(edges.max()) + 1
        messages = self.message(nodes)[edges[0]]
        received = torch.zeros(n_nodes, nodes.shape[1]).index_add(0, edges[1], messages)
        degree = torch.zeros(n_nodes).scatter_add_(0, edges[1], torch.ones(edges.shape[1]))
        return self.update(received / degree.clamp(min=1)[:, None], nodes)


class Experts(nn.Module):
    """Routing by a product with the weights of the best two experts."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(8, 4)
        self.experts = nn.ModuleList([nn.Linear(8, 8) for _ in range(4)])

    def forward(self, x):
        best, index = self.router(x).topk(2)
        gates = torch.zeros(*x.shape[:-1], 4).scatter(-1, index, best.softmax(-1))
        outputs = torch.stack([expert(x) for expert in self.experts], dim=2)
        return torch.einsum("bne,bned->bnd", gates, outputs)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        y = torch.zeros_like(x)
        y[:, :2] = x[:, 2:]
        y += self.conv(x)
        return F.relu_(y).mul_(2)


class Packed(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0]


class CellsInALoop(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(4, 6)

    def forward(self, x):
        state = None
        for step in x.unbind(1):
            state = self.cell(step, state)
        return state[0]


class Constants(nn.Module):
    """Control flow and sizes that depend on constants and on values of tokens."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.register_buffer("steps", torch.tensor(3))
        self.register_buffer("mask", torch.tensor([True, False, True, True]))
        self.gate = nn.Parameter(torch.tensor([0.2, 0.9]))

    def forward(self, tokens):
        x = self.embedding(tokens)[:, : tokens.tolist()[0][1]]
        for _ in range(self.steps.item()):
            x = x.relu()
        if 4 in tokens[:, [0, 1]] and self.mask.sum() > 2 and tokens.numpy().max() < 50:
            x = x[:, self.mask.nonzero()[:, 0]][:, self.mask[self.mask]]
        return x * torch.tensor([tokens[0, 0], 1]).sum()


TOKENS = torch.tensor([[3, 4, 1, 0]])
EDGES = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]])
FAMILIES = {
    "conv1d": (nn.Conv1d(4, 8, 5, stride=2), (1, 4, 32)),
    "conv2d": (nn.Conv2d(4, 8, (3, 5), padding=1), (2, 4, 16, 16)),
    "conv3d": (nn.Conv3d(2, 4, 3, dilation=2), (1, 2, 8, 8, 8)),
    "transposed": (nn.ConvTranspose2d(4, 6, 4, stride=2, groups=2), (1, 4, 8, 8)),
    "grouped": (nn.Conv2d(8, 16, 3, groups=4), (1, 8, 16, 16)),
    "depthwise": (nn.Conv2d(8, 8, 7, groups=8, padding="same"), (1, 8, 16, 16)),
    "residual": (Residual(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU()), (1, 4, 8, 8)),
    "U-Net": (UNet(), (1, 3, 16, 16)),
    "in place": (InPlace(), (1, 4, 8, 8)),
    "attention by hand": (SelfAttention(16, 4), (1, 9, 16)),
    "attention": (
        Computes(
            lambda self, x: self.attention(x, x, x)[0],
            attention=nn.MultiheadAttention(16, 4, batch_first=True),
        ),
        (1, 9, 16),
    ),
    "attention without weights": (
        Computes(lambda self, x: F.scaled_dot_product_attention(x, x, x, is_causal=True)),
        (1, 4, 9, 16),
    ),
    "encoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 2),
        (1, 9, 16),
    ),
    "decoder": (
        nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32), 2),
        [(5, 1, 16), (9, 1, 16)],
    ),
    "transformer": (nn.Transformer(16, 4, 1, 1, 32, batch_first=True), [(1, 9, 16), (1, 5, 16)]),
    "mixer": (MixerBlock(9, 16), (1, 9, 16)),
    "LSTM": (nn.LSTM(4, 8, num_layers=2, bidirectional=True), (5, 1, 4)),
    "LSTM with a state": (nn.LSTM(4, 8), ((5, 1, 4), ((1, 1, 8), (1, 1, 8)))),
    "GRU": (nn.GRU(4, 8, batch_first=True), (1, 5, 4)),
    "RNN": (nn.RNN(4, 8), (5, 1, 4)),
    "cells": (CellsInALoop(), (1, 5, 4)),
    "packed sequences": (Packed(), [torch.zeros(2, 6, 4), torch.tensor([3, 6])]),
    "sparse matrices": (
        Computes(lambda self, x: torch.sparse.mm(self.edges, x) @ self.weight, weight=None),
        (3, 4),
    ),
    "embedding": (nn.Embedding(50, 8), TOKENS),
    "embedding bag": (nn.EmbeddingBag(50, 8), TOKENS),
    "graph": (MessagePassing(6), [(3, 6), EDGES]),
    "experts": (Experts(), (1, 5, 8)),
    "constants": (Constants(), TOKENS),
    "Fourier": (
        Computes(
            lambda self, x: torch.fft.irfft(torch.fft.rfft(x) * self.filter), filter=nn.ReLU()
        ),
        (1, 4, 16),
    ),
    "sums": (
        Computes(lambda self, x: torch.where(x > 0, x.cumsum(1), x.topk(1).values)),
        (1, 4, 16),
    ),
    "bilinear": (nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)]),
    "half precision": (nn.Sequential(nn.Linear(4, 4), nn.GELU()).half(), (1, 4)),
    "bfloat16": (nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()).bfloat16(), (1, 4, 8, 8)),
    "complex": (
        Computes(lambda self, x: (x.to(torch.complex64) @ self.weight).abs(), weight=None),
        (2, 4),
    ),
}
FAMILIES["Fourier"][0].filter = nn.Parameter(torch.ones(9, dtype=torch.complex64))
FAMILIES["sparse matrices"][0].weight = nn.Parameter(torch.ones(4, 4))
FAMILIES["sparse matrices"][0].edges = torch.eye(3).to_sparse()
FAMILIES["complex"][0].weight = nn.Parameter(torch.ones(4, 4, dtype=torch.complex64))


def real(inputs):
    """Make real tensors of shapes."""
    if isinstance(inputs, torch.Tensor):
        return inputs
    if all(isinstance(each, int) for each in inputs):
        return torch.randn(inputs)
    return type(inputs)(real(each) for each in inputs)


def counted_by_torch(module, args):
    """Run a module on real tensors, and count its multiply-adds."""
    was_fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        with ExitStack() as stack:
            # Otherwise a recurrent network is one operator, which is not counted.
            stack.enter_context(torch.backends.mkldnn.flags(enabled=False))
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            stack.enter_context(torch.no_grad())
            counter = stack.enter_context(FlopCounterMode(display=False))
            output = module(*args)
    finally:
        mha.set_fastpath_enabled(was_fast)
    return counter.get_total_flops() // 2, output


def tensors_of(output):
    if isinstance(output, torch.Tensor):
        return [output]
    return [each for part in output for each in tensors_of(part)]


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # By the flags of mkldnn.
@pytest.mark.parametrize("name", FAMILIES)
def test_numbers_are_those_that_torch_counts_on_real_tensors(name):
    module, inputs = FAMILIES[name]
    network = capture(module, inputs)
    args = real(inputs)
    args = args if isinstance(inputs, (list, tuple)) and not torch.is_tensor(args) else [args]
    dtype = next((each.dtype for each in module.parameters()), torch.float32)
    if dtype in (torch.half, torch.bfloat16):
        args = [each.to(dtype) for each in args]
    multiply_adds, output = counted_by_torch(copy.deepcopy(module).eval(), args)
    assert network.multiply_adds == multiply_adds
    assert network.n_weights == sum(each.numel() for each in module.parameters())
    assert network.output_shapes == tuple(tuple(each.shape) for each in tensors_of(output))
    assert network.input_shapes == tuple(tuple(each.shape) for each in tensors_of(args))
    operations = network.operations
    # The product with the first state of a cell, which is zeros, is no operation on the input.
    assert operations.multiply_adds.sum() == multiply_adds - (name == "cells") * 4 * 6 * 6
    assert set(operations.kind) <= set(KINDS)
    assert operations.n_values.tolist() == [np.prod(shape) for shape in operations.shape]
    assert (np.diff(network.edges) > 0).all()
    # Everything but inputs reads something, everything but outputs is read or comes to nothing.
    assert set(np.flatnonzero(operations.kind != "input")) == set(network.edges[:, 1])
    assert network.peak_activation >= operations.n_values.max()


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"constants"}))
def test_weights_without_values_make_no_difference(name):
    module, inputs = FAMILIES[name]
    without_values = copy.deepcopy(module).to("meta")
    assert capture(without_values, inputs) == capture(module, inputs)
    with torch.device("meta"):
        assert capture(without_values, inputs) == capture(module, inputs)


def test_columns_of_convolutions():
    def columns(module, shape):
        operations = capture(module, shape).operations
        index = operations.kind.tolist().index("convolution")
        names = "n_weights multiply_adds in_channels out_channels kernel stride dilation groups"
        names += " transposed n_values positions"
        return [int(getattr(operations, name)[index]) for name in names.split()]

    assert columns(nn.Conv2d(4, 8, (3, 5), stride=2, dilation=(1, 2)), (1, 4, 19, 19)) == [
        *(4 * 8 * 15 + 8, 4 * 8 * 15 * 9 * 6, 4, 8, 5, 2, 2, 1, 0, 8 * 9 * 6, 9 * 6)
    ]
    assert columns(nn.Conv2d(8, 8, 7, groups=8, bias=False), (1, 8, 16, 16)) == [
        *(8 * 49, 8 * 49 * 100, 8, 8, 7, 1, 1, 8, 0, 800, 100)
    ]
    assert columns(nn.ConvTranspose1d(4, 6, 4, stride=2, groups=2), (1, 4, 8)) == [
        *(4 * 3 * 4 + 6, 4 * 3 * 4 * 8, 4, 6, 4, 2, 1, 2, 1, 6 * 18, 18)
    ]
    assert columns(nn.Conv1d(4, 8, 5), (1, 4, 32))[-2:] == [8 * 28, 28]


def test_columns_of_attention():
    operations = capture(SelfAttention(16, 4), (1, 9, 16)).operations
    of = {kind: np.flatnonzero(operations.kind == kind) for kind in KINDS}
    assert operations.n_weights[of["linear"]].tolist() == [16 * 48 + 48, 16 * 16 + 16]
    assert operations.in_channels[of["linear"]].tolist() == [16, 16]
    assert operations.out_channels[of["linear"]].tolist() == [48, 16]
    assert operations.positions[of["linear"]].tolist() == [9, 9]
    # Four heads, each a product over its four channels and one over nine tokens.
    assert operations.groups[of["matmul"]].tolist() == [4, 4]
    assert operations.in_channels[of["matmul"]].tolist() == [4, 9]
    assert operations.multiply_adds[of["matmul"]].tolist() == [9 * 9 * 16, 9 * 9 * 16]
    assert operations.shape[of["softmax"][0]] == (1, 4, 9, 9)
    assert operations.where[of["linear"]].tolist() == ["qkv", "out"]


def test_a_residual_network_as_a_graph():
    network = capture(Residual(nn.Conv2d(4, 4, 1), nn.ReLU()), (1, 4, 8, 8))
    assert network.operations.name.tolist() == ["input", "convolution", "relu", "add", "output"]
    assert network.edges.tolist() == [[0, 1], [1, 2], [0, 3], [2, 3], [3, 4]]
    # Input, what the convolution gave, and nothing more: the activation could be in place.
    assert network.peak_activation == 3 * 4 * 8 * 8


def test_tokens_flow_through_views_and_in_place_operations():
    network = capture(InPlace(), (1, 4, 8, 8))
    names = network.operations.name.tolist()
    assert names == ["input", "convolution", "add", "relu", "mul", "output"]
    assert network.edges.tolist() == [[0, 1], [0, 2], [1, 2], [2, 3], [3, 4], [4, 5]]


def test_a_recurrent_layer_is_one_operation():
    operations = capture(FAMILIES["LSTM"][0], (5, 1, 4)).operations
    assert operations.kind.tolist() == ["input", "recurrent", "output", "output", "output"][:3]
    assert operations.shape[1] == (5, 1, 16)
    assert operations.positions[1] == 5
    assert (operations.in_channels[1], operations.out_channels[1]) == (4, 16)


def test_packed_sequences_as_inputs():
    sequences = nn.utils.rnn.pack_sequence([torch.zeros(3, 4), torch.zeros(2, 4)])
    network = capture(nn.LSTM(4, 5), [sequences])
    assert network.input_shapes == ((5, 4),)
    assert network.output_shapes[0] == (5, 5)
    assert network.multiply_adds == 5 * 4 * 5 * (4 + 5)


def test_weights_that_are_shared_count_once():
    layer = nn.Linear(8, 8)
    network = capture(nn.Sequential(layer, nn.ReLU(), layer), (1, 8))
    assert network.n_weights == 72
    assert network.operations.n_weights.tolist() == [0, 72, 0, 72, 0]

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(50, 8), nn.Linear(8, 50, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens):
            return self.head(self.embedding(tokens))

    network = capture(Tied(), TOKENS)
    assert network.n_weights == 400
    assert network.operations.n_weights.tolist() == [0, 400, 400, 0]


def test_weights_in_one_piece_of_memory_are_told_apart():
    memory = torch.zeros(20)
    module = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 6, bias=False))
    module[0].weight.data = memory[:8].view(2, 4)
    module[1].weight.data = memory[8:].view(6, 2)
    assert capture(module, (1, 4)).operations.n_weights.tolist() == [0, 8, 12, 0]


def test_what_is_computed_from_weights_counts_where_it_is_used():
    def forward(self, x):
        weight = self.conv.weight
        weight = (weight - weight.mean()) / weight.std()
        return F.conv2d(x, weight * self.gain, self.conv.bias)

    module = Computes(forward, conv=nn.Conv2d(4, 8, 3), gain=nn.Parameter(torch.ones(8, 1, 1, 1)))
    network = capture(module, (1, 4, 8, 8))
    assert network.operations.name.tolist() == ["input", "convolution", "output"]
    assert network.operations.n_weights.tolist() == [0, 8 * 4 * 9 + 8 + 8, 0]


def test_modules_without_weights_and_without_layers():
    network = capture(nn.MaxPool2d(3, 2), (1, 4, 9, 9))
    assert (network.n_weights, network.weight_bytes, network.multiply_adds) == (0, 0, 0)
    assert (network.operations.kernel[1], network.operations.stride[1]) == (3, 2)
    assert capture(nn.Identity(), (1, 4)).operations.name.tolist() == ["input", "output"]


@dataclass
class Outputs:
    logits: torch.Tensor
    hidden: list
    nothing: None = None


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: {"logits": x, "hidden": [x + 1, None]},
        lambda x: (x, [x + 1], None),
        lambda x: Outputs(x, [x + 1]),
        lambda x: [[None, {"a": (x,)}], {"b": x + 1}, "text", 3],
    ],
    ids=["dict", "tuple", "dataclass", "nested"],
)
def test_outputs_in_containers(wrap):
    network = capture(Computes(lambda self, x: wrap(x.relu())), (1, 4))
    assert network.output_shapes == ((1, 4), (1, 4))
    assert network.operations.name.tolist() == ["input", "relu", "add", "output", "output"]


def test_inputs_by_position_by_name_and_nested():
    def forward(self, x, *, other=None, scale=1.0, parts=()):
        return sum(parts, (x + other) * scale)

    module = Computes(forward)
    by_name = {"x": (1, 4), "other": torch.zeros(1, 4), "scale": 2.0}
    assert capture(module, by_name).input_shapes == ((1, 4), (1, 4))
    by_name["parts"] = [(1, 4), np.zeros((1, 4), dtype=np.float32)]
    assert len(capture(module, by_name).input_shapes) == 4
    positional = Computes(lambda self, x, y: x + y)
    assert capture(positional, [(1, 4), (2, 4)]) == capture(positional, ((1, 4), torch.ones(2, 4)))
    assert capture(nn.ReLU(), np.array([1, 3]).tolist()) == capture(nn.ReLU(), torch.Size([1, 3]))
    assert capture(nn.ReLU(), tuple(np.array([1, 3]))) == capture(nn.ReLU(), (1, 3))


def test_inputs_that_modules_name_themselves():
    module = nn.Conv2d(3, 4, 3)
    expected = capture(module, (1, 3, 16, 16))
    module.example_input_array = torch.zeros(1, 3, 16, 16)
    assert capture(module) == expected
    module = nn.Conv2d(3, 4, 3)
    module.pretrained_cfg = {"input_size": (3, 16, 16)}
    assert capture(module) == expected
    module = nn.Conv2d(3, 4, 3)
    module.dummy_inputs = {"input": torch.zeros(1, 3, 16, 16)}
    assert capture(module) == expected


def test_architecture_parameters_choose_among_operations():
    def forward(self, x):
        return self.operations[self.alpha.softmax(0).argmax().item()](x)

    operations = nn.ModuleList([nn.ReLU(), nn.Conv2d(4, 4, 3)])
    alpha = nn.Parameter(torch.tensor([0.1, 0.9]))
    network = capture(Computes(forward, operations=operations, alpha=alpha), (1, 4, 8, 8))
    assert network.operations.name.tolist() == ["input", "convolution", "output"]


def test_networks_of_one_class_differ_by_their_widths():
    narrow, wide = (capture(SelfAttention(width, 4), (1, 9, width)) for width in (16, 32))
    assert narrow.name == wide.name
    assert narrow != wide


def test_hooks_that_change_what_a_layer_gives_are_part_of_the_network():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    module[0].register_forward_hook(lambda module, args, output: output * 2)
    module[1].register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    names = capture(module, (1, 4)).operations.name.tolist()
    assert names == ["input", "addmm", "mul", "add", "relu", "output"]


def test_ten_thousand_layers():
    module = nn.Sequential(*(nn.ReLU() for _ in range(10_000)))
    network = capture(module, (1, 4))
    assert len(network.operations.kind) == 10_002
    assert network.operations.where[-2] == "9999"


@pytest.mark.parametrize(
    "wrap",
    [
        torch.nn.DataParallel,
        torch.compile,
        lambda module: torch.jit.script(module),
        lambda module: torch.jit.trace(module.eval(), torch.zeros(1, 4, 8, 8)).train(),
        torch.fx.symbolic_trace,
    ],
    ids=["DataParallel", "compile", "script", "trace", "fx"],
)
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_wrapped_modules_compute_the_same(wrap):
    module = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout())
    assert capture(wrap(module), (1, 4, 8, 8)) == capture(module, (1, 4, 8, 8))


@pytest.mark.parametrize("wrap", ["weight_norm", "spectral_norm", "old weight_norm", "pruned"])
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_parametrized_layers(wrap):
    layer = nn.Conv2d(4, 4, 3)
    if wrap == "pruned":
        prune.l1_unstructured(layer, "weight", amount=0.5)
    elif wrap == "old weight_norm":
        nn.utils.weight_norm(layer)
    else:
        getattr(nn.utils.parametrizations, wrap)(layer)
    network = capture(nn.Sequential(layer, nn.ReLU()), (1, 4, 8, 8))
    assert network.operations.name.tolist() == ["input", "convolution", "relu", "output"]
    assert network.n_weights == sum(each.numel() for each in layer.parameters())
    assert network.operations.n_weights[1] == network.n_weights
    assert network.multiply_adds == 4 * 4 * 9 * 36

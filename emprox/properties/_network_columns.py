"""Groups of columns of networks: functions of facts that return numbers by their names.

The names of a group's columns are the same for all networks. What there is none of is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._network_facts import NetworkFacts, log2, log10, mean, median, share, weighted_mean
from ._network_paths import path_columns
from ._network_signals import signal_columns

Row = dict[str, float]

_ACTIVATIONS = {
    "ReLU": ("relu",),
    "ReLU6": ("relu6", "hardtanh", "clamp"),
    "GELU": ("gelu",),
    "SiLU": ("silu", "mish"),
    "hard swish": ("hardswish",),
    "leaky ReLU": ("leaky_relu", "_prelu_kernel"),
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid", "hardsigmoid"),
}
_NORMALIZATIONS = {
    "layer": ("native_layer_norm",),
    "group": ("native_group_norm",),
    "root mean square": ("rsqrt", "_fused_rms_norm", "rms_norm"),
    "length": ("linalg_vector_norm",),
}
_MAXIMUM_POOLING = (
    "max_pool1d_with_indices",
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "adaptive_max_pool2d",
)
_ADJACENT = {
    "normalization": "normalizations",
    "activation": "activations",
    "add": "sums",
    "multiply": "products",
    "concatenation": "concatenations",
}
_N_STAGES = 6
_N_QUARTERS = 4


def size(facts: NetworkFacts) -> Row:
    """Weights, work, activations and memory."""
    weights, work = facts.network.n_weights, facts.work.sum()
    layer_values = facts.values[facts.works]
    head = facts.weights[facts.head].sum()
    moved = facts.weights.sum() + facts.values.sum()
    body = facts.is_body
    return {
        "log10 weights": log10(weights),
        "log10 multiply-adds": log10(work),
        "log10 side of the input": log10(facts.side),
        "log10 values of layers": log10(layer_values.sum()),
        "log10 values of operations": log10(facts.values.sum()),
        "log10 most values of a layer": log10(layer_values.max(initial=1)),
        "log10 values alive at once": log10(facts.network.peak_activation),
        "log10 weights but for the head": log10(weights - head),
        "share of the head in weights": share(head, weights),
        "log10 multiply-adds for each weight": log10(work) - log10(weights),
        "log10 multiply-adds for each value of a layer": log10(work) - log10(layer_values.sum()),
        "log10 multiply-adds for each value read or written": log10(work) - log10(moved),
        "log10 multiply-adds for each position of the input": log10(work)
        - facts.n_dimensions * log10(facts.side),
        "log10 values of a layer": log10(mean(facts.values[body])),
        "log10 weights of a layer": log10(mean(facts.weights[body])),
        "log10 multiply-adds of a layer": log10(mean(facts.work[body])),
        "share of values between layers": share(
            facts.values[~facts.works].sum(), facts.values.sum()
        ),
    }


def depth(facts: NetworkFacts) -> Row:
    """Layers and operations, on paths and in all."""
    n_layers, n_residuals = facts.is_layer.sum(), facts.residuals.sum()
    most, fewest = facts.depths
    kernels = facts.operations.kernel
    wide = facts.is_body & (kernels > 1)
    # A step at this stage is so many of the input's.
    reach = ((kernels[wide] - 1) * 2.0 ** facts.stages[wide]).sum()
    return {
        "log2 layers": log2(n_layers),
        "log2 layers of the body": log2(len(facts.body)),
        "log2 operations": log2(facts.n_operations),
        "log2 most layers on a path": log2(most),
        "log2 fewest layers on a path": log2(fewest),
        "log2 layers for each on the longest path": log2(n_layers) - log2(most),
        "log2 sums of branches": log2(1 + n_residuals),
        "sums of branches for each layer": share(n_residuals, n_layers),
        "log2 layers wider than 1": log2(1 + wide.sum()),
        "log2 layers wider than 1 and attention": log2(1 + wide.sum() + facts.is_attention.sum()),
        "log2 reach of kernels in pixels": log2(1 + reach),
    }


def width(facts: NetworkFacts) -> Row:
    """Channels and kernels: of all layers, of the stem and of the head."""
    operations, body, head = facts.operations, facts.body, facts.head
    written = np.log2(np.maximum(operations.out_channels[body], 1))
    read = np.log2(np.maximum(operations.in_channels[body], 1))
    narrow, widening = np.minimum(written, read), written - read
    change, is_point = abs(widening), operations.kernel[body] == 1
    kernels, work = np.log2(operations.kernel[body]), facts.work[body]
    columns = {
        "log2 channels": mean(written),
        "log2 channels by multiply-adds": weighted_mean(written, work),
        "log2 channels by values": weighted_mean(written, facts.values[body]),
        "log2 most channels": float(written.max(initial=0)),
        "log2 fewer channels of a layer": mean(narrow),
        "log2 fewer channels of a layer by multiply-adds": weighted_mean(narrow, work),
        "log2 change of channels": mean(change),
        "log2 change of channels by multiply-adds": weighted_mean(change, work),
        "log2 change of channels by a usual 1x1 layer": median(change[is_point]),
        "log2 widening by multiply-adds": weighted_mean(np.maximum(widening, 0), work),
        "log2 narrowing by multiply-adds": weighted_mean(np.maximum(-widening, 0), work),
        "log2 most widening behind the first layer": float(widening[1:].max(initial=0)),
        "log2 kernel by multiply-adds": weighted_mean(kernels, work),
        "log2 kernel by values": weighted_mean(kernels, facts.values[body]),
    }
    first = operations.out_channels[body[:1]], operations.kernel[body[:1]]
    stem = body[facts.stages[body] <= 2.2]
    last_written = log2(operations.out_channels[body[-1:]].sum())
    last_read = log2(operations.in_channels[head[-1:]].sum()) or last_written
    return columns | {
        "log2 channels of the first layer": log2(first[0].sum()),
        "log2 kernel of the first layer": log2(first[1].sum()),
        "log2 stride of the first layer": log2(operations.stride[body[:1]].sum()),
        "layers down to a quarter of the side": float(len(stem)),
        "share of them in multiply-adds": share(facts.work[stem].sum(), facts.work.sum()),
        "log2 channels of the last layer of the body": last_written,
        "log2 channels that the last layer reads": last_read,
        "log2 channels that the head adds": last_read - last_written,
        "layers of the head": float(len(head)),
    }


def stages(facts: NetworkFacts) -> Row:
    """Where depth, width, weights and multiply-adds are: stages of halved sides."""
    works, layers, body, number = facts.works, facts.is_layer, facts.body, facts.stages
    work, values = facts.work, facts.values
    center = weighted_mean(number[works], work[works])
    last = number[body[-1:]].sum()
    columns = {
        "stage by multiply-adds": center,
        "stage by weights": weighted_mean(number[layers], facts.weights[layers]),
        "stage by values": weighted_mean(number[works], values[works]),
        "stage by layers": mean(number[body]),
        "spread of stages by multiply-adds": weighted_mean(
            np.square(number[works] - center), work[works]
        )
        ** 0.5,
        "last stage": last,
        "highest stage": float(number[body].max(initial=0)),
        "log2 side of the last stage": log2(facts.side) - last,
        "log2 side by multiply-adds": log2(facts.side) - center,
    }
    for stage in range(1, _N_STAGES + 1):
        here = np.rint(number) == stage
        layers_here = here & facts.is_body
        channels = facts.operations.out_channels[layers_here]
        columns |= {
            f"stage {stage}: log2 layers": log2(1 + layers_here.sum()),
            f"stage {stage}: log2 channels": mean(np.log2(np.maximum(channels, 1))),
            f"stage {stage}: share of multiply-adds": share(work[here].sum(), work.sum()),
            f"stage {stage}: share of weights": share(
                facts.weights[here & layers].sum(), facts.weights.sum()
            ),
        }
    return columns


def downsampling(facts: NetworkFacts) -> Row:
    """How sides become smaller: layers and pooling that step further than 1."""
    operations = facts.operations
    steps = (operations.stride > 1) & ~facts.is_pooled & (facts.is_layer | facts.of_kind("pooling"))
    by_layers = steps & facts.is_layer
    overlap = np.log2(operations.kernel / operations.stride)
    return {
        "log2 layers and pooling with a stride": log2(1 + steps.sum()),
        "log2 largest stride": log2(operations.stride[steps].max(initial=1)),
        "log2 kernel for each stride": mean(overlap[steps]),
        "log2 kernel for each stride of layers": mean(overlap[by_layers]),
        "log2 smallest kernel for a stride": float(overlap[steps].min(initial=0)),
        "share of pooling in them": share((steps & ~facts.is_layer).sum(), steps.sum()),
        "share of depthwise layers in them": share((steps & facts.is_depthwise).sum(), steps.sum()),
    }


def quarters(facts: NetworkFacts) -> Row:
    """Count the same for quarters of the layers in their order."""
    columns: Row = {}
    operations = facts.operations
    for quarter, part in enumerate(np.array_split(facts.body, _N_QUARTERS), 1):
        channels = np.minimum(operations.in_channels[part], operations.out_channels[part])
        columns |= {
            f"quarter {quarter}: share of multiply-adds": share(
                facts.work[part].sum(), facts.work.sum()
            ),
            f"quarter {quarter}: share of weights": share(
                facts.weights[part].sum(), facts.weights.sum()
            ),
            f"quarter {quarter}: log2 channels": mean(np.log2(np.maximum(channels, 1))),
            f"quarter {quarter}: stage": mean(facts.stages[part]),
        }
    return columns


def layers(facts: NetworkFacts) -> Row:
    """Kinds of layers: their shares in multiply-adds, values, weights and number."""
    operations, kernels, body = facts.operations, facts.operations.kernel, facts.is_body
    is_linear = facts.of_kind("linear")
    sets = {
        "1x1 and linear layers": body & (is_linear | (facts.is_dense & (kernels == 1))),
        "linear layers": body & is_linear,
        "dense convolutions 3x3": facts.is_dense & (kernels == 3),
        "dense convolutions 5x5 and wider": facts.is_dense & (kernels >= 5),
        "layers 3x3": facts.is_layer & (kernels == 3),
        "layers 5x5 and wider": facts.is_layer & (kernels >= 5),
        "depthwise convolutions": facts.is_depthwise,
        "grouped convolutions": facts.is_grouped,
        "attention": facts.is_attention,
        "recurrent layers": facts.of_kind("recurrent"),
        "layers of pooled values": facts.is_layer & facts.is_pooled,
    }
    columns: Row = {}
    for name, members in sets.items():
        columns |= {
            f"share of {name} in multiply-adds": share(facts.work[members].sum(), facts.work.sum()),
            f"share of {name} in values": share(
                facts.values[members].sum(), facts.values[facts.works].sum()
            ),
            f"share of {name} in weights": share(facts.weights[members].sum(), facts.weights.sum()),
            f"share of {name} in layers": share(members.sum(), facts.works.sum()),
        }
    depthwise, grouped = facts.is_depthwise, facts.is_grouped
    widths = operations.in_channels[grouped] / operations.groups[grouped]
    return columns | {
        "log2 depthwise kernel by values": weighted_mean(
            np.log2(kernels[depthwise]), facts.values[depthwise]
        ),
        "log2 channels of a group": weighted_mean(np.log2(widths), facts.work[grouped]),
    }


def functions(facts: NetworkFacts) -> Row:
    """Activations, normalisation, gates, and whatever else is computed between layers."""
    values, n_layers = facts.values, max(facts.is_layer.sum(), 1)
    layer_values = values[facts.works].sum()
    is_activation = facts.of_kind("activation") & ~facts.is_pooled
    is_normalization = facts.of_kind("normalization")
    n_activated, n_normalized = values[is_activation].sum(), values[is_normalization].sum()
    columns: Row = {}
    for name, operators in _ACTIVATIONS.items():
        members = is_activation & facts.named(*operators)
        columns[f"share of {name} in activations"] = share(values[members].sum(), n_activated)
    batch = 1.0 if n_normalized else 0.0
    for name, operators in _NORMALIZATIONS.items():
        members = is_normalization & facts.named(*operators)
        columns[f"share of {name} normalization"] = share(values[members].sum(), n_normalized)
        batch -= columns[f"share of {name} normalization"]
    columns["share of batch normalization"] = batch
    smooth = ("GELU", "SiLU", "hard swish")
    columns["share of smooth activations"] = sum(
        columns[f"share of {name} in activations"] for name in smooth
    )
    columns["activated values for each of layers"] = share(n_activated, layer_values)
    columns["normalized values for each of layers"] = share(n_normalized, layer_values)
    sets = {
        "activations": facts.of_kind("activation"),
        "normalizations": is_normalization,
        "gates": facts.gates,
        "learned scalings": facts.scalings,
        "products of branches": facts.of_kind("multiply") & (facts.n_reads > 1) & ~facts.gates,
    }
    others = "softmax pooling resize concatenation reduction other add multiply"
    sets |= {f"operations {kind}": facts.of_kind(kind) for kind in others.split()}
    for name, members in sets.items():
        columns[f"{name} for each layer"] = members.sum() / n_layers
        columns[f"log2 {name}"] = log2(1 + members.sum())
    n_residuals = max(facts.residuals.sum(), 1)
    inside = facts.is_layer & facts.is_pooled
    inside[facts.head] = False
    read = np.maximum(facts.operations.in_channels[inside], 1)
    squeeze = np.log2(np.maximum(read / np.maximum(facts.operations.out_channels[inside], 1), 1))
    return columns | {
        "log2 squeeze of pooled channels": mean(squeeze),
        "log2 most squeeze of pooled channels": float(squeeze.max(initial=0)),
        "gates for each sum of branches": min(facts.gates.sum() / n_residuals, 2.0),
        "learned scalings for each sum of branches": min(facts.scalings.sum() / n_residuals, 2.0),
        "has gates": float(facts.gates.sum() > 1),
        "has learned scalings": float(facts.scalings.sum() > 1),
        "has attention": float(facts.is_attention.sum() > 1),
        "has sums of branches": float(facts.residuals.sum() > 1),
        "has maximum pooling": float(facts.named(*_MAXIMUM_POOLING).any()),
    }


def attention(facts: NetworkFacts) -> Row:
    """Products of two activations: heads, their sizes, and how many tokens they compare."""
    operations, places = facts.operations, np.flatnonzero(facts.is_attention)
    read, written = operations.in_channels[places], operations.out_channels[places]
    queries, keys = facts.positions[places], np.maximum(read, written)
    tokens = (facts.side / 2.0 ** facts.stages[places]) ** facts.n_dimensions
    numbers = {
        "log2 heads": operations.groups[places] * queries / tokens,
        "log2 heads and windows": operations.groups[places],
        "log2 channels of a head": np.minimum(read, written),
        "log2 queries": queries,
        "log2 keys": keys,
    }
    columns = {
        name: weighted_mean(np.log2(np.maximum(each, 1)), facts.work[places])
        for name, each in numbers.items()
    }
    return columns | {
        "log2 tokens for each key": weighted_mean(
            np.log2(np.clip(tokens / keys, 1, 1000)), facts.work[places]
        ),
        "share of attention to all tokens": weighted_mean(keys >= 0.9 * tokens, facts.work[places]),
        "layers of attention": len(places) / 2,
        "stage of attention": weighted_mean(facts.stages[places], facts.work[places]),
        "depth of attention": mean(places / facts.n_operations) if len(places) else 1.0,
    }


def successions(facts: NetworkFacts) -> Row:
    """Count what layers and sums of branches read, and what reads them, as shares."""
    source, target = facts.network.edges.T
    kinds = ("normalization", "activation", "add", "multiply", "concatenation")
    sets = {_ADJACENT[kind]: facts.of_kind(kind) for kind in kinds} | {"layers": facts.is_layer}
    columns: Row = {}
    for name, members in {"layers": facts.is_body, "sums of branches": facts.residuals}.items():
        reads, is_read = members[target], members[source]
        for other, mask in sets.items():
            columns |= {
                f"share of {other} in what {name} read": share(
                    (reads & mask[source]).sum(), reads.sum()
                ),
                f"share of {other} in what reads {name}": share(
                    (is_read & mask[target]).sum(), is_read.sum()
                ),
            }
    return columns


GROUPS: dict[str, Callable[[NetworkFacts], Row]] = {
    "size": size,
    "depth": depth,
    "width": width,
    "stages": stages,
    "downsampling": downsampling,
    "quarters": quarters,
    "layers": layers,
    "functions": functions,
    "attention": attention,
    "successions": successions,
    "paths": lambda facts: path_columns(facts.signals),
    "signals": lambda facts: signal_columns(facts.signals),
}

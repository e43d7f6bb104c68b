"""Architectures from PyTorch modules, traced with torch.fx."""

from __future__ import annotations

import operator
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from torch import fx, nn

from ..spaces import Architecture, ArchitectureError

# What a layer's label holds, in this order: attributes that are written as they are, then others
# with the letter before their value and the value that goes without saying.
_WIDTHS = (
    *("in_channels", "out_channels", "in_features", "out_features", "num_features"),
    *("num_channels", "num_embeddings", "embedding_dim", "normalized_shape"),
    *("input_size", "hidden_size", "embed_dim"),
)
_MAIN_ATTRIBUTES: dict[str, tuple[str, int | None]] = {
    **dict.fromkeys(_WIDTHS, ("", None)),
    "num_heads": ("h", None),
    "num_layers": ("l", 1),
    "kernel_size": ("", None),
    "output_size": ("", None),
    "stride": ("s", 1),
    "dilation": ("d", 1),
    "groups": ("g", 1),
    "num_groups": ("g", None),
}
_IN_PLACE_OPERATORS = {
    getattr(operator, name) for name in ("iadd", "isub", "imul", "itruediv", "imatmul", "setitem")
}
_SIZE_METHODS = {"size", "dim", "numel", "ndimension", "nelement", "__len__"}
_SIZE_ATTRIBUTES = {"shape", "ndim", "dtype", "device"}


def from_torch(
    module: nn.Module,
    *,
    detail: Literal["type", "main", "full"] = "main",
    leaf: Collection[str | type[nn.Module]] = (),
    concrete_args: Mapping[str, Any] | None = None,
    space: str | None = None,
) -> Architecture:
    """Trace a PyTorch module into an architecture.

    The module is traced symbolically with `torch.fx`: nothing is computed and no example input is
    needed. Every layer and every function that is called becomes a node, labelled with what it is:
    layers by their class ("Conv2d"), functions, methods and operators by their name ("add",
    "cat"), whatever way they were called. The network's inputs and output are the nodes "input"
    and "output", tensors of the module itself are "parameter" or "constant".

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is traced in evaluation mode and left as it was.
    detail : {"type", "main", "full"}, default="main"
        What labels hold. "type" is the bare name. "main" adds the main parameters of layers:
        widths, kernel, stride, dilation and groups, as in "Conv2d(16, 32, 3x3, s2)". "full" adds
        all that PyTorch prints of a layer, and the arguments of functions that are not tensors.
    leaf : collection of str or type, default=()
        Submodules to keep as single nodes instead of looking into them: their names, such as
        "blocks.0", or their classes. The layers of `torch.nn` always are.
    concrete_args : mapping of str to object, default=None
        Values of arguments of ``module.forward`` that decide what it does, such as flags; they
        are no inputs then.
    space : str, default=None
        Name of the search space.

    Returns
    -------
    Architecture
        The graph of what the output is computed from.

    Raises
    ------
    TypeError
        If it is not a module.
    ArchitectureError
        If it cannot be traced, usually since what it does depends on the values or the shape of
        its input; the message says which submodule and what can be done.
    ValueError
        If `detail` is none of the three, or `leaf` names a submodule that does not exist.

    See Also
    --------
    emprox.spaces.DAGSpace : The space of such architectures.

    Notes
    -----
    Left out are calls that the output does not depend on, `torch.nn.Identity`, and the arithmetic
    with shapes that a module does to reshape its tensors. An operation in place counts as computing
    the tensor that is used from there on. What the graph does not show: the order of an operation's
    inputs, whether the same tensor enters twice, and whether two layers share their weights.

    References
    ----------
    James Reed, Zachary DeVito, Horace He, Ansley Ussery and Jason Ansel. torch.fx: Practical
    Program Capture and Transformation for Deep Learning in Python. MLSys 2022.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox import from_torch
    >>> class Residual(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv = nn.Conv2d(8, 8, 3, padding=1)
    ...     def forward(self, x):
    ...         return (x + self.conv(x)).relu()
    >>> residual = from_torch(Residual())
    >>> residual.operations
    ('input', 'Conv2d(8, 8, 3x3)', 'add', 'relu', 'output')
    >>> residual.edges
    ((0, 1), (0, 2), (1, 2), (2, 3), (3, 4))
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {module!r}")
    if detail not in ("type", "main", "full"):
        raise ValueError(f"detail has to be 'type', 'main' or 'full', got {detail!r}")
    graph = _trace(module, leaf, concrete_args)
    modules = dict(module.named_modules(remove_duplicate=False))

    # The node that now holds the tensor that a traced node made; None if it holds no tensor.
    holder: dict[fx.Node, fx.Node | None] = {}
    predecessors: dict[fx.Node, list[fx.Node]] = {}
    for node in graph.nodes:
        called = modules[node.target] if node.op == "call_module" else None
        sources = node.all_input_nodes
        if isinstance(called, nn.Identity):
            holder[node] = holder[sources[0]]
        elif _is_about_shapes(node, holder):
            holder[node] = None
        else:
            holder[node] = node
            held = (holder[source] for source in sources)
            predecessors[node] = list(dict.fromkeys(each for each in held if each is not None))
            if sources and _is_in_place(node, called):
                # Who asks for the changed tensor later, by any name, gets it as it is now.
                changed = holder[sources[0]]
                holder |= {other: node for other, now in holder.items() if now is changed}

    live = _live(predecessors)
    numbers = {node: number for number, node in enumerate(live)}
    labels = [_label(node, module, modules, detail) for node in live]
    edges = [(numbers[source], numbers[node]) for node in live for source in predecessors[node]]
    return Architecture(tuple(labels), tuple(edges), space)


class _Tracer(fx.Tracer):
    """Traces into all modules but those of torch.nn and the leaves; knows where it is."""

    def __init__(self, leaf: Collection[str | type[nn.Module]]) -> None:
        super().__init__()
        self._leaf_names = {each for each in leaf if isinstance(each, str)}
        self._leaf_types = tuple(each for each in leaf if isinstance(each, type))
        self.failed_in: str | None = None

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            module_qualified_name in self._leaf_names
            or isinstance(m, self._leaf_types)
            or super().is_leaf_module(m, module_qualified_name)
        )

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            # The innermost module comes first.
            self.failed_in = self.failed_in or self.path_of_module(m)
            raise


def _trace(
    module: nn.Module,
    leaf: Collection[str | type[nn.Module]],
    concrete_args: Mapping[str, Any] | None,
) -> fx.Graph:
    if isinstance(leaf, (str, type)):
        raise ValueError(f"leaf has to be several names or classes, got {leaf!r}: put it in a list")
    names = {name for name, _ in module.named_modules(remove_duplicate=False)}
    if unknown := sorted({each for each in leaf if isinstance(each, str)} - names):
        raise ValueError(f"leaf names {unknown}, but the module has only {sorted(names - {''})}")
    tracer = _Tracer(leaf)
    modes = {each: each.training for each in module.modules()}
    try:
        # What is described is the network in use.
        module.eval()
        return tracer.trace(module, None if concrete_args is None else dict(concrete_args))
    # Anything can go wrong where a module computes with a tensor that has no values.
    except Exception as error:
        name = tracer.failed_in
        kind = type(module.get_submodule(name or "")).__name__
        where = f" in its submodule {name!r} ({kind})" if name else ""
        raise ArchitectureError(
            f"{type(module).__name__} cannot be traced{where}, which happens where what is"
            f" computed depends on the values or the shape of the input: {error};"
            f" leaf=[{repr(name) if name else '…'}] keeps a submodule as a single node, and"
            " concrete_args={…} fixes arguments of forward such as flags"
        ) from error
    finally:
        for each, mode in modes.items():
            each.training = mode


def _live(predecessors: Mapping[fx.Node, list[fx.Node]]) -> list[fx.Node]:
    """Return the nodes that the output is computed from, in the order of the computation."""
    live = {node for node in predecessors if node.op == "output"}
    for node in reversed(list(predecessors)):
        if node in live:
            live.update(predecessors[node])
    return [node for node in predecessors if node in live]


def _is_about_shapes(node: fx.Node, holder: Mapping[fx.Node, fx.Node | None]) -> bool:
    """Say whether a call asks for the shape of a tensor or computes with shapes alone."""
    if node.op == "call_method":
        return node.target in _SIZE_METHODS
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in _SIZE_ATTRIBUTES
    sources = node.all_input_nodes
    plain = getattr(node.target, "__module__", None) in ("_operator", "builtins", "math")
    return plain and bool(sources) and not any(holder[source] for source in sources)


def _is_in_place(node: fx.Node, called: nn.Module | None) -> bool:
    """Say whether a call overwrites its first argument."""
    if called is not None:
        return getattr(called, "inplace", False) is True
    name = _target_name(node)
    is_named_so = name.endswith("_") and not name.endswith("__")
    return is_named_so or node.target in _IN_PLACE_OPERATORS or node.kwargs.get("inplace") is True


def _target_name(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _label(node: fx.Node, module: nn.Module, modules: Mapping[str, nn.Module], detail: str) -> str:
    if node.op in ("placeholder", "output"):
        return "output" if node.op == "output" else "input"
    if node.op == "get_attr":
        parameters = dict(module.named_parameters(remove_duplicate=False))
        return "parameter" if node.target in parameters else "constant"
    if node.op == "call_module":
        called = modules[str(node.target)]
        name = type(called).__name__
        if detail == "type":
            return name
        texts = _main_texts(called) if detail == "main" else [called.extra_repr()]
        text = ", ".join(filter(None, texts))
    else:
        name = _function_name(node)
        text = _argument_text(node) if detail == "full" else ""
    return f"{name}({text})" if text else name


def _main_texts(module: nn.Module) -> list[str]:
    """Write the main parameters of a layer, such as ["16", "32", "3x3", "s2"]."""
    n_dimensions = re.search(r"([123])d$", type(module).__name__)
    texts = []
    for attribute, (letter, usual) in _MAIN_ATTRIBUTES.items():
        value = getattr(module, attribute, None)
        sizes = list(value) if isinstance(value, (tuple, list)) else [value]
        if not all(isinstance(size, int) for size in sizes) or set(sizes) == {usual}:
            continue
        if letter and len(set(sizes)) == 1:
            sizes = sizes[:1]
        elif attribute in ("kernel_size", "output_size") and n_dimensions and len(sizes) == 1:
            sizes *= int(n_dimensions[1])
        texts.append(letter + "x".join(map(str, sizes)))
    if any(module.children()) and not hasattr(module, "embed_dim"):
        # A layer made of layers, whose widths would take too long to write.
        texts.append(f"{sum(weight.numel() for weight in module.parameters())} weights")
    return texts


def _function_name(node: fx.Node) -> str:
    """Name a function, method or operator, the same for all ways to call it."""
    if node.target is getattr:
        return str(node.args[1])
    name = _target_name(node)
    if node.target in _IN_PLACE_OPERATORS:
        name = name.removeprefix("i")
    name = name.strip("_")
    return {"truediv": "div", "concat": "cat", "concatenate": "cat"}.get(name, name)


def _argument_text(node: fx.Node) -> str:
    """Write the arguments that are not tensors."""
    arguments = [] if node.target is getattr else [("", value) for value in node.args]
    arguments += [(f"{name}=", value) for name, value in node.kwargs.items()]
    return ", ".join(name + _value_text(value) for name, value in arguments if not _is_node(value))


def _is_node(value: Any) -> bool:
    """Say whether an argument is a tensor or a list of tensors."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_node, value))
    return isinstance(value, fx.Node)


def _value_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_value_text, value))})"
    return "…" if isinstance(value, fx.Node) else str(value)

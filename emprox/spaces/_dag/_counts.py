"""How many directed acyclic graphs there are."""

from __future__ import annotations

from math import comb


def n_connected_graphs(n_nodes: int, max_links: int | None = None) -> list[int]:
    """Count connected graphs whose edges lead from lower to higher nodes.

    Parameters
    ----------
    n_nodes : int
        Largest number of nodes.
    max_links : int, default=None
        Largest number of links: edges, and nodes without predecessor other than the first. None
        counts graphs with any number.

    Returns
    -------
    list of int of length n_nodes
        The numbers of graphs with 1, 2 and so on nodes.

    Notes
    -----
    Graphs are counted by their links with polynomials in x, a graph with m links counting as x^m.
    Node j, with j nodes before it, has d > 0 predecessors in (j choose d) ways, so that all graphs
    of n nodes together are the product of (1 + x)^j - 1 + x over j = 1 … n - 1. Taking away those
    in which the first node is connected with k < n nodes leaves the connected ones. A polynomial
    is kept as its value at a power of two that is larger than every coefficient: one whole number,
    which Python multiplies quickly.

    Examples
    --------
    >>> from emprox.spaces._dag._counts import n_connected_graphs
    >>> n_connected_graphs(4)
    [1, 1, 4, 38]
    >>> n_connected_graphs(4, max_links=3)
    [1, 1, 4, 6]
    """
    bits = n_nodes * (n_nodes - 1) // 2 + 1
    # With x = 1 all links count alike, and nothing has to be cut off.
    x, modulus = (1, 1 << bits) if max_links is None else (1 << bits, 1 << bits * (max_links + 1))
    total = [1, 1]
    for node in range(1, n_nodes):
        total.append(total[-1] * (pow(1 + x, node, modulus) - 1 + x) % modulus)
    connected = [0]
    for n in range(1, n_nodes + 1):
        split = sum(comb(n - 1, k - 1) * connected[k] * total[n - k] for k in range(1, n))
        connected.append((total[n] - x * split) % modulus)
    digit = (1 << bits) - 1
    length = 1 if max_links is None else max_links + 1
    return [sum(number >> bits * m & digit for m in range(length)) for number in connected[1:]]

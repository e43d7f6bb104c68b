"""A model of ImageNet accuracies, learned from the bundled networks."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from .._regressor import EmProxRegressor
from ._imagenet_networks import load_imagenet_networks


def load_imagenet_regressor() -> EmProxRegressor:
    """Load a regressor that predicts the ImageNet accuracy of any network for images.

    What it predicts is the top-1 accuracy on ImageNet-1k, in percent, of a network that is trained
    from scratch on ImageNet-1k alone, as well as those who published the known networks did it. It
    is fitted to the 421 networks of :func:`load_imagenet_networks` when it is first asked for,
    which takes a few seconds; nothing but their data is stored.

    Its intervals and `novelty` are those for networks of families that are not known: see
    `EmProxRegressor.calibrate`. Networks that you have trained yourself can be added with
    `EmProxRegressor.partial_fit`; they only change the copy that you got.

    Returns
    -------
    EmProxRegressor
        The fitted regressor, which takes modules with an example of their input, such as timm's,
        and captured networks. Those that `similar` and `kneighbors` find are rows of
        :func:`load_imagenet_networks`.

    See Also
    --------
    load_imagenet_networks : The known networks.
    emprox.networks.capture : Makes a network of a module.

    Notes
    -----
    With whole families left out, an eighth of them at a time, the mean error is 1.0 percentage
    points, the rank correlation (Kendall) with the true accuracies .80, and 91.5 % of these lie in
    the intervals with a coverage of 90 %. Of the networks that `is_novel` flags, one in fifteen,
    the mean error is 3.1 points, of the others .9.

    Examples
    --------
    >>> from torch import nn
    >>> from emprox.datasets import load_imagenet_networks, load_imagenet_regressor
    >>> from emprox.networks import capture
    >>> module = nn.Sequential(
    ...     *(nn.Conv2d(3, 64, 7, stride=4), nn.ReLU(), nn.Conv2d(64, 256, 3, stride=4), nn.ReLU()),
    ...     *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 1000)),
    ... )
    >>> network = capture(module, (1, 3, 224, 224))
    >>> model = load_imagenet_regressor()
    >>> model.predict([network]).shape
    (1,)
    >>> bool(model.is_novel([network])[0])
    True
    >>> _, nearest = model.similar([network], n_neighbors=3)
    >>> load_imagenet_networks().model[nearest[0]].shape
    (3,)
    """
    return deepcopy(_fit())


@cache
def _fit() -> EmProxRegressor:
    data: Any = load_imagenet_networks()
    model = EmProxRegressor("network", weights="kriging", random_state=0)
    return model.fit(data.data, data.target).calibrate(data.family)

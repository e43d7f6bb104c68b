"""Predict the accuracy of neural architectures from their neighbours in a learned embedding.

Everything is imported on first use, so that ``import emprox`` costs nothing: in particular it
imports neither torch nor pandas nor matplotlib.
"""

__version__ = "0.1.0"

"""Networks that are written in PyTorch, captured by running them without values."""

from ._capture import capture
from ._errors import CaptureError
from ._kinds import KINDS
from ._network import Network, Operations

__all__ = ["KINDS", "CaptureError", "Network", "Operations", "capture"]

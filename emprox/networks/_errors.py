"""What is raised where a module cannot be captured."""


class CaptureError(ValueError):
    """A module cannot be run without values on the given input; the message says where and why."""

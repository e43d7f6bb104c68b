"""The networks that benchmarks trained, as modules of PyTorch: a file for each benchmark."""

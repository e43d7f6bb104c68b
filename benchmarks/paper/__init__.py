"""The experiments of the paper again: ``python -m benchmarks.paper table1``.

Franken, Singh and Vanschoren. Faster Performance Estimation for NAS with Embedding Proximity
Score. 2022.
"""

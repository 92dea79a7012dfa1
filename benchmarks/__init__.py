"""Benchmarks: figures of the product beside those of its peers, measured in one run."""

"""Benchmarks of the package: its speed, memory and accuracy, measured in one run."""

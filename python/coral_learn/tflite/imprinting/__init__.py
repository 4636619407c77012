"""Imprinting models: making one from any model, and reading and writing their classes."""

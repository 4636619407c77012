"""Heads: the layers that are trained on embeddings."""

"""Extraction: photos in, embeddings out."""

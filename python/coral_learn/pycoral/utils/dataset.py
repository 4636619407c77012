"""Utilities to process data."""

from ...labels import read_label_file

__all__ = ["read_label_file"]

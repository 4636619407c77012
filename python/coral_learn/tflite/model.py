"""TEMPORARY."""

from .tree import unpack as unpack

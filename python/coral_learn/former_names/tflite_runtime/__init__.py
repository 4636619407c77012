"""LiteRT under its former name, for scripts that import ``tflite_runtime``."""

__version__ = "2.14.0"
"""The last version under this name, whose functions these are."""

__git_version__ = "v2.14.0"

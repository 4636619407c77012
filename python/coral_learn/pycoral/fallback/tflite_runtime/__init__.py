"""LiteRT under the name it had before, for scripts that import ``tflite_runtime``."""

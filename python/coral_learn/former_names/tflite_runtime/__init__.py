"""LiteRT under its former name, for scripts that import ``tflite_runtime``."""

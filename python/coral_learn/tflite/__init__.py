"""Reading and changing ``.tflite`` files. Nothing in this package runs a model."""

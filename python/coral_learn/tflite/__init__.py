"""Surgery on ``.tflite`` files: bytes in, bytes out; nothing here runs a model."""

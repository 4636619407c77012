"""The converter that makes the built-in extractor, EfficientNet-Lite0, from its published weights.

The build of the package runs ``python -m builtin_extractor OUTPUT.tflite``; docs/extractor.md says
how the conversion works and how it is checked. It needs NumPy and flatbuffers, and the part of
coral_learn that encodes metadata, but no runtime of TensorFlow Lite: some processors have none.
"""

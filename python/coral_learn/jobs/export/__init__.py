"""Exporting a classifier to where it is used: Frigate, MediaPipe, a Python script, a C array."""

"""The compiled module of pycoral."""

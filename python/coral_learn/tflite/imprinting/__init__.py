"""Imprinting models: made of any model, taken apart, put together."""

"""Training with gradients."""

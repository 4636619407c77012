"""Training the last layer of a classifier with gradients."""

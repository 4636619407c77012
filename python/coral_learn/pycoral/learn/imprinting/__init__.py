"""Few-shot learning by weight imprinting."""

"""Weight imprinting."""

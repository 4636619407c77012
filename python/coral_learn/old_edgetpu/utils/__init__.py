"""Label files and images."""

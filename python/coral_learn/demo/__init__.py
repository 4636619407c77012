"""The demo: a complete retraining on drawn photos, with only what the package contains."""

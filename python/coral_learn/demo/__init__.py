"""The whole job on drawn photos, with only what the package contains."""

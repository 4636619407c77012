"""The whole job on drawn photos, with what the package ships."""

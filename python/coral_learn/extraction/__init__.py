"""Running image models on photos, with a cache: embedding extraction and class scores."""

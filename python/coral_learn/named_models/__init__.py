"""Models that can be named: the built-in extractor, and Coral's, which are downloaded once."""

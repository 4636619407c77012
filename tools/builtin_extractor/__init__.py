"""Making the built-in embedding extractor when the package is built."""

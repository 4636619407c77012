"""Photos to Parquet: ``coral-learn embed``."""

"""Photos as embeddings in a folder of Parquet files, which ``coral-learn embed`` writes."""

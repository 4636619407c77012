"""Learning over time: a folder that keeps embeddings, head and history."""

"""Learning over time: a folder that keeps embeddings, a head and the history of its changes."""

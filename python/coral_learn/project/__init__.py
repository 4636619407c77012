"""Projects: folders that keep embeddings, a head and the history of its changes."""

"""The jobs of a user: retraining, classification, evaluation and the report."""

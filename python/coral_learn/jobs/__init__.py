"""What a user asks for, whole: retraining, classification, the report."""

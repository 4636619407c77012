"""The softmax head of a classifier: appended to an extractor, and read back."""

"""Edge TPUs, interpreters and label files."""

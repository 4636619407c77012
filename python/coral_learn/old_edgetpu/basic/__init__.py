"""Running any model, and the Edge TPUs that do it."""

"""What several test files share: models built in memory, and Edge TPUs that are not there."""

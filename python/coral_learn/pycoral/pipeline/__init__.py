"""Running a model that was cut into segments."""

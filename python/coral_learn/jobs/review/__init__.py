"""The review of photos: what is doubtful about them, and what to do about it."""

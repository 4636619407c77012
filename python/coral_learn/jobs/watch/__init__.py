"""Watching a folder or a camera: each new picture is classified, and drift is told."""

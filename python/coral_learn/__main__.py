"""Runs the command line as ``python -m coral_learn``, where ``coral-learn`` is not on the path."""

from .cli import main

main()

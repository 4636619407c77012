"""Attacks on the package by machine, which anyone can run again: ``python -m reliability.NAME``.

Each module with a ``main`` is one attack. It takes ``--quick`` (some seconds, for every change) and
``--seed``, prints one line of figures at the end, and exits with 1 if it found anything. What the
long runs found, and how it was mended, is in docs/reliability.md; the findings themselves live on
as tests. Run it from the top of the repository, where the tests' model builder is found.
"""

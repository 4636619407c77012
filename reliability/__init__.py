"""Automated attacks on the package, which anyone can repeat: ``python -m reliability.NAME``.

Each module with a ``main`` is one attack. It takes ``--quick`` (some seconds, for every change) and
``--seed``, prints one line of figures at the end, and exits with 1 if it found anything. The
results of the long runs and the fixes are in docs/reliability.md, and each finding has become a
test. Run the attacks from the top of the repository, because they import the model builder of the
tests.
"""

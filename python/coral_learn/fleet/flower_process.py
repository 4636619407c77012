"""A process of Flower: ``python -m coral_learn.fleet.flower_process KIND PARENT ...``.

``KIND`` is ``link`` for a SuperLink, ``node`` for a SuperNode with short waits, or ``flwr`` for the
command of that name. The process ends when the process ``PARENT`` does. What follows are the
arguments of Flower's own command.
"""

import sys

from .quick_flower import shorten_waits_of_node


def main() -> None:
    """Runs the process until it is stopped."""
    kind, parent, *arguments = sys.argv[1:]
    sys.argv = [kind, *arguments]
    if kind == "node":
        shorten_waits_of_node()
    from flwr.supercore.app_utils import start_parent_process_monitor

    start_parent_process_monitor(int(parent))
    if kind == "node":
        from flwr.supernode.cli import flower_supernode

        flower_supernode()
    elif kind == "link":
        from flwr.superlink.cli import flower_superlink

        flower_superlink()
    else:
        from flwr.cli.app import app

        app()


if __name__ == "__main__":
    main()

"""An extension of Griffe: roles in docstrings become links.

Docstrings say ``:meth:`extract``` and ``:class:`coral_learn.Project```, which ``help()`` shows as
they are. On the site, such a name is code, and a link to its entry if the reference has one.
"""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(attr|class|func|meth):`~?([\w.]+)`")


class DocstringRoles(griffe.Extension):
    """Replaces the roles in every docstring of the package."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Replaces the roles in the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = _ROLE.sub(lambda role: _link(role, obj), obj.docstring.value)


def _link(role: re.Match[str], obj: griffe.Object) -> str:
    kind, name = role.groups()
    if name.startswith("coral_learn."):
        target, shown = name, name.rpartition(".")[2]
    else:
        target, shown = f"{_scope(obj, name).path}.{name}", name
    called = "()" if kind in ("func", "meth") else ""
    return f'<autoref optional identifier="{target}"><code>{shown}{called}</code></autoref>'


def _scope(obj: griffe.Object, name: str) -> griffe.Object:
    """Returns the innermost class or module around an object that has a name."""
    scope = obj
    while not (scope.is_class or scope.is_module) or name.partition(".")[0] not in scope.members:
        if scope.parent is None:
            return obj
        scope = scope.parent
    return scope

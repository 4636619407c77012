"""An extension of Griffe: roles in docstrings become links.

Docstrings say ``:meth:`extract``` and ``:class:`coral_learn.Project```, which ``help()`` shows as
they are. On the site, such a name is code, and a link to its entry if the reference has one.
"""

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(attr|class|func|meth):`~?([\w.]+)`")

_PUBLIC = ("coral_learn.distributed", "coral_learn.edgetpu")


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
        target, shown = f"{_home(obj, name.partition('.')[0])}.{name}", name
    called = "()" if kind in ("func", "meth") else ""
    return f'<autoref optional identifier="{target}"><code>{shown}{called}</code></autoref>'


def _home(obj: griffe.Object, name: str) -> str:
    """Returns the path of the innermost class or module around an object that has a name.

    If none has, it may be a public name of another module.
    """
    scope: griffe.Object | None = obj
    while scope is not None:
        if (scope.is_class or scope.is_module) and name in scope.members:
            return str(scope.path)
        scope = scope.parent
    for public in _PUBLIC:
        if name in obj.modules_collection[public].members:
            return public
    return str(obj.path)

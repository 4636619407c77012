"""Tables for notebooks: what ``_repr_html_`` of the public classes returns."""

from collections.abc import Iterable, Sequence
from itertools import islice

_MAX_ROWS = 50
# Notebooks have styles of their own for tables, dark ones too, so there are none here.
_TABLE = """
<div>
<p><strong>{{ title }}</strong>{% if text %}<br>{{ text }}{% endif %}</p>
<table>
{% if columns %}<thead><tr>{% for name in columns %}<th>{{ name }}</th>{% endfor %}</tr></thead>
{% endif %}
<tbody>
{% for row in rows %}
<tr><th>{{ row[0] }}</th>{% for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table>
{% if more %}<p>and {{ more }} more</p>{% endif %}
</div>
"""


def table(
    title: str,
    rows: Iterable[Sequence[object]],
    *,
    columns: Sequence[str] = (),
    text: str = "",
) -> str:
    """Returns a table as HTML, with everything in it escaped.

    Args:
        title: What the object is.
        rows: The cells of each row, the first of them its name; only the first 50 rows are shown.
        columns: The name of each column; none for rows that explain themselves.
        text: A sentence about the whole.
    """
    from jinja2 import Environment, StrictUndefined  # only notebooks ask for HTML

    remaining = iter(rows)
    shown = list(islice(remaining, _MAX_ROWS))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    html = environment.from_string(_TABLE).render(
        title=title, text=text, columns=columns, rows=shown, more=sum(1 for _ in remaining)
    )
    # Names of files may not be valid text.
    return html.strip().encode(errors="backslashreplace").decode()

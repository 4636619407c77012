"""Label files in the formats of other tools, and in any encoding of text."""

import ast
import codecs
import json
import re

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_ENCODINGS = (  # those whose marks begin with the marks of others come first
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES_KEYS = ("names", "labels", "classes", "class_names", "id2label", "class_indices", "label2id")
_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_PBTXT_ITEM = re.compile(rf"\bitem\s*:?\s*\{{((?:{_STRING}|[^{{}}\"'])*)\}}")
_PBTXT_FIELD = re.compile(rf"\b(id|name|display_name)\s*:\s*({_STRING}|\d+)")
_YAML_NAMES = re.compile(r"^names[ \t]*:[ \t]*(.*(?:\n(?:[ \t-].*|[ \t]*))*)", re.MULTILINE)
_YAML_ITEM = re.compile(r"(?:-|([0-9]+)[ \t]*:)[ \t]+(.+)")
_TABLE_ROW = re.compile(r"[^,;\t]*[,;\t][ \t]*[0-9]+[ \t]*|[0-9]+[ \t]*[,;].*")


def decode_text(content: bytes) -> str | None:
    """Returns text in UTF-8, UTF-16, UTF-32 or Windows-1252 (Latin-1); None for anything else."""
    for mark, encoding in _ENCODINGS:
        if content.startswith(mark):
            return _decode(content, encoding)
    # Half the bytes of Latin letters in UTF-16 are zero, and text in UTF-8 has no zero bytes.
    if content.count(0) * 4 > len(content):
        odd_zeros = content[1::2].count(0)
        return _decode(content, "utf-16-le" if 2 * odd_zeros > content.count(0) else "utf-16-be")
    text = _decode(content, "utf-8")
    if text is None and not _CONTROL.search(content.decode("latin-1")):
        text = _decode(content, "cp1252") or content.decode("latin-1")
    return text


def find_names(text: str) -> dict[int, str] | None:
    """Returns the class names in JSON or in a Python dictionary, such as Ultralytics' metadata.

    None if the text is neither, or has no names of classes.
    """
    value = _parse_value(text)
    if not isinstance(value, dict | list):
        return None
    try:
        return _names_in(value)
    except ValueError:
        return None


def _decode(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def find_labels(text: str, suffix: str) -> dict[int, str] | None:
    """Returns the labels in a file of another format; None if it is text with a label a line.

    Args:
        text: The contents of the file.
        suffix: The end of its name, such as ``.json``.

    Raises:
        ValueError: It is in another format, but holds no labels.
    """
    start, suffix = text.lstrip(), suffix.lower()
    if suffix == ".pbtxt" or re.match(r"item\s*:?\s*\{", start):
        return _parse_pbtxt(text)
    if suffix in (".yaml", ".yml") or re.search(r"^names[ \t]*:", text, re.MULTILINE):
        return _parse_yaml(text)
    if suffix == ".json" or start.startswith(("{", "[")):
        value = _parse_value(text)
        return None if value is None and suffix != ".json" else _names_in(value)
    if re.match(r"<(!doctype|html|\?xml|svg|annotation)\b", start, re.IGNORECASE):
        raise ValueError("it is a web page or XML, not the text itself")
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [line for line in lines if _TABLE_ROW.fullmatch(line)]
    is_label_map = all(line.startswith(f"{index} ") for index, line in enumerate(lines))
    is_table = len(rows) >= len(lines) - 1 and len(rows) > 1 and not is_label_map
    if is_table or (suffix in (".csv", ".tsv") and _has_columns(lines)):
        raise ValueError("it looks like a table with several columns")
    return None


def _has_columns(lines: list[str]) -> bool:
    return bool(lines) and all(re.search(r"[,;\t]", line) for line in lines)


def _parse_value(text: str) -> object:
    """Returns the value of JSON, or of a Python literal; None if the text is neither."""
    try:
        value: object = json.loads(text.removeprefix("\ufeff"))
        return value
    except (ValueError, RecursionError):
        pass
    try:
        literal: object = ast.literal_eval(text.strip())
        return literal
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _names_in(value: object) -> dict[int, str]:
    """Returns names from a list, from names by index, or from indices by name."""
    if isinstance(value, dict):
        for key in _NAMES_KEYS:
            if isinstance(value.get(key), dict | list):
                return _names_in(value[key])
        if value and all(_is_index(index) for index in value):
            return {int(index): _name(name) for index, name in value.items()}
        if value and all(_is_index(index) for index in value.values()):
            return {int(index): _name(name) for name, index in value.items()}
    if isinstance(value, list) and value:
        if all(isinstance(item, dict) and _is_index(item.get("id")) for item in value):
            return {int(item["id"]): _name(item.get("name")) for item in value}
        return {index: _name(name) for index, name in enumerate(value)}
    raise ValueError("it has no list of names, and no names by index")


def _is_index(value: object) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool) and value >= 0) or (
        isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) is not None
    )


def _name(value: object) -> str:
    if isinstance(value, list | tuple) and value:  # ["n01440764", "tench"], as Keras has them
        value = value[-1]
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise ValueError(f"a name in it is {value!r}")
    return " ".join(str(value).split())


def _parse_pbtxt(text: str) -> dict[int, str]:
    labels = {}
    for item in _PBTXT_ITEM.finditer(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)):
        fields = dict(_PBTXT_FIELD.findall(item[1]))
        name = fields.get("display_name") or fields.get("name")
        if name is None or not fields.get("id", "").isdecimal():
            raise ValueError("an item in it has no id or no name")
        labels[int(fields["id"])] = _name(_unquoted(name))
    if not labels:
        raise ValueError("it has no items, as a .pbtxt label map has")
    return labels


def _parse_yaml(text: str) -> dict[int, str]:
    """Returns what follows ``names:``, written on one line or an item a line."""
    found = _YAML_NAMES.search(text.replace("\r\n", "\n"))
    if found is None:
        raise ValueError("it has no names:, as the data.yaml of Ultralytics has")
    block = found[1].strip()
    if block.startswith(("[", "{")):
        inner = block[1 : max(block.rfind("]"), block.rfind("}"))]
        items = [item.strip() for item in re.findall(rf"(?:{_STRING}|[^,\"'])+", inner)]
        lines = [item if block[0] == "{" else f"- {item}" for item in items if item]
    else:
        lines = [line.strip() for line in block.split("\n")]
    labels: dict[int, str] = {}
    for line in lines:
        if not line or line.startswith("#"):
            continue
        match = _YAML_ITEM.fullmatch(line)
        if match is None:
            raise ValueError(f"its names have the line {line[:40]!r}")
        index = len(labels) if match[1] is None else int(match[1])
        name = match[2].strip()
        if name[0] not in "\"'":
            name = re.sub(r"\s+#.*", "", name)
        labels[index] = _name(_unquoted(name))
    return labels


def _unquoted(text: str) -> str:
    if text[:1] not in ("'", '"'):
        return text
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text.strip("\"'")

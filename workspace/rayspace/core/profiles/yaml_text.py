"""Read a YAML mapping that people wrote, with the line of each key.

Stricter than YAML where YAML surprises: a key is what was typed (``no`` is no truth value), a
duplicate key is an error, dates are refused since JSON has none, and so are aliases, which make a
small file grow without bounds. JSON is read too, being YAML. Source: https://yaml.org/spec/1.1/
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import yaml

    from rayspace.errors import SpecError

_TAG = "tag:yaml.org,2002:"
_SCALARS = {f"{_TAG}{name}" for name in ("null", "bool", "int", "float", "str")}


@dataclass(frozen=True)
class YamlValue:
    """A value, with its place in the file.

    Parameters
    ----------
    value
        The value: JSON's types.
    line
        The line on which it begins, from 1; of an entry that of its key. [1]
    text
        A scalar as it was typed; empty for others.
    entries
        Of a mapping its entries.
    """

    value: Any
    line: int
    text: str = ""
    entries: dict[str, YamlValue] = field(default_factory=dict)


def read_yaml_mapping(text: str, *, name: str, error: type[SpecError]) -> YamlValue:
    """Read a YAML document that is a mapping.

    Parameters
    ----------
    text
        The document; an empty one is an empty mapping.
    name
        What to call it in messages: its path.
    error
        The class of error to raise.

    Returns
    -------
    YamlValue
        The mapping.

    Raises
    ------
    SpecError
        Of the class ``error``, if it is not YAML, no mapping, or holds what JSON does not know.
    """
    reader = _Reader(name, error)
    found = _document(text, reader)
    if found is None:
        return YamlValue({}, 1)
    if not isinstance(found.value, dict):
        reader.fail(found.line, "a mapping of names to values is expected")
    return found


def read_yaml_value(text: str, *, name: str, error: type[SpecError]) -> Any:
    """Read one YAML value of a command line.

    Parameters
    ----------
    text
        The value. A date is text here, where quotes would have to get past a shell first.
    name
        What to call it in messages.
    error
        The class of error to raise.

    Returns
    -------
    Any
        The value, of JSON's types; None for an empty text.

    Raises
    ------
    SpecError
        Of the class ``error``, if it is not YAML, or holds what JSON does not know.
    """
    found = _document(text, _Reader(name, error, takes_dates=True))
    return None if found is None else found.value


def _document(text: str, reader: _Reader) -> YamlValue | None:
    """Read a document; None for one without a word."""
    # 20 ms, which a magic that reads no file need not pay.
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return None if node is None else reader.value(node, loader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        reader.fail(mark.line + 1 if mark else 1, fault.problem or "it is not YAML")
    except yaml.YAMLError as fault:
        reader.fail(1, f"it is not YAML ({' '.join(str(fault).split())})")
    except RecursionError:
        reader.fail(1, "it is nested too deep")
    except (ValueError, OverflowError) as fault:
        # A character that there is not, written as its number.
        reader.fail(1, f"it is not YAML ({fault})")


class _Reader:
    """Turns the nodes of one document into values."""

    def __init__(self, name: str, error: type[SpecError], *, takes_dates: bool = False) -> None:
        self.name = name
        self.error = error
        self.takes_dates = takes_dates
        self.seen: set[int] = set()

    def fail(self, line: int, fact: str, hint: str = "") -> NoReturn:
        raise self.error(
            f"{self.name}, line {line}: {fact}.", hint=hint, details={"line": line}
        ) from None

    def value(self, node: yaml.Node, loader: yaml.SafeLoader) -> YamlValue:
        line = node.start_mark.line + 1
        # An alias is the node itself again.
        if id(node) in self.seen:
            self.fail(line, "aliases ('*name') are not allowed", "Write the value out.")
        self.seen.add(id(node))
        if isinstance(node.value, str):
            return self.scalar(node, loader, line)
        if node.tag == f"{_TAG}seq":
            return YamlValue([self.value(item, loader).value for item in node.value], line)
        if node.tag != f"{_TAG}map":
            self.fail(line, f"the tag {node.tag!r} is not allowed")
        entries: dict[str, YamlValue] = {}
        for key, item in node.value:
            key_line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                self.fail(key_line, "a key must be a word")
            if key.value in entries:
                self.fail(key_line, f"the key {key.value!r} is there twice")
            entries[key.value] = replace(self.value(item, loader), line=key_line)
        plain = {key: entry.value for key, entry in entries.items()}
        return YamlValue(plain, line, entries=entries)

    def scalar(self, node: yaml.Node, loader: yaml.SafeLoader, line: int) -> YamlValue:
        if node.tag == f"{_TAG}timestamp" and self.takes_dates:
            return YamlValue(node.value, line, text=node.value)
        if node.tag == f"{_TAG}timestamp":
            hint = f"Write it as text, in quotes: {node.value!r}"
            self.fail(line, f"{node.value} is a date, which JSON does not know", hint)
        if node.tag not in _SCALARS:
            self.fail(line, f"the tag {node.tag!r} is not allowed")
        try:
            value = loader.construct_object(node)
        except ValueError:
            self.fail(line, f"{node.value!r} can't be read")
        return YamlValue(value, line, text=node.value)

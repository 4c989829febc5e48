"""Parameters are read from code, and values fit them or are refused."""

from __future__ import annotations

import contextlib
import math
import pathlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.notebooks.parameter_types import parse_type
from rayspace.core.notebooks.parameters import (
    convert_parameters,
    parse_parameters_file,
    read_parameters,
)
from rayspace.errors import ParameterError
from rayspace.model.parameter import Parameter, Text


def types(source: str) -> dict[str, str]:
    return {parameter.name: parameter.type for parameter in read_parameters(source)}


def convert(kind: str, value: object) -> object:
    return convert_parameters([Parameter("p", kind, "0")], {"p": value})["p"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("p = 1", "int"),
        ("p = -1", "int"),
        ("p = 0.5", "float"),
        ("p = -1e-3", "float"),
        ("p = 'x'", "str"),
        ("p = f'{x}'", "str"),
        ("p = 'a' + 'b'", "str"),
        ("p = True", "bool"),
        ("p = not x", "bool"),
        ("p = -True", "int"),
        ("p = None", "any"),
        ("p = []", "list"),
        ("p = (1, 2)", "list"),
        ("p = {}", "dict"),
        ("p = {1, 2}", "any"),
        ("p = f()", "any"),
        ("p = 60 * 60", "int"),
        ("p = 1 / 2", "float"),
        ("p = 2 * 0.5", "float"),
        ("p = 2 ** -1", "float"),
        ("p = x * 2", "any"),
        ("p = b'x'", "any"),
        ("p: int = 1", "int"),
        ("p: float = 1", "float"),
        ("p: 'int' = 1", "int"),
        ("p: int | None = None", "int | None"),
        ("p: None | int = 3", "int | None"),
        ("p: int = None", "int | None"),
        ("p: Optional[str] = None", "str | None"),
        ("p: typing.Optional[str] = None", "str | None"),
        ("p: Union[int, str, None] = 1", "int | str | None"),
        ("p: Literal['a', 'b'] = 'a'", "Literal['a', 'b']"),
        ("p: Literal[1, True, None] = 1", "Literal[1, True, None]"),
        ("p: Literal[X] = 1", "any"),
        ("p: Literal[1.5] = 1.5", "any"),
        ("p: Thing[int] = 1", "any"),
        ("p: list[int] = []", "list[int]"),
        ("p: List[list[float]] = []", "list[list[float]]"),
        ("p: tuple[int, ...] = ()", "list[int]"),
        ("p: tuple[int, str] = ()", "list"),
        ("p: Sequence[str] = ()", "list[str]"),
        ("p: dict[str, float] = {}", "dict[str, float]"),
        ("p: dict = {}", "dict"),
        ("p: Annotated[int, 'x'] = 1", "int"),
        ("p: Final[int] = 1", "int"),
        ("p: Any = 1", "any"),
        ("p: int | Any = 1", "any"),
        ("p: Path = Path('x')", "any"),
        ("p: np.ndarray = None", "any"),
        ("p: list[Thing] = []", "list"),
        ("p: 3 = 1", "any"),
        ("p: 'not python(' = 1", "any"),
        ("p: list[()] = []", "any"),
    ],
)
def test_annotations_and_defaults_give_the_type(line: str, kind: str) -> None:
    """The type is what the annotation says, else what the default is."""
    assert types(line) == {"p": kind}
    # The text of a type reads back as the same type.
    assert str(parse_type(kind)) == kind


def test_names_defaults_and_help_are_read() -> None:
    """The forms that papermill's own inspection gets wrong are read right."""
    source = (
        "import os\n"
        "%matplotlib inline\n"
        "lr: float = 0.1  # learning rate\n"
        's = "a # b"  # text with a sign\n'
        "none = None\n"
        "u, v = 1, 2.5\n"
        "a = b = 'x'\n"
        "_private = 3\n"
        "needed: int  # must be given\n"
        "long = [\n    1,\n    2,\n]  # many\n"
        "x, *rest = f()\n"
        "obj.attribute = 1\n"
        "if True:\n    hidden = 1\n"
    )
    assert read_parameters(source) == (
        Parameter("lr", "float", "0.1", "learning rate"),
        Parameter("s", "str", "'a # b'", "text with a sign"),
        Parameter("none", "any", "None", ""),
        Parameter("u", "int", "1", ""),
        Parameter("v", "float", "2.5", ""),
        Parameter("a", "str", "'x'", ""),
        Parameter("b", "str", "'x'", ""),
        Parameter("needed", "int", "", "must be given"),
        Parameter("long", "list", "[1, 2]", "many"),
        Parameter("x", "any", "...", ""),
        Parameter("rest", "any", "...", ""),
    )


def test_a_later_assignment_changes_the_default_but_not_the_annotation() -> None:
    """What was annotated stays so."""
    (parameter,) = read_parameters("p: float = 1\np = 2")
    assert (parameter.type, parameter.default_repr) == ("float", "2")


def test_an_operator_at_the_beginning_of_a_line_hides_no_comment() -> None:
    """A line that begins with a percent sign may be plain Python."""
    assert read_parameters("p = (7\n% 2)  # odd") == (Parameter("p", "int", "7 % 2", "odd"),)


def test_nested_names_are_read() -> None:
    """An assignment may be nested."""
    assert types("(a, (b, c)) = (1, ('x', True))") == {"a": "int", "b": "str", "c": "bool"}


def test_a_cell_that_does_not_parse_is_an_error_with_line_and_text() -> None:
    """The place of the mistake is named."""
    with pytest.raises(ParameterError) as caught:
        read_parameters("lr = 0.1\nepochs = = 3\n")
    assert caught.value.message == (
        "The cell tagged 'parameters' is not Python: invalid syntax at line 2: 'epochs = = 3'."
    )
    assert caught.value.details == {"line": 2, "text": "epochs = = 3"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "3", 3),
        ("int", " -3 ", -3),
        ("int", "1_000", 1000),
        ("int", "0x10", 16),
        ("float", "1", 1.0),
        ("float", "1e-3", 0.001),
        ("float", "inf", math.inf),
        ("str", "3", "3"),
        ("str", " x ", " x "),
        ("bool", "Yes", True),
        ("bool", "0", False),
        ("list", "[1, 'a']", [1, "a"]),
        ("list", '["a"]', ["a"]),
        ("list", "1,2", [1, 2]),
        ("list[float]", "[1, 2]", [1.0, 2.0]),
        ("dict", '{"a": 1}', {"a": 1}),
        ("dict", "{'a': None}", {"a": None}),
        ("dict[str, float]", '{"a": 1}', {"a": 1.0}),
        ("any", "3", 3),
        ("any", '{"a": [1]}', {"a": [1]}),
        ("any", "True", True),
        ("any", "true", True),
        ("any", "None", None),
        ("any", "[1, 'a']", [1, "a"]),
        ("any", "plain text", "plain text"),
        ("any", "2024_01", "2024_01"),
        ("any", "2024-01-01", "2024-01-01"),
        ("any", "{1, 2}", "{1, 2}"),
        ("any", "{[1]: 2}", "{[1]: 2}"),
        ("any", "[broken", "[broken"),
        ("int | None", "None", None),
        ("int | None", "null", None),
        ("int | None", "3", 3),
        ("str | None", "None", None),
        ("str | None", "3", "3"),
        ("int | float", "3", 3),
        ("int | float", "3.5", 3.5),
        ("bool | int", "1", 1),
        ("bool | int", "true", True),
        ("Literal['a', 'b']", "b", "b"),
        ("Literal[1, 2]", "2", 2),
        ("Literal[True]", "true", True),
        ("Literal['1', 1]", "1", "1"),
    ],
)
def test_text_of_a_command_line_becomes_the_type(kind: str, text: str, value: object) -> None:
    """What a person types is read as what the notebook expects."""
    converted = convert(kind, Text(text))
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int", 3, 3),
        ("int", np.int64(3), 3),
        ("float", 3, 3.0),
        ("float", np.float32(0.5), 0.5),
        ("float", "1e-3", 0.001),
        ("bool", np.bool_(True), True),
        ("str", pathlib.PurePosixPath("a/b"), "a/b"),
        ("list", (1, 2), [1, 2]),
        ("list[float]", [1, 2], [1.0, 2.0]),
        ("dict", {"a": (1, None)}, {"a": [1, None]}),
        ("any", "3", "3"),
        ("any", None, None),
        ("str | None", "None", "None"),
        ("int | None", None, None),
        ("Literal[1, 'a']", 1, 1),
    ],
)
def test_typed_values_are_kept_or_widened(kind: str, value: object, expected: object) -> None:
    """A value of Python or YAML that fits is taken; text stays text where anything goes."""
    converted = convert(kind, value)
    assert converted == expected
    assert type(converted) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", 1.5),
        ("int", 1.0),
        ("int", True),
        ("int", Text("1.5")),
        ("int", Text("ten")),
        ("int", None),
        ("float", True),
        ("float", 10**400),
        ("float", Text("fast")),
        ("bool", 1),
        ("bool", Text("maybe")),
        ("str", 3),
        ("list", Text("a,b")),
        ("list", Text("{}")),
        ("dict", Text("{[1]: 2}")),
        ("Literal[1]", Text("{[]}")),
        ("list", {"a": 1}),
        ("list[int]", ["x"]),
        ("list[int]", [1.5]),
        ("dict", [1]),
        ("dict[str, int]", {"a": "x"}),
        ("dict", {1: 2}),
        ("any", {1, 2}),
        ("any", object()),
        ("any", b"x"),
        ("any", np.array([1, 2])),
        ("Literal['a', 'b']", "c"),
        ("Literal[1]", True),
        ("int | None", Text("x")),
    ],
)
def test_values_that_do_not_fit_are_refused(kind: str, value: object) -> None:
    """Name, value and type are said."""
    with pytest.raises(ParameterError) as caught:
        convert(kind, value)
    assert caught.value.message.startswith("Parameter 'p' is ")
    assert ("JSON" if kind == "any" else kind) in caught.value.message


def test_a_value_that_holds_itself_is_refused() -> None:
    """A loop has no place in JSON."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ParameterError):
        convert("list", loop)


def test_all_problems_are_told_at_once() -> None:
    """One try shows every mistake, and what would have been right."""
    known = read_parameters("lr: float = 0.1\nepochs = 3\nneeded: str")
    with pytest.raises(ParameterError) as caught:
        convert_parameters(known, {"lrr": 1, "epochs": Text("ten")})
    error = caught.value
    assert error.message == (
        "There is no parameter 'lrr' (did you mean 'lr'?); parameter 'epochs' is 'ten', expected"
        " int; parameter 'needed' has no default and needs a value."
    )
    assert error.hint == (
        "The notebook's parameters are: lr: float = 0.1; epochs: int = 3; needed: str."
    )
    assert [(item["name"], item["kind"]) for item in error.details["problems"]] == [
        ("lrr", "unknown"),
        ("epochs", "wrong_type"),
        ("needed", "missing"),
    ]


def test_without_a_tagged_cell_parameters_are_refused_with_the_way_to_tag_one() -> None:
    """papermill would inject at the top, where the notebook overwrites it."""
    assert convert_parameters(None, {}) == {}
    with pytest.raises(ParameterError) as caught:
        convert_parameters(None, {"lr": 1})
    assert "no cell is tagged 'parameters'" in caught.value.message
    assert "property inspector" in caught.value.hint


def test_an_empty_tagged_cell_knows_no_parameter() -> None:
    """A tagged cell without a name is told from no tagged cell."""
    with pytest.raises(ParameterError) as caught:
        convert_parameters((), {"lr": 1})
    assert caught.value.hint == "The cell tagged 'parameters' sets no name."


def test_long_values_are_cut_in_messages() -> None:
    """A message stays readable."""
    with pytest.raises(ParameterError) as caught:
        convert("int", "x" * 10_000)
    assert len(caught.value.message) < 200


@given(st.integers())
def test_any_whole_number_passes_as_text(value: int) -> None:
    """An int typed is the int meant."""
    assert convert("int", Text(value)) == value


@given(st.floats(allow_nan=False))
def test_any_float_passes_as_text(value: float) -> None:
    """A float typed is the float meant, to the last bit."""
    assert convert("float", Text(repr(value))) == value


@given(st.text())
def test_any_text_passes_as_text(value: str) -> None:
    """A string parameter takes every text as it is."""
    assert convert("str", Text(value)) == value


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_any_json_value_passes_where_anything_goes(value: object) -> None:
    """JSON goes through unchanged, typed or as a literal of Python."""
    assert convert("any", value) == value
    # Infinity has no literal.
    if isinstance(value, (list, dict)) and "inf" not in repr(value):
        assert convert("any", Text(repr(value))) == value


@given(st.text(), st.sampled_from(["int", "float", "bool", "list", "dict", "any", "int | None"]))
def test_any_text_is_converted_or_refused(text: str, kind: str) -> None:
    """No text makes the conversion fail in another way."""
    with contextlib.suppress(ParameterError):
        convert(kind, Text(text))


@given(st.text(max_size=60))
def test_any_cell_is_read_or_refused(source: str) -> None:
    """No text of a cell makes reading fail in another way."""
    with contextlib.suppress(ParameterError):
        read = read_parameters(source)
        assert all(not parameter.name.startswith("_") for parameter in read)


def test_a_file_gives_typed_values() -> None:
    """YAML's types are kept; names are as they were typed."""
    text = "lr: 0.1\nepochs: 3\nno: yes\nlayers: [1, 2]\nopts: {a: null}\n"
    assert parse_parameters_file(text, "p.yaml") == {
        "lr": 0.1,
        "epochs": 3,
        "no": True,
        "layers": [1, 2],
        "opts": {"a": None},
    }
    assert parse_parameters_file('{"lr": 0.1}', "p.json") == {"lr": 0.1}
    assert parse_parameters_file("", "p.yaml") == {}


@pytest.mark.parametrize(
    ("text", "name", "fact"),
    [
        ("a: 1\na: 2", "p.yaml", "line 2: the key 'a' is there twice"),
        ("- 1", "p.yaml", "line 1: a mapping of names to values is expected"),
        ("when: 2024-01-01", "p.yaml", "line 1: 2024-01-01 is a date, which JSON does not know"),
        ('{"a": 1, "a": 2}', "p.json", "the key 'a' is there twice"),
        ("[1]", "p.json", "an object of names and values is expected"),
        ('{"a": }', "p.json", "Expecting value at line 1, column 7"),
        ("[" * 100_000, "p.json", "nested too deep"),
    ],
)
def test_files_that_are_no_mapping_of_json_values_are_refused(
    text: str, name: str, fact: str
) -> None:
    """The place and the fact are said."""
    with pytest.raises(ParameterError) as caught:
        parse_parameters_file(text, name)
    assert fact in caught.value.message
    assert name in caught.value.message

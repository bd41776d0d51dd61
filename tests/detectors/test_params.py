"""Parameters from texts and values, and every message about those that cannot be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, dataclass

import pytest

from ad_desktop.detectors import registry
from ad_desktop.detectors.base import Detector
from ad_desktop.detectors.params import ParamInfo, describe_params, make_params, param
from ad_desktop.errors import UserError


@dataclass(frozen=True)
class Params:
    """One parameter of each kind."""

    flag: bool = param(False, "A flag")
    count: int = param(3, "A count", minimum=1, maximum=10)
    share: float = param(0.5, "A share", minimum=0.0, maximum=1.0, advanced=True, label="The share")
    text: str = param("", "A file", path=True)
    kind: str = param("mean", "A choice", choices=("mean", "median"))
    levels: tuple[int, ...] = param((4, 5), "Levels", minimum=1, maximum=9)
    side: int = param(64, "A choice of numbers", choices=(64, 128))


def test_each_field_is_described_for_a_form() -> None:
    described = describe_params(Params)
    assert [info.name for info in described] == ["flag", "count", "share", "text", "kind", "levels", "side"]
    assert [info.kind for info in described] == ["bool", "int", "float", "str", "str", "ints", "int"]
    assert described[2] == ParamInfo("share", "float", 0.5, "A share", "The share", (), 0.0, 1.0, True, False)
    assert described[3] == ParamInfo("text", "str", "", "A file", "Text", (), None, None, False, True)
    assert described[4].choices == ("mean", "median")


def test_nothing_given_makes_the_defaults() -> None:
    made = make_params(Params, {})
    assert made == Params()
    with pytest.raises(FrozenInstanceError):
        made.count = 4


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("flag", "true", True), ("flag", "Yes", True), ("flag", "1", True), ("flag", "on", True),
        ("flag", True, True), ("flag", 0, False),
        ("flag", "FALSE", False), ("flag", "no", False), ("flag", "0", False), ("flag", "off", False),
        ("count", "7", 7), ("count", 7, 7), ("count", 7.0, 7), ("count", " 7 ", 7), ("count", "10", 10),
        ("share", "0.25", 0.25), ("share", "1e-3", 0.001), ("share", 1, 1.0), ("share", 0, 0.0),
        ("text", "/a b/ä.pth", "/a b/ä.pth"), ("text", "", ""),
        ("kind", "median", "median"),
        ("levels", "4-7", (4, 5, 6, 7)), ("levels", "4,5", (4, 5)), ("levels", "9", (9,)), ("levels", "5-5", (5,)),
        ("levels", "1, 3-5 ,9", (1, 3, 4, 5, 9)), ("levels", "7,4", (7, 4)), ("levels", "4-6,5-7", (4, 5, 6, 7)),
        ("levels", [1, 2], (1, 2)), ("levels", (3,), (3,)), ("levels", [2.0], (2,)),
        ("side", "128", 128),
    ],
)  # fmt: skip
def test_texts_and_values_are_read(name: str, value: object, expected: object) -> None:
    found = getattr(make_params(Params, {name: value}), name)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flag", "maybe", "flag=maybe: true or false is needed."),
        ("flag", "", "flag=: true or false is needed."),
        ("flag", 2, "flag=2: true or false is needed."),
        ("count", "x", "count=x: a whole number is needed."),
        ("count", "2.5", "count=2.5: a whole number is needed."),
        ("count", 2.5, "count=2.5: a whole number is needed."),
        ("count", float("nan"), "count=nan: a whole number is needed."),
        ("count", float("inf"), "count=inf: a whole number is needed."),
        ("count", None, "count=None: a whole number is needed."),
        ("count", "0", "count=0: at least 1 is needed."),
        ("count", 11, "count=11: at most 10 is allowed."),
        ("share", "half", "share=half: a number is needed."),
        ("share", "nan", "share=nan: a number is needed."),
        ("share", "inf", "share=inf: a number is needed."),
        ("share", "-0.1", "share=-0.1: at least 0 is needed."),
        ("share", 1.5, "share=1.5: at most 1 is allowed."),
        ("text", None, "text=None: a text is needed."),
        ("kind", "mode", "kind=mode: choose one of mean, median."),
        ("side", "100", "side=100: choose one of 64, 128."),
        ("levels", "", "levels=: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "4,", "levels=4,: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "4-", "levels=4-: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "-4", "levels=-4: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "7-4", "levels=7-4: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "1,7-4", "levels=1,7-4: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "1-999999999999", "levels=1-999999999999: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", [1.5], "levels=[1.5]: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", 4, "levels=4: whole numbers such as 4,5,6,7 or 4-7 are needed."),
        ("levels", "0,4", "levels=0,4: at least 1 is needed."),
        ("levels", "8-12", "levels=8-12: at most 9 is allowed."),
        ("colour", 1, "Unknown parameter 'colour'. Known: flag, count, share, text, kind, levels, side."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_explained(name: str, value: object, message: str) -> None:
    with pytest.raises(UserError) as caught:
        make_params(Params, {name: value})
    assert str(caught.value) == message


def as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("kind", registry.detectors().values(), ids=registry.detectors())
class TestEveryDetector:
    def test_its_parameters_have_help_and_defaults_that_can_be_typed(self, kind: type[Detector]) -> None:
        described = describe_params(kind.Params)
        assert described
        defaults = kind.Params()
        for info in described:
            assert len(info.help) > 10, info.name
            assert info.label[0].isupper(), info.name
            assert info.kind in ("bool", "int", "float", "str", "ints"), info.name
            assert info.default == getattr(defaults, info.name)
        assert make_params(kind.Params, {info.name: as_text(info.default) for info in described}) == defaults

    def test_its_parameters_can_be_read_back_from_json(self, kind: type[Detector]) -> None:
        import json

        defaults = kind.Params()
        assert make_params(kind.Params, json.loads(json.dumps(asdict(defaults)))) == defaults

    def test_it_presents_itself(self, kind: type[Detector]) -> None:
        assert registry.get_detector(kind.name) is kind
        assert kind.name == kind.name.lower().replace(" ", "-")
        assert kind.title
        assert kind.summary.endswith(".")


def test_the_default_detector_comes_first() -> None:
    assert next(iter(registry.detectors())) == registry.DEFAULT


def test_an_unknown_detector_is_told_what_there_is() -> None:
    with pytest.raises(UserError, match=r"Unknown detector 'padim'\. Known: gaussian-ad"):
        registry.get_detector("padim")

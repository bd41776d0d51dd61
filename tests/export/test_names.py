from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ad_desktop.data.samples import Sample
from ad_desktop.export.names import MAX_BYTES, export_names


def names(*paths: str) -> list[str]:
    return export_names([Sample(Path(p)) for p in paths])


def test_a_single_folder_gives_plain_stems() -> None:
    assert names("in/a.png", "in/b.JPG") == ["a", "b"]


def test_folders_below_the_common_one_are_kept() -> None:
    assert names("set/test/good/000.png", "set/test/crack/000.png", "set/test/crack/001.png") == [
        "good/000", "crack/000", "crack/001",
    ]  # fmt: skip
    assert names("set/000.png", "set/crack/000.png") == ["000", "crack/000"]


def test_same_stem_with_another_suffix() -> None:
    assert names("in/a.png", "in/a.jpg", "in/b.png") == ["a_png", "a_jpg", "b"]


def test_names_that_differ_in_case_or_unicode_form_only() -> None:
    assert names("in/A.png", "in/a.png") == ["A_png", "a_png_2"]
    assert names("in/ü.png", f"in/{unicodedata.normalize('NFD', 'ü')}.png") == ["ü_png", "ü_png_2"]


def test_numbers_avoid_names_that_exist() -> None:
    found = names("in/a.png", "in/a.PNG", "in/a_png_2.png", "in/a_PNG_2.png")
    assert len({n.casefold() for n in found}) == 4


def test_pages() -> None:
    found = export_names([Sample(Path("in/s.tif"), 0), Sample(Path("in/s.tif"), 1), Sample(Path("in/t.tif"))])
    assert found == ["s_page1", "s_page2", "t"]


def test_the_same_sample_twice() -> None:
    assert len(set(names("in/a.png", "in/a.png", "in/a.png"))) == 3


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("café 漢字", "café 漢字"),
        ('a<b>:"|?*\\c', "a_b_______c"),
        ("tab\there", "tab_here"),
        ("CON", "_CON"),
        ("lpt1.x", "_lpt1.x"),
        ("console", "console"),
        ("dots..", "dots"),
        ("...", "_"),
        ("bad\udc80byte", "bad_byte"),
        ("=1+1", "=1+1"),
    ],
)
def test_characters(stem: str, expected: str) -> None:
    assert export_names([Sample(Path("in") / f"{stem}.png")]) == [expected]


def test_long_names_are_cut_between_characters_and_stay_unique() -> None:
    found = names(f"in/{'漢' * 80}a.png", f"in/{'漢' * 80}b.png")
    assert len(set(found)) == 2
    assert all(len(n.encode()) <= MAX_BYTES + 10 for n in found)


def test_a_folder_named_like_a_picture_does_not_stand_in_its_way() -> None:
    assert names("in/a.jpg", "in/a.png/b.jpg") == ["a", "a.png_/b"]


def test_dots_in_paths_and_relative_beside_absolute() -> None:
    assert export_names([Sample(Path("in/x/../a.png")), Sample(Path("in/b.png").absolute())]) == ["a", "b"]


def test_none() -> None:
    assert export_names([]) == []


def test_many_of_one_name_do_not_take_for_ever() -> None:
    found = names(*[f"in/{i}/a?.png" for i in range(5)], *["in/0/a?.png"] * 20_000)
    assert len(set(found)) == 20_005


part = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8).filter(lambda p: p not in (".", ".."))


@given(st.lists(st.lists(part, min_size=1, max_size=3), max_size=8))
def test_always_unique_and_safe(paths: list[list[str]]) -> None:
    found = export_names([Sample(Path("root", *parts)) for parts in paths])
    assert len({unicodedata.normalize("NFC", n).casefold() for n in found}) == len(found)
    for name in found:
        assert not PurePosixPath(name).is_absolute()
        for piece in name.split("/"):
            assert piece not in ("", ".", "..")
            assert not set(piece) & set('<>:"\\|?*')
            assert piece == piece.rstrip(". ")
            assert not PureWindowsPath(piece).is_reserved()
            piece.encode()

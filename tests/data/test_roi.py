"""Regions of interest: shapes on pixels, and their JSON form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ad_desktop.data.roi import Purpose, RegionOfInterest, Shape, ShapeKind
from ad_desktop.errors import UserError

PICTURE = Path("/parts/today/a.png")


def rectangle(x0: float, y0: float, x1: float, y1: float, **more: object) -> Shape:
    return Shape(ShapeKind.RECTANGLE, ((x0, y0), (x1, y1)), **more)  # type: ignore[arg-type]


def test_nothing_drawn_examines_everything() -> None:
    assert RegionOfInterest().everything
    assert RegionOfInterest().mask(PICTURE, (10, 20)) is None


def test_a_rectangle_covers_the_pixels_whose_centres_lie_inside() -> None:
    mask = RegionOfInterest((rectangle(0.25, 0.5, 0.75, 1.0),)).mask(PICTURE, (10, 20))
    expected = np.zeros((10, 20), bool)
    expected[5:, 5:15] = True
    assert mask is not None
    np.testing.assert_array_equal(mask, expected)


def test_corners_may_come_in_any_order() -> None:
    one = RegionOfInterest((rectangle(0.2, 0.1, 0.9, 0.6),)).mask(PICTURE, (50, 40))
    other = RegionOfInterest((rectangle(0.9, 0.6, 0.2, 0.1),)).mask(PICTURE, (50, 40))
    np.testing.assert_array_equal(one, other)


def test_ignored_shapes_win_over_examined_ones() -> None:
    region = RegionOfInterest((rectangle(0.4, 0.4, 0.6, 0.6, purpose=Purpose.IGNORE), rectangle(0, 0, 1, 1)))
    mask = region.mask(PICTURE, (10, 10))
    assert mask is not None
    assert not mask[4:6, 4:6].any()
    assert mask.sum() == 100 - 4


def test_a_polygon_has_its_area() -> None:
    triangle = Shape(ShapeKind.POLYGON, ((0, 0), (1, 0), (0, 1)))
    mask = RegionOfInterest((triangle,)).mask(PICTURE, (200, 200))
    assert mask is not None
    assert mask.mean() == pytest.approx(0.5, abs=0.01)
    assert mask[10, 10]
    assert not mask[190, 190]


def test_a_brush_is_a_disc_swept_along_its_path() -> None:
    dot = RegionOfInterest((Shape(ShapeKind.BRUSH, ((0.5, 0.5),), radius=0.2),)).mask(PICTURE, (200, 300))
    assert dot is not None
    assert dot.sum() == pytest.approx(np.pi * 40**2, rel=0.03)
    stroke = RegionOfInterest((Shape(ShapeKind.BRUSH, ((0.25, 0.5), (0.75, 0.5)), radius=0.1),))
    mask = stroke.mask(PICTURE, (200, 300))
    assert mask is not None
    assert mask.sum() == pytest.approx(150 * 40 + np.pi * 20**2, rel=0.04)


def test_the_border_is_in_pixels_and_may_leave_nothing() -> None:
    mask = RegionOfInterest(border=2).mask(PICTURE, (10, 20))
    assert mask is not None
    assert mask.sum() == 6 * 16
    nothing = RegionOfInterest(border=50).mask(PICTURE, (10, 20))
    assert nothing is not None
    assert not nothing.any()


def test_a_folder_limits_a_shape_to_pictures_below_it() -> None:
    region = RegionOfInterest((rectangle(0, 0, 0.5, 1, folder="/parts/today"),))
    assert region.mask(PICTURE, (4, 4)) is not None
    assert region.mask(Path("/parts/today/line 2/b.png"), (4, 4)) is not None
    assert region.mask(Path("/parts/yesterday/a.png"), (4, 4)) is None
    assert region.mask(Path("/parts/today2/a.png"), (4, 4)) is None


def test_json_round_trip() -> None:
    region = RegionOfInterest(
        (
            rectangle(0.1, 0.2, 0.3, 0.4, folder="/parts"),
            Shape(ShapeKind.POLYGON, ((0, 0), (1, 0), (0.5, 1)), Purpose.IGNORE),
            Shape(ShapeKind.BRUSH, ((0.5, 0.5), (0.6, 0.6)), Purpose.IGNORE, 0.05),
        ),
        border=3,
    )
    assert RegionOfInterest.from_json(json.loads(json.dumps(region.to_json()))) == region


@pytest.mark.parametrize(
    "told",
    [
        {"shapes": [{"kind": "circle", "points": [[0, 0], [1, 1]]}]},
        {"shapes": [{"kind": "rectangle", "points": [[0, 0]]}]},
        {"shapes": [{"kind": "polygon", "points": [[0, 0], [1, 1]]}]},
        {"shapes": [{"kind": "brush", "points": [[0, 0]]}]},
        {"shapes": [{"kind": "rectangle", "points": [[0, 0], [float("nan"), 1]]}]},
        {"shapes": [{"points": []}]},
        {"shapes": 3},
        {"border": "wide"},
        {"border": -1},
    ],
)
def test_what_cannot_be_a_region_is_refused(told: dict[str, object]) -> None:
    with pytest.raises(UserError):
        RegionOfInterest.from_json(told)

from __future__ import annotations

import numpy as np
import pytest

from fxrep.visualization.clusters import Cluster
from fxrep.visualization.colors import MISSING, color_by_cluster, color_by_feature, color_by_numbers, color_by_values


def test_groups_by_size_with_the_rest_as_other():
    values = [f"g{n}" for n in range(10) for _ in range(10 - n)]
    colors = color_by_values("genre", [*values, None])
    assert colors.groups == ("g0", "g1", "g2", "g3", "g4", "g5", "g6", "other", MISSING)
    assert (colors.values == 7).sum() == 3 + 2 + 1 and colors.values[-1] == 8
    assert len(set(colors.palette())) == 8 and colors.palette() != colors.palette(dark=True)


def test_eight_groups_keep_their_names():
    assert color_by_values("x", list("abcdefgh")).groups == tuple("abcdefgh")


def test_values_of_every_kind_have_words():
    colors = color_by_values("a", ["x", None, True, ["live", "rock"], "", 1.5])
    words = [colors.text(point) for point in range(6)]
    assert words == ["x", MISSING, "True", "live, rock", MISSING, "1.5"]


def test_many_numbers_run_along_a_ramp():
    colors = color_by_values("tempo", [*(str(n) for n in range(60, 161)), None])
    assert colors.kind == "numbers" and np.isnan(colors.values[-1]) and colors.groups == ()
    assert [tick[0] for tick in colors.ticks] == [62, 110, 158] and colors.ticks[1][1] == "110"
    assert colors.text(0) == "60" and colors.text(101) == MISSING
    few = color_by_values("n", [1, 2])
    assert few.groups == ("1", "2") and few.kind == "groups"


def test_nothing_given_is_no_number():
    assert color_by_numbers("x", np.full(3, np.nan)).ticks == ()
    assert color_by_values("x", [None, None]).groups == (MISSING,)


def test_features_are_shown_in_their_units():
    features = np.full((3, 8), np.nan, dtype=np.float32)
    features[:, 1] = np.log2([500, 1100, 4000])
    colors = color_by_feature("brightness", features)
    assert [text for _, text in colors.ticks] == ["516 Hz", "1.1 kHz", "3.8 kHz"]
    features[:, 4] = [0.1, 0.2, 0.3]
    assert color_by_feature("width", features).ticks[1][1] == "20 %"


def test_points_in_no_cluster_are_grey():
    colors = color_by_cluster(np.array([0, -1, 1]), [Cluster(0, "louder", 1), Cluster(1, "darker", 1)])
    assert colors.groups == ("louder", "darker", "in no cluster") and colors.values.tolist() == [0, 2, 1]
    red, green, blue = (int(colors.palette()[2][n : n + 2], 16) for n in (1, 3, 5))
    assert red == green == blue
    assert color_by_cluster(np.array([0]), [Cluster(0, "louder", 1)]).take(np.array([0])).groups == ("louder",)


@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_told_from_the_paper(dark):
    paper = np.array([22, 24, 27]) if dark else np.array([255, 255, 255])
    colors = color_by_values("x", list("abcdefgh"))
    for colour in colors.palette(dark):
        channels = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
        assert _contrast(np.array(channels), paper) > 3


def _contrast(a: np.ndarray, b: np.ndarray) -> float:
    """WCAG 2.1, relative luminance."""

    def luminance(colour: np.ndarray) -> float:
        linear = np.where(colour / 255 <= 0.03928, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)

from __future__ import annotations

import json
from pathlib import Path

from fxrep.retrieval import Hit, format_hits
from fxrep.retrieval.hits import format_position

HITS = [
    Hit(Path("a.wav"), 0.0, 10.0, 0.98765, 3, {"genre": "rock"}),
    Hit(Path("long name.wav"), 754.96, 10.0, -0.5, 12),
]


def test_columns_are_aligned():
    assert format_hits(HITS).split("\n") == [
        "#    score    start  id  path",
        "1   0.9877   0:00.0   3  a.wav genre=rock",
        "2  -0.5000  12:35.0  12  long name.wav",
    ]


def test_no_hit_is_said():
    assert format_hits([]) == "no song in the index matches the filters"


def test_hits_are_plain_json():
    assert json.loads(json.dumps(HITS[0].to_dict()))["metadata"] == {"genre": "rock"}


def test_positions():
    assert [format_position(seconds) for seconds in (0, 59.94, 59.96, 3600)] == [
        "0:00.0",
        "0:59.9",
        "1:00.0",
        "60:00.0",
    ]

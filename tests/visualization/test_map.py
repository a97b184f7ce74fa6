from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from fxrep.errors import ArgumentError, DataError, OutputError, ReferenceIndexError
from fxrep.retrieval import EmbeddingTable
from fxrep.visualization import Cluster, draw_map
from fxrep.visualization.clips import encode_clip
from fxrep.visualization.drawn_points import draw_table
from fxrep.visualization.page import draw_evenly, fill_template

RATE = 22050


def make_table(folder, count=6, level="song") -> EmbeddingTable:
    """Steady tones of different pitch; vectors on an arc, so that neighbours are known."""
    paths = []
    for n in range(count):
        path = folder / f"tone-{n}.wav"
        tone = 0.02 * np.sin(2 * np.pi * 200 * (n + 1) * np.arange(3 * RATE) / RATE)
        soundfile.write(path, tone, RATE)
        paths.append(str(path))
    angles = np.arange(count) * 0.2
    vectors = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)
    metadata = [{"kind": "low" if n < 3 else "high"} for n in range(count)]
    return EmbeddingTable(
        paths, ["0"] * count, np.zeros(count), np.full(count, 3.0), vectors, level, "model-1", metadata
    )


@pytest.fixture
def table(tmp_path):
    return make_table(tmp_path)


def read_data(page: str) -> dict:
    return json.loads(re.search(r"const MAP = (.*);\n", page)[1])


def test_the_page_holds_points_neighbours_and_sound(tmp_path, table):
    report = draw_map(table, tmp_path / "map.html", color="kind", clip_s=1.0)
    page = (tmp_path / "map.html").read_text()
    data = read_data(page)
    assert report.clips == len(data["clips"]) == len(data["x"]) == 6
    assert report.size_bytes == len(page.encode())
    assert data["colorings"][0]["groups"] == ["high", "low"] and data["colorings"][0]["values"] == [1, 1, 1, 0, 0, 0]
    assert data["near"][0] == [1, 2, 3, 4, 5]
    assert data["similarity"][0][0] == pytest.approx(np.cos(0.2), abs=1e-3)
    assert not re.search(r"<[^>]*\s(src|href)=|https?://|@import|url\(|\{\{", page)


def test_a_clip_is_the_recording_at_a_common_loudness(table):
    address = encode_clip(table.paths[2], 0.0, 3.0, 1.0)
    assert address.startswith("data:audio/mpeg;base64,")
    audio, rate = soundfile.read(io.BytesIO(base64.b64decode(address.split(",")[1])))
    assert audio.shape[1] == 2 and len(audio) / rate == pytest.approx(1.0, abs=0.06)
    spectrum = np.abs(np.fft.rfft(audio[:, 0] * np.hanning(len(audio))))
    assert np.fft.rfftfreq(len(audio), 1 / rate)[spectrum.argmax()] == pytest.approx(600, abs=2)
    # A sine in both channels reads its RMS level plus 3 LU; K-weighting is within 1 dB of flat at 600 Hz.
    rms_db = 20 * np.log10(np.sqrt(np.mean(audio[4410:-4410] ** 2)))
    assert rms_db == pytest.approx(-22.3, abs=1.0)


def test_a_clip_of_a_short_recording_is_all_of_it(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.full(100, 0.1), RATE)
    address = encode_clip(tmp_path / "short.wav", 0.0, 100 / RATE, 4.0)
    assert len(address) > 100


def test_recordings_that_are_gone_stay_on_the_map(tmp_path, table):
    (tmp_path / "tone-1.wav").unlink()
    report = draw_map(table, tmp_path / "map.html", clip_s=0.5)
    assert report.clips == 5 and report.failures == [(table.paths[1], "does not exist: check the path")]
    assert read_data((tmp_path / "map.html").read_text())["clips"].keys() == {"0", "2", "3", "4", "5"}


def test_names_cannot_break_the_page():
    name = '</script><script>alert("{{data}}")</script>'
    page = fill_template(name, {"points": [name]})
    assert page.count("<script>") == 2 and read_data(page)["points"] == [name]
    assert "&lt;/script&gt;" in page


def test_the_same_bytes_each_time(tmp_path, table):
    for suffix in ("html", "png", "parquet"):
        for number in (1, 2):
            draw_map(table, tmp_path / f"{number}.{suffix}", title="Map", clip_s=0.5)
        assert (tmp_path / f"1.{suffix}").read_bytes() == (tmp_path / f"2.{suffix}").read_bytes()


def test_the_picture_shows_every_group_in_its_colour(tmp_path, table):
    from matplotlib.image import imread

    for dark in (False, True):
        report = draw_map(table, tmp_path / "map.png", color="kind", dark=dark)
        pixels = (imread(tmp_path / "map.png")[..., :3] * 255).round().astype(int).reshape(-1, 3)
        for colour in report.points.colors.palette(dark):
            wanted = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
            assert (np.abs(pixels - wanted).max(axis=1) < 4).sum() > 200


def test_no_two_texts_of_a_picture_overlap(tmp_path):
    from fxrep.visualization.static_map import draw_figure

    generator = np.random.default_rng(0)
    centres = generator.uniform(-1, 1, (6, 2))
    cluster = np.repeat(np.arange(6, dtype=np.int32), 20)
    names = ["louder", "brighter, wider", "much longer in decay, more tonal, darker", "quieter", "a $x$ _b_", "denser"]
    points = replace(
        draw_table(make_table(tmp_path, 6), "kind", 0, "none").take(np.repeat(np.arange(6), 20)),
        paths=[f"/music/some-song-with-a-name-{n}.wav" for n in range(120)],
        positions=centres[cluster] + generator.normal(scale=0.08, size=(120, 2)),
        cluster=cluster,
        clusters=[Cluster(n, name, 20) for n, name in enumerate(names)],
    )
    figure = draw_figure(points, "A map of $120 songs")
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    assert len(boxes) > 6 + 20
    bounds = figure.bbox
    for place, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= bounds.x1 and box.y1 <= bounds.y1
        for other in boxes[:place]:
            assert box.x1 <= other.x0 or other.x1 <= box.x0 or box.y1 <= other.y0 or other.y1 <= box.y0
    written = [text.get_text().replace("\n", " ") for text in figure.texts]
    assert set(names) <= set(written)


def test_the_coordinates_are_those_of_the_points(tmp_path, table):
    report = draw_map(table, tmp_path / "map.parquet", color="kind")
    rows = pq.read_table(tmp_path / "map.parquet")
    np.testing.assert_array_equal(np.stack([rows["x"], rows["y"]], axis=1), report.points.positions)
    assert rows["group"].to_pylist() == ["low"] * 3 + ["high"] * 3
    assert rows["song_id"].null_count == rows["brightness"].null_count == 6
    assert json.loads(rows["metadata"][0].as_py()) == {"kind": "low"}
    assert rows.schema.metadata[b"fxrep.fingerprint"] == b"model-1"


def test_an_audio_feature_colours_a_table(tmp_path, table):
    draw_map(table, tmp_path / "map.parquet", color="brightness")
    rows = pq.read_table(tmp_path / "map.parquet")
    # The tones are multiples of 200 Hz; the centroid is in octaves.
    np.testing.assert_allclose(2 ** rows["value"].to_numpy(), 200 * np.arange(1, 7), rtol=0.25)
    draw_map(table, tmp_path / "map.png", color="brightness")
    data = read_data_of(table, tmp_path, color="brightness")
    assert data["colorings"][0]["ticks"][0][1].endswith("Hz")


def read_data_of(table, folder, **options) -> dict:
    draw_map(table, folder / "map.html", audio=False, **options)
    return read_data((folder / "map.html").read_text())


def test_a_page_holds_at_most_so_many_points_and_clips(tmp_path, table, monkeypatch):
    assert draw_evenly(5, 9).tolist() == [0, 1, 2, 3, 4]
    few = draw_evenly(1000, 10)
    assert len(set(few.tolist())) == 10 and (np.diff(few) > 0).all()
    assert draw_map(table, tmp_path / "map.html", clip_s=0.5, most_clips=2).clips == 2
    monkeypatch.setattr("fxrep.visualization.page.MOST_POINTS", 4)
    data = read_data_of(table, tmp_path)
    assert len(data["x"]) == len(data["near"]) == 4 and data["total"] == 6
    assert max(max(near) for near in data["near"]) < 4


def test_windows_can_be_drawn_as_songs(tmp_path):
    windows = make_table(tmp_path, level="window")
    assert draw_map(windows, tmp_path / "map.parquet").points.level == "window"
    assert draw_map(windows, tmp_path / "map.parquet", level="song").points.level == "song"


def test_one_point(tmp_path):
    report = draw_map(make_table(tmp_path, 1), tmp_path / "map.html", audio=False)
    assert report.clips == 0 and report.points.neighbours[0].shape == (1, 0)
    draw_map(make_table(tmp_path, 1), tmp_path / "map.png")


def test_wrong_calls(tmp_path, table):
    with pytest.raises(ArgumentError, match=r"ends in .html"):
        draw_map(table, tmp_path / "map.pdf")
    with pytest.raises(ArgumentError, match="1 to 60 seconds"):
        draw_map(table, tmp_path / "map.html", clip_s=0)
    with pytest.raises(ArgumentError, match="nan s are not possible"):
        draw_map(table, tmp_path / "map.html", clip_s=float("nan"))
    with pytest.raises(ArgumentError, match="seed is 4294967296"):
        draw_map(table, tmp_path / "map.html", seed=2**32)
    with pytest.raises(ArgumentError, match="listening is 'few'"):
        draw_map(table, tmp_path / "map.html", listening="few")
    with pytest.raises(ArgumentError, match="choose among cluster, kind, loudness"):
        draw_map(table, tmp_path / "map.html", color="mood")
    with pytest.raises(ArgumentError, match="--windows"):
        draw_map(table, tmp_path / "map.html", level="window")
    with pytest.raises(ReferenceIndexError, match="not a reference index"):
        draw_map(tmp_path / "missing.fxindex", tmp_path / "map.html")
    with pytest.raises(DataError, match="nothing to draw"):
        draw_map(EmbeddingTable([], [], np.zeros(0), np.zeros(0), np.zeros((0, 3)), "song", "m"), tmp_path / "map.png")
    with pytest.raises(OutputError, match="cannot write"):
        draw_map(table, tmp_path / "tone-0.wav" / "map.html")

"""Fitting and pruning against mixes that are known: gains come back, and what was not used goes."""

from __future__ import annotations

import pytest
import torch

from automix import automix
from automix.methods import Explained
from automix.mixing_graph import MixingGraph
from automix.mixing_graph.families import NAMES
from automix.mixing_graph.fitting import Fitting, fit_console
from automix.mixing_graph.loss import GRID
from automix.mixing_graph.options import choose_groups
from automix.mixing_graph.problem import Problem, starting_gains
from automix.mixing_graph.pruning import Pruning, prune
from automix.mixing_graph.state import GraphState, count_kept, to_settings
from fxrep.effects.console import graph_console
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.session import MixSession
from fxrep.mixing.tracks import TrackSet

RATE = 16000
WARM_UP = 4 * GRID
TRACKS = ["kick", "hats", "bass"]
GAINS_DB = [-6.0, 4.0, -12.0]
FAST = Fitting(steps=12, fine_steps=4, segment_s=0.4, check_every=4)


@pytest.fixture(scope="module")
def audio() -> torch.Tensor:
    """(3, 2, 1.5 s): bursts of noise, wider than mono, at times of their own."""
    generator = torch.Generator().manual_seed(5)
    samples = WARM_UP + RATE
    noise = 0.1 * torch.randn(3, 2, samples, generator=generator)
    times = torch.arange(samples)
    return (
        noise * torch.stack([torch.exp(-((times + 1500 * n) % 4000) / (400.0 + 400.0 * n)) for n in range(3)])[:, None]
    )


def mixed(audio: torch.Tensor) -> torch.Tensor:
    gains = 10 ** (torch.tensor(GAINS_DB) / 20)
    return (audio * gains[:, None, None]).sum(0)


def problem_of(audio: torch.Tensor, target: torch.Tensor) -> Problem:
    return Problem.create(graph_console(), audio, target, RATE, WARM_UP, TRACKS, {})


def test_gains_are_found_in_the_powers_of_the_mix(audio: torch.Tensor) -> None:
    gains, known = starting_gains(problem_of(audio, mixed(audio)), audio)
    assert bool(known.all())
    torch.testing.assert_close(gains, torch.tensor(GAINS_DB, dtype=torch.float64), atol=0.7, rtol=0)
    silent = audio.clone()
    silent[1] = 0.0
    gains, known = starting_gains(problem_of(silent, mixed(silent)), silent)
    assert gains[1] == 0.0 and not bool(known[1])


def test_a_track_that_is_not_in_the_mix_begins_turned_down(audio: torch.Tensor) -> None:
    # The powers of a track that is there twice can all be had by one of the two.
    twice = torch.cat((audio, audio[:1]))
    problem = Problem.create(graph_console(), twice, mixed(audio), RATE, WARM_UP, [*TRACKS, "copy"], {})
    fitting = Fitting(steps=1, segment_s=0.4, check_every=1)
    state, losses = fit_console(problem, fitting, torch.Generator().manual_seed(0), ["gain_pan"])
    assert losses["gain_pan"] < 0.2 * losses["sum"]
    settings = to_settings(state, problem.console, [*TRACKS, "copy"], {})
    assert min(float(settings.tracks[name]["gain"]["gain_db"] or 0.0) for name in ("kick", "copy")) < -20.0


def test_gain_and_pan_of_a_known_mix_come_back(audio: torch.Tensor) -> None:
    console = graph_console()
    known = console.default_settings(TRACKS)
    for name, gain in zip(TRACKS, GAINS_DB, strict=True):
        known = known.edit(name, "gain.gain_db", gain).edit(name, "gain.wet", 1.0)
    known = known.edit("hats", "panner.pan", 0.5).edit("hats", "panner.wet", 1.0)
    problem = problem_of(audio, console.render(audio[None], known, RATE)[0])
    generator = torch.Generator().manual_seed(0)
    state, losses = fit_console(problem, Fitting(steps=40, segment_s=0.4), generator, ["gain_pan"])
    assert losses["gain_pan"] < 0.1 * losses["sum"]
    settings = to_settings(state, console, TRACKS, {})
    sides = console.render(audio[None, 1:2], only(settings, "hats"), RATE)[0].norm(dim=1)
    wanted = console.render(audio[None, 1:2], only(known, "hats"), RATE)[0].norm(dim=1)
    assert 20 * torch.log10(sides / wanted).abs().max() < 1.0
    for name, gain in (("kick", -6.0), ("bass", -12.0)):
        assert settings.tracks[name]["gain"]["gain_db"] == pytest.approx(gain, abs=1.0)


def only(settings: object, name: str) -> object:
    alone = graph_console().default_settings([name])
    alone.tracks[name] = settings.tracks[name]  # type: ignore[attr-defined]
    return alone


@pytest.mark.parametrize("method", ["weight", "brute_force"])
def test_what_a_mix_was_made_without_is_pruned_within_the_tolerance(audio: torch.Tensor, method: str) -> None:
    problem = problem_of(audio, mixed(audio))
    generator = torch.Generator().manual_seed(0)
    state, losses = fit_console(problem, FAST, generator, ["gain_pan", "imager", "eq"])
    before = state.clone()
    pruning = Pruning(0.02, method, rounds=1)  # type: ignore[arg-type]
    pruned, loss, counts = prune(problem, state, pruning, FAST, generator)
    assert torch.equal(before.kept, state.kept) and torch.equal(before.positions, state.positions)
    assert loss == pytest.approx(problem.measure(pruned), abs=1e-6)
    assert loss <= losses["eq"] + 0.02
    kept = count_kept(pruned)
    assert kept["gain_pan"] == 3
    assert counts == [9, sum(kept.values())]
    assert counts[1] <= 5
    assert not bool((pruned.kept & ~before.kept).any())


def test_a_huge_tolerance_leaves_nothing_and_none_leaves_what_is_needed(audio: torch.Tensor) -> None:
    problem = problem_of(audio, mixed(audio))
    state = GraphState.neutral(problem.console, 3)
    state.join("gain_pan", problem.sounding)
    generator = torch.Generator().manual_seed(0)
    empty, loss, counts = prune(problem, state, Pruning(100.0, "brute_force", 1), FAST, generator)
    assert counts == [3, 0] and not bool(empty.kept.any())
    assert loss == pytest.approx(problem.measure(GraphState.neutral(problem.console, 3)), abs=1e-6)


def test_a_mono_mix_is_fitted_without_panning(audio: torch.Tensor) -> None:
    mono = audio.mean(1, keepdim=True).expand(-1, 2, -1)
    problem = problem_of(mono, mixed(mono))
    assert problem.mono and not problem_of(audio, mixed(audio)).mono
    state, _ = fit_console(problem, FAST, torch.Generator().manual_seed(0), ["gain_pan"])
    settings = to_settings(state, problem.console, TRACKS, {})
    assert all(strip["panner"]["pan"] == 0.0 for strip in settings.tracks.values())


def test_the_same_seed_gives_the_same_graph(audio: torch.Tensor) -> None:
    to_the_left = mixed(audio) * torch.tensor([[2.0], [1.0]])
    problem, fitting = problem_of(audio, to_the_left), Fitting(steps=3, segment_s=0.3, check_every=1)
    one, other, third = (
        fit_console(problem, fitting, torch.Generator().manual_seed(seed), ["gain_pan"])[0] for seed in (0, 0, 1)
    )
    assert torch.equal(one.positions, other.positions)
    assert not torch.equal(one.positions, third.positions)


def test_a_song_from_tracks_to_a_folder(audio: torch.Tensor, tmp_path: object) -> None:
    tracks = dict(zip(TRACKS, audio, strict=True))
    options = {"steps": 2, "rounds": 1, "window_s": 1.0, "start_s": 0.25, "families": "gain_pan,eq", "groups": None}
    result = automix(tracks, "mixing_graph", sample_rate=RATE, target=mixed(audio), encoder=None, options=options)
    assert result.console.input_gain_db == dict.fromkeys(TRACKS, 0.0)
    assert any("processors are left" in one for one in result.details["decisions"])
    path = tmp_path / "console.json"  # type: ignore[operator]
    result.console.save(path)
    again = MixSession.load(path)
    torch.testing.assert_close(again.render(), result.mix, rtol=0, atol=1e-6)


def test_tracks_that_are_silent_or_off_are_said(audio: torch.Tensor) -> None:
    tracks = dict(zip(TRACKS, audio, strict=True)) | {"vocals": torch.zeros_like(audio[0])}
    song = TrackSet(tracks, RATE)
    method = MixingGraph(mixed(audio), steps=1, rounds=1, window_s=1.0, families=["gain_pan"], groups=None)
    found = method.estimate(song, [0.4])
    assert isinstance(found, Explained)
    assert any(one.startswith("vocals is silent") for one in found.decisions)
    assert found.settings.tracks["vocals"] == method.console.default_settings(["vocals"]).tracks["vocals"]
    shifted = torch.nn.functional.pad(mixed(audio), (1600, 0))
    with pytest.raises(AudioError, match=r"not aligned with the mix: .*100\.00 ms\) later in the mix"):
        MixingGraph(shifted).estimate(TrackSet(dict(zip(TRACKS, audio, strict=True)), RATE), [0.0])


def test_groups_are_made_of_names() -> None:
    names = ["Kick", "Snare", "Bass", "LeadVox"]
    assert choose_groups("auto", names) == {"Kick": "drums", "Snare": "drums"}
    assert choose_groups("auto", ["Kick", "Snare"]) == {}
    assert choose_groups(None, names) == choose_groups("none", names) == {}
    with pytest.raises(ArgumentError, match="'Kik'"):
        choose_groups({"Kik": "drums"}, names)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"tolerance": "low"}, "tolerance is 'low': expected a number"),
        ({"tolerance": True}, "tolerance is True"),
        ({"pruning": "all"}, "pruning is 'all'"),
        ({"rounds": 1.5}, "rounds"),
        ({"steps": 0}, "steps is 0"),
        ({"window_s": 0.0}, "window_s"),
        ({"families": ["eq", "phaser"]}, "'phaser'"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        MixingGraph("mix.wav", **options)  # type: ignore[arg-type]
    assert len(NAMES) == 7


def test_the_tracks_of_another_song_are_doubted(audio: torch.Tensor) -> None:
    noise = 0.1 * torch.randn(2, audio.shape[-1], generator=torch.Generator().manual_seed(11))
    tracks = TrackSet(dict(zip(TRACKS, audio, strict=True)), RATE)
    options = {"steps": 1, "rounds": 0, "window_s": 1.0, "families": ["gain_pan"], "groups": None}
    found = MixingGraph(noise, **options).estimate(tracks, [0.0])  # type: ignore[arg-type]
    assert found.decisions[-1].endswith("% of the energy of the target: are these its tracks?")
    right = MixingGraph(mixed(audio), **options).estimate(tracks, [0.0])  # type: ignore[arg-type]
    assert not any("are these" in one for one in right.decisions)

"""Plucked strings: a waveguide for each string, picked at a place, damped by the hand, in a resonating body."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal, compiled
from fxrep.data.synthesis.envelopes import note_hz
from fxrep.data.synthesis.filters import body_resonance
from fxrep.data.synthesis.notes import Note


def play_guitar(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render a guitar track, (length,). `voice` is the string: a new note on it ends the old one.

    Extended Karplus-Strong (Jaffe and Smith, 1983): pick position, dynamics as the brightness of the pick, tuned
    by an all-pass, losses that grow with frequency. Articulation ``"muted"`` is a palm on the bridge.
    """
    pick_place = generator.uniform(0.08, 0.35)
    softness = generator.uniform(0.15, 0.75)
    loop_damping = generator.uniform(0.04, 0.42)
    ring_s = np.exp(generator.uniform(np.log(1.2), np.log(5.0)))
    body_hz = np.array([generator.uniform(95, 125), generator.uniform(180, 240), generator.uniform(380, 900)])
    body_gain = generator.uniform(0.2, 1.1, 3)
    snap = generator.uniform(0.0, 0.6)
    string_detune = generator.normal(0, 0.03, 8)
    out = np.zeros(length)
    next_on_string: dict[int, float] = {}
    stops = np.empty(len(notes))
    for index in range(len(notes) - 1, -1, -1):
        stops[index] = next_on_string.get(notes[index].voice, length / sample_rate)
        next_on_string[notes[index].voice] = notes[index].start_s
    for note, stop_s in zip(notes, stops, strict=True):
        muted = note.articulation == "muted"
        pitch = note.pitch + string_detune[note.voice % 8] + generator.normal(0, 0.02)
        period = sample_rate / note_hz(pitch)
        start = min(int(note.start_s * sample_rate), length - 1)
        count = max(1, min(int((stop_s - note.start_s) * sample_rate), length - start))
        place = float(np.clip(pick_place + generator.normal(0, 0.025), 0.04, 0.48))
        pick = _pick(period, place, softness, snap, note.velocity, generator)
        sixty_s = 0.18 if muted else ring_s * (220 * period / sample_rate) ** 0.4 * generator.uniform(0.85, 1.15)
        loss = 10 ** (-3.0 * period / (sixty_s * sample_rate))
        released = int(note.duration_s * sample_rate)
        hand = 10 ** (-3.0 * period / (0.16 * sample_rate))
        damping = min(0.49, loop_damping + (0.25 if muted else 0.0) + generator.uniform(0, 0.04))
        _ring_string(out, start, count, pick, period, damping, loss, released, min(hand, loss))
    return body_resonance(out, body_hz, generator.uniform(2.5, 7, 3), body_gain, sample_rate)


def _pick(
    period: float, place: float, softness: float, snap: float, velocity: float, generator: np.random.Generator
) -> Signal:
    """What the pick puts on the string: a period of noise and a displaced shape, combed by where it is picked."""
    count = max(4, int(period))
    noise = generator.uniform(-1, 1, count)
    shape = np.minimum(np.arange(count) / (place * count), (count - np.arange(count)) / ((1 - place) * count))
    burst = (0.35 + snap) * noise + 1.2 * np.diff(shape, append=0.0) * count * 0.15
    # A softer stroke is a duller one.
    burst = _smooth(burst, float(np.clip(softness * (1.25 - 0.9 * velocity), 0.0, 0.93)))
    combed = np.zeros(count + int(place * count) + 1)
    combed[:count] += burst
    combed[int(place * count) : int(place * count) + count] -= burst
    struck: Signal = velocity**1.1 * combed
    return struck


@compiled
def _smooth(burst: Signal, memory: float) -> Signal:
    smoothed: Signal = np.empty_like(burst)
    state = 0.0
    for index in range(burst.shape[0]):
        state += (1.0 - memory) * (burst[index] - state)
        smoothed[index] = state
    return smoothed


@compiled
def _ring_string(
    out: Signal,
    start: int,
    count: int,
    pick: Signal,
    period: float,
    damping: float,
    loss: float,
    released: int,
    hand_loss: float,
) -> None:
    """Add a string to `out`: a delay line with a two-point average (`damping` to 0.5) and an all-pass that tunes it."""
    delay = int(period - damping - 0.2)
    part = period - damping - delay
    tuning = (1.0 - part) / (1.0 + part)
    line = np.zeros(delay)
    place = 0
    before = 0.0
    fed = 0.0
    tuned = 0.0
    fade = 220
    for index in range(count):
        value = line[place]
        averaged = ((1.0 - damping) * value + damping * before) * (loss if index < released else hand_loss)
        before = value
        tuned = tuning * (averaged - tuned) + fed
        fed = averaged
        new = tuned + (pick[index] if index < pick.shape[0] else 0.0)
        line[place] = new
        place += 1
        if place == delay:
            place = 0
        left = count - index
        out[start + index] += new if left > fade else new * left / fade
        if index > released and index % 4096 == 0 and hand_loss ** ((index - released) / period) < 1e-5:
            break

"""Mix a song on the console by hand, and let gradients set the faders to the levels of another mix.

python examples/mix_with_console.py [TRACKS ...] [--out mix]

Without audio files, the tracks of a song are generated. mix.json holds every setting by name: edit it and render it
again with `ConsoleSettings.load`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from fxrep.audio import integrated_loudness, load_audio, true_peak_db
from fxrep.data.synthesis.song import generate_song
from fxrep.effects import ConsoleSettings, MixingConsole, default_console

NAMES = ["kick", "snare", "hihat", "bass", "guitar", "keys", "vocals"]


def mix_by_hand(console: MixingConsole, names: list[str]) -> ConsoleSettings:
    """Compress the voice, spread what accompanies it, send some to the room, and limit the sum."""
    kit = [name for name in ("kick", "snare", "hihat") if name in names]
    settings = console.default_settings(names, group_of=dict.fromkeys(kit, "kit"))
    settings = settings.edit("kit", "compressor.threshold_db", -20.0).edit("kit", "compressor.ratio", 2.5)
    for name, pan in {"guitar": -0.5, "keys": 0.5, "hihat": 0.2}.items():
        settings = settings.edit(name, "panner.pan", pan) if name in names else settings
    if "vocals" in names:
        settings = (
            settings.edit("vocals", "parametric_eq.high_pass_hz", 110.0)
            .edit("vocals", "compressor.threshold_db", -26.0)
            .edit("vocals", "compressor.ratio", 3.5)
            .edit("vocals", "compressor.makeup_db", 6.0)
            .edit("vocals", "sends.reverb", -10.0)
            .edit("vocals", "sends.delay", -20.0)
        )
    return settings.edit("reverb", "noise_shaped_reverb.decay_s", 1.6).edit("master", "limiter.ceiling_db", -1.0)


def learn_faders(console: MixingConsole, tracks: torch.Tensor, rate: int, names: list[str], steps: int) -> None:
    """Find the faders of a mix from its audio alone."""
    hidden = console.default_settings(names)
    for number, name in enumerate(names):
        hidden = hidden.edit(name, "fader.gain_db", -3.0 * number)
    target = console.render(tracks, hidden, rate)

    positions, buses, master = console.normalize(console.default_settings(names))
    fader = console.setting_names()[0].index("fader.gain_db")
    levels = positions[..., fader].clone().requires_grad_()
    optimizer = torch.optim.Adam([levels], lr=0.02)
    for _ in range(steps):
        placed = positions.clone()
        placed[..., fader] = levels.clamp(0.0, 1.0)
        values = console.denormalize(placed, buses, master)
        loss = (console.render(tracks, values, rate) - target).square().mean() / target.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = console.unstack(values, names)
    for name in names:
        wanted, reached = (one.tracks[name]["fader"]["gain_db"] for one in (hidden, found))
        print(f"{name:>10}: {wanted:6.1f} dB hidden, {reached:6.1f} dB found")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tracks", nargs="*", type=Path, help="audio files, named as their instruments")
    parser.add_argument("--out", type=Path, default=Path("mix"))
    parser.add_argument("--steps", type=int, default=60, help="of the search for the faders")
    arguments = parser.parse_args()

    if arguments.tracks:
        rate = load_audio(arguments.tracks[0])[1]
        sources = {path.stem: load_audio(path, sample_rate=rate, channels=2)[0] for path in arguments.tracks}
    else:
        song = generate_song(seed=2, duration_s=6.0)
        rate, sources = song.sample_rate, {name: song.tracks[name] for name in NAMES if name in song.tracks}

    console = default_console(groups=["kit"])
    settings = mix_by_hand(console, list(sources))
    settings.save(arguments.out / "mix.json")
    path = console.render_song(sources, settings, arguments.out / "mix.wav", sample_rate=rate, tail_s=2.0)
    mix, rate = load_audio(path)
    loudness, peak = float(integrated_loudness(mix, rate)), float(true_peak_db(mix, rate).max())
    print(f"{path}: {loudness:.1f} LUFS, true peak {peak:.1f} dB")

    first = list(sources)[:4]
    excerpt = torch.stack([sources[name][:, : 2 * rate] for name in first])[None]
    learn_faders(default_console(), excerpt, rate, first, arguments.steps)


if __name__ == "__main__":
    main()

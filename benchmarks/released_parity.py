"""Imported releases against the programs they come from: same weights, same audio, largest difference.

pip install --no-deps fxencoder-plusplus torchlibrosa && pip install librosa
python benchmarks/released_parity.py [RECORDING …]

The weights are random, with statistics as after training, since the released ones are not free: a name that is mapped
wrongly, or a front end that differs, shows all the same. Fx-Encoder++ is compared with its published package. AFx-Rep
has none: it is put together from torchlibrosa's front end and the blocks of that package, by the published names.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import encoders
from encoders.released_checkpoints import import_released
from fxrep.audio import read_audio


def published_package() -> Any:
    """The module of the package; what it imports for downloads and queries alone need not be installed."""
    for name in ("laion_clap", "huggingface_hub"):
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].hf_hub_download = None  # type: ignore[attr-defined]
    import fxencoder_plusplus.model

    return fxencoder_plusplus.model


class AFxRep(nn.Module):
    """The published composition, under the published names."""

    def __init__(self, block: Any) -> None:
        from torchlibrosa.stft import LogmelFilterBank, Spectrogram

        super().__init__()
        self.spectrogram_extractor = Spectrogram(n_fft=2048, hop_length=1024, win_length=2048, freeze_parameters=True)
        self.logmel_extractor = LogmelFilterBank(
            sr=48000, n_fft=2048, n_mels=128, fmin=20, fmax=20000, top_db=None, freeze_parameters=True
        )
        self.bn0 = nn.BatchNorm2d(128)
        sizes = [1, 64, 128, 256, 512, 1024, 2048]
        for place in range(6):
            setattr(self, f"conv_block{place + 1}", block(sizes[place], sizes[place + 1]))
        self.fc_mid, self.fc_side = nn.Linear(2048, 512), nn.Linear(2048, 512)

    def forward(self, audio: Tensor) -> Tensor:
        audio = audio / audio.abs().amax((1, 2), keepdim=True)
        stage = torch.stack([audio.sum(1) / 2, (audio[:, 0] - audio[:, 1]) / 2], dim=1).flatten(0, 1)
        x = self.logmel_extractor(self.spectrogram_extractor(stage)).clamp(-80, 40) / 60 + 1 / 3
        for place in range(6):
            x = getattr(self, f"conv_block{place + 1}")(x, pool_size=(2, 2) if place < 5 else (1, 1))
        x = x.mean(3)
        mid, side = (x.amax(2) + x.mean(2)).unflatten(0, (-1, 2)).unbind(1)
        heads = [F.normalize(self.fc_mid(mid), dim=-1), F.normalize(self.fc_side(side), dim=-1)]
        return F.normalize(torch.cat(heads, dim=-1), dim=-1)


def as_after_training(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0.0, 0.1)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0.0, 0.1)
    return module.eval()


def clips(recordings: list[str], rate: int, seconds: float) -> Tensor:
    """Ten-second clips of recordings and two of noise, (B, 2, T)."""
    length = round(rate * seconds)
    found = [read_audio(path, target_rate=rate, channels=2)[:, :length] for path in recordings]
    noise = 0.1 * torch.randn(2, 2, length)
    noise[1, 1] *= 0.3
    return torch.stack(
        [clip for clip in found if clip.shape[1] == length and float(clip.abs().max()) > 1e-3] + [*noise]
    )


def report(name: str, theirs: Tensor, ours: Tensor) -> None:
    apart = float(torch.pdist(theirs).min())
    print(f"| {name} | {len(theirs)} | {float((theirs - ours).abs().max()):.1e} | {apart:.1e} |")


def imported(module: nn.Module, folder: Path, format: str, prefix: str = "", **more: Any) -> encoders.EffectEncoder:
    torch.save(
        {"state_dict": {f"{prefix}{name}": value for name, value in module.state_dict().items()}}, folder / "w.pt"
    )
    return encoders.load_encoder(import_released(folder / "w.pt", folder / "release", format, overwrite=True, **more))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", help="beside two clips of noise")
    recordings = parser.parse_args().recordings
    torch.manual_seed(1)
    package = published_package()
    print("| embedding | clips | largest difference | nearest two clips |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        theirs = as_after_training(package.FxEncoderPlusPlus(audio_clap_module=False))
        audio = clips(recordings, 44100, 10.0)
        found = theirs.get_fx_embedding(audio)
        ours = imported(theirs, folder, "fx_encoder_plus_plus", clap="unused")
        report("Fx-Encoder++, 128 values", found, ours(audio))
        query = F.normalize(torch.randn(len(audio), 512), dim=-1)
        asked = F.normalize(theirs.extractor(found, query), dim=-1)
        report("Fx-Encoder++, asked with a query", asked, ours.extract(audio, query))
        body = F.normalize(theirs.fx_encoder(audio)["embedding"], dim=-1)
        report(
            "Fx-Encoder++, 2048 values", body, imported(theirs, folder, "fx_encoder_plus_plus", embedding="body")(audio)
        )
        mine = as_after_training(AFxRep(package.ConvBlock))
        audio = clips(recordings, 48000, 262144 / 48000)
        report("AFx-Rep, 2 x 512 values", mine(audio), imported(mine, folder, "afx_rep", "encoder.")(audio))


if __name__ == "__main__":
    main()

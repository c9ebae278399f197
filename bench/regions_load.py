"""
The regions of the model stage: every clip that callscope's own pipeline asks its recogniser to read, kept in files.

Contenders in processes of their own find them there: callscope as stretches of the calls' own int16 channels, as in its
pipeline; the others as float32 at the recogniser's rate, resampled beforehand and outside of what is timed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import accumulate, count, pairwise
from pathlib import Path

import numpy as np

from bench.calls import Load
from bench.rivals import Wave
from callscope.pipeline import AnalysisOptions, find_clips
from callscope.ports import SAMPLE_RATE_HZ, Clip, Recogniser
from callscope.settings import Settings
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.timeline import Interval

_INDEX, _SOUND = "regions.json", "waves.f32"
_PER_MS = SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class Region:
    """A clip of a call of the load."""

    file: str
    channel: int
    start_ms: int
    end_ms: int

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return (self.end_ms - self.start_ms) / 1000


class RegionStore:
    """
    What `cut_regions` kept.

    Parameters
    ----------
    folder : Path
        Where.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.regions = [Region(**row) for row in json.loads((folder / _INDEX).read_text(encoding="utf-8"))]

    def waves(self) -> list[Wave]:
        """Return the sound of the regions that were resampled: all, or as many from the front as were asked for."""
        sound = np.fromfile(self._folder / _SOUND, dtype=np.float32)
        ends = accumulate((region.end_ms - region.start_ms) * _PER_MS for region in self.regions)
        bounds = pairwise([0, *(end for end in ends if end <= len(sound))])
        return [sound[start:end] for start, end in bounds]

    def clips(self, settings: Settings) -> list[Clip]:
        """Return all regions as clips of the calls' channels, each call decoded once."""
        channels = {file: _decode(Path(file), settings).channels for file in {region.file for region in self.regions}}
        return [
            Clip(channels[region.file][region.channel], Interval(region.start_ms, region.end_ms))
            for region in self.regions
        ]


def cut_regions(
    load: Load, recogniser: Recogniser, settings: Settings, *, folder: Path, speech_s: float, resampled_s: float
) -> RegionStore:
    """
    Cut the regions of as many calls as it takes.

    Parameters
    ----------
    load : Load
        The calls.
    recogniser : Recogniser
        Its detector is what finds speech.
    settings : Settings
        Of the analysis.
    folder : Path
        Gets the regions.
    speech_s : float
        Seconds of regions to be had; the region that reaches it is the last.
    resampled_s : float
        As many seconds, from the front, are kept as float32 too.
    """
    from workers.recogniser.waves import Waves, excerpt  # noqa: PLC0415 - the rivals' processes do without torch

    folder.mkdir(parents=True, exist_ok=True)
    regions: list[Region] = []
    waves = Waves()
    total_s = 0.0
    with (folder / _SOUND).open("wb") as sound:
        for region, clip in _cut(load, recogniser, settings):
            if total_s < resampled_s:
                cut = excerpt(clip.channel, region.start_ms * _PER_MS, region.end_ms * _PER_MS)
                sound.write(waves([cut])[0].numpy().tobytes())
            regions.append(region)
            total_s += region.duration_s
            if total_s >= speech_s:
                break
    (folder / _INDEX).write_text(json.dumps([asdict(region) for region in regions]), encoding="utf-8")
    return RegionStore(folder)


def _cut(load: Load, recogniser: Recogniser, settings: Settings) -> Iterator[tuple[Region, Clip]]:
    for number in count():
        [file] = load.take(1, start=number)
        audio = _decode(file.path, settings)
        for clip in find_clips(audio, recogniser, AnalysisOptions.for_call(settings, audio.facts)):
            channel = next(index for index, channel in enumerate(audio.channels) if channel is clip.channel)
            yield Region(str(file.path), channel, clip.interval.start_ms, clip.interval.end_ms), clip


def _decode(path: Path, settings: Settings) -> Audio:
    return decode(path, limits=AudioLimits(max_duration_ms=settings.max_duration_ms))

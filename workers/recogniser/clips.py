"""A clip on its way to a recogniser."""

from __future__ import annotations

from callscope.calls import Language
from callscope.ports import SAMPLE_RATE_HZ, Clip
from workers.recogniser.encoder import PREFIX_FRAMES
from workers.recogniser.engine import Passage
from workers.recogniser.features import FrontEnd
from workers.recogniser.waves import excerpt


def cut(clip: Clip, language: Language | None, *, front_end: FrontEnd) -> Passage:
    """
    Cut a clip out of its channel.

    Parameters
    ----------
    clip : Clip
        Where it reaches beyond its channel, it ends with it; under one frame, it is filled up with silence.
    language : Language, optional
        Spoken language when it is known.
    front_end : FrontEnd
        That will make its features.
    """
    start_ms, end_ms = clip.interval.start_ms, min(clip.interval.end_ms, clip.channel.duration_ms)
    per_ms = SAMPLE_RATE_HZ // 1000
    sound = excerpt(clip.channel, start_ms * per_ms, end_ms * per_ms, least=front_end.filter_bank.length)
    return Passage(
        sound,
        frames=PREFIX_FRAMES + front_end.stacks(sound.length),
        duration_ms=max(0, end_ms - start_ms),
        language=language,
    )

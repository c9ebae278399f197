import numpy as np
import pytest

from callscope.calls import AudioFacts, EventKind, Language, Origin, Role
from callscope.pipeline import AnalysisOptions, Stage, analyse_recording, listen
from callscope.ports import NARROWBAND_HZ, Channel
from callscope.settings import Settings
from callscope.sound.audio import Audio
from callscope.sound.waveform import WAVEFORM_HOP_MS
from tests.doubles import ScriptedRecogniser
from tests.examples import an_interpreter
from tests.sounds import as_pcm

pytestmark = pytest.mark.unit

SCRIPT = {
    0.9: ("三天了", EventKind.SPEECH),
    0.6: ("抱歉", EventKind.SPEECH),
    0.4: ("", EventKind.LAUGHTER),
    0.3: ("啦", EventKind.BGM),
}


def channel(duration_ms: int, *sounds: tuple[float, int, int]) -> Channel:
    """Return noise bursts of the given peaks over silence."""
    per_ms = NARROWBAND_HZ // 1_000
    wave = np.zeros(duration_ms * per_ms)
    random = np.random.default_rng(7)
    for peak, start_ms, end_ms in sounds:
        burst = random.uniform(-1, 1, (end_ms - start_ms) * per_ms)
        wave[start_ms * per_ms : end_ms * per_ms] = burst / np.abs(burst).max() * peak
    return Channel(as_pcm(wave), NARROWBAND_HZ)


def audio(*channels: Channel, dual_mono: bool = False) -> Audio:
    facts = AudioFacts(
        container="wav",
        codec="pcm_s16le",
        sample_rate_hz=8_000,
        channels=2 if dual_mono else len(channels),
        duration_ms=channels[0].duration_ms,
        truncated=False,
        dual_mono=dual_mono,
    )
    return Audio(facts, channels)


def two_parties() -> Audio:
    """A customer, 1.8 s of nothing, an agent, and a laugh of the agent's that the detector drops."""
    return audio(
        channel(9_000, (0.6, 4_800, 6_000), (0.4, 7_000, 8_000)),
        channel(9_000, (0.9, 1_000, 3_000)),
    )


def test_regions_become_segments_with_their_role_and_text() -> None:
    found = analyse_recording(
        two_parties(), ScriptedRecogniser(SCRIPT, deaf_to=(0.4,)), AnalysisOptions(), an_interpreter()
    )
    assert [(s.role, s.text, s.is_speech) for s in found.hearing.segments] == [
        (Role.CUSTOMER, "三天了", True),
        (Role.AGENT, "抱歉", True),
        (Role.AGENT, "", False),
    ]
    customer = found.hearing.segments[0]
    assert customer.start_ms == pytest.approx(1_000, abs=20)
    assert customer.end_ms == pytest.approx(3_000, abs=20)


def test_each_channel_has_a_waveform_as_long_as_the_call() -> None:
    found = listen(two_parties(), ScriptedRecogniser(SCRIPT), AnalysisOptions())
    agent, customer = found.waveform
    assert len(agent) == len(customer) == 9_000 // WAVEFORM_HOP_MS
    assert customer.index(max(customer)) * WAVEFORM_HOP_MS in range(950, 3_000)
    assert not any(agent[: 4_800 // WAVEFORM_HOP_MS])


def test_silence_is_owned_and_a_laugh_does_not_end_it() -> None:
    found = analyse_recording(
        two_parties(), ScriptedRecogniser(SCRIPT, deaf_to=(0.4,)), AnalysisOptions(), an_interpreter()
    )
    silences = [e for e in found.meaning.events if e.kind is EventKind.SILENCE]
    assert [e.owner for e in silences] == [Role.AGENT, Role.CUSTOMER]
    assert silences[0].end_ms - silences[0].start_ms == pytest.approx(1_800, abs=40)
    assert silences[1].end_ms == 9_000


def test_what_the_detector_drops_is_heard_all_the_same() -> None:
    found = analyse_recording(
        two_parties(), ScriptedRecogniser(SCRIPT, deaf_to=(0.4,)), AnalysisOptions(), an_interpreter()
    )
    laughs = [e for e in found.meaning.events if e.kind is EventKind.LAUGHTER]
    assert [(e.origin, e.channel, e.owner) for e in laughs] == [(Origin.MODEL, 0, Role.AGENT)]


def test_music_that_reads_as_a_word_is_no_speech() -> None:
    call = audio(channel(5_000, (0.3, 1_000, 4_000)), channel(5_000))
    found = analyse_recording(call, ScriptedRecogniser(SCRIPT, deaf_to=(0.3,)), AnalysisOptions(), an_interpreter())
    assert [s.is_speech for s in found.hearing.segments] == [False]
    assert found.meaning.speech_coverage == 0


def test_a_laugh_that_the_detector_takes_for_speech_is_none() -> None:
    call = audio(channel(5_000, (0.4, 1_000, 2_000)), channel(5_000))
    found = analyse_recording(call, ScriptedRecogniser(SCRIPT), AnalysisOptions(), an_interpreter())
    assert [s.is_speech for s in found.hearing.segments] == [False]


def test_clips_get_context_but_never_reach_into_a_neighbour() -> None:
    recogniser = ScriptedRecogniser(SCRIPT)
    call = audio(channel(6_000, (0.6, 50, 1_000), (0.6, 1_500, 3_000)))
    found = listen(call, recogniser, AnalysisOptions(clip_padding_ms=400))
    first, second = recogniser.clips
    assert first.start_ms == 0
    assert first.end_ms <= second.start_ms
    assert first.end_ms - found.segments[0].end_ms == pytest.approx(250, abs=20)
    assert second.end_ms - found.segments[1].end_ms == 400


def test_words_are_in_the_calls_own_time_and_inside_their_segment() -> None:
    found = analyse_recording(two_parties(), ScriptedRecogniser(SCRIPT), AnalysisOptions(), an_interpreter())
    for segment in found.hearing.segments:
        for word in segment.words:
            assert segment.start_ms <= word.start_ms <= word.end_ms <= segment.end_ms


def test_a_call_without_a_sound_has_no_segments() -> None:
    found = analyse_recording(
        audio(channel(3_000), channel(3_000)), ScriptedRecogniser(SCRIPT), AnalysisOptions(), an_interpreter()
    )
    assert found.hearing.segments == ()
    assert [(e.kind, e.owner) for e in found.meaning.events] == [(EventKind.SILENCE, Role.UNKNOWN)]


def test_stages_are_told_and_what_they_raise_ends_the_analysis() -> None:
    told: list[Stage] = []
    listen(two_parties(), ScriptedRecogniser(SCRIPT), AnalysisOptions(), on_stage=told.append)
    assert told == [Stage.DETECT, Stage.TRANSCRIBE, Stage.MEASURE]

    def stop(_: Stage) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        listen(two_parties(), ScriptedRecogniser(SCRIPT), AnalysisOptions(), on_stage=stop)


def test_roles_follow_the_map_only_where_a_channel_is_a_party() -> None:
    settings = Settings()
    mono, dual = audio(channel(1_000)), audio(channel(1_000), dual_mono=True)
    assert AnalysisOptions.for_call(settings, mono.facts).channel_roles == ()
    assert AnalysisOptions.for_call(settings, dual.facts).channel_roles == ()
    assert AnalysisOptions.for_call(settings, two_parties().facts).channel_roles == (Role.AGENT, Role.CUSTOMER)
    told = AnalysisOptions.for_call(settings, mono.facts, told_roles=(Role.CUSTOMER,), language=Language.JA)
    assert told.channel_roles == (Role.CUSTOMER,)
    assert told.language is Language.JA

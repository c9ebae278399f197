"""Calls put on a time line: what each party says or is heard doing, and the reference of when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

import numpy as np
import yaml

from training.channel import set_level
from training.sounds import EVENTS, make_music
from training.texts import literal_sentence
from training.voices import SAMPLE_RATE_HZ, Signal, Synthesiser

ROLES: Final = ("agent", "customer")
_SAMPLES_PER_MS: Final = SAMPLE_RATE_HZ // 1_000
_LONGEST_GAP_MS: Final = 1_200
_SHORTEST_CROSSTALK_MS: Final = 300
_BED_DB: Final = -20.0
_BED_MARGIN_MS: Final = 300
_TAIL_MS: Final = 900


@dataclass(frozen=True, slots=True)
class Turn:
    """Words of one party; ``text`` is written with figures and punctuation."""

    role: str
    start_ms: int
    end_ms: int
    text: str
    language: str
    emotion: str


@dataclass(frozen=True, slots=True)
class Event:
    """A sound of one party's leg that is not words."""

    role: str
    kind: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A call as performed: two clean legs at 16 kHz, and what is where."""

    agent: Signal
    customer: Signal
    turns: Sequence[Turn]
    events: Sequence[Event]


def load_calls() -> list[dict[str, Any]]:
    """
    Read the sample calls' scripts.

    Returns
    -------
    list of dict
        As `calls.yaml` holds them.
    """
    text = files("training").joinpath("calls.yaml").read_text(encoding="utf-8")
    calls: list[dict[str, Any]] = yaml.safe_load(text)
    return calls


def perform(call: Mapping[str, Any], synthesiser: Synthesiser, random: np.random.Generator) -> Scene:
    """
    Speak and sound a call.

    Parameters
    ----------
    call : mapping
        One of `load_calls`.
    synthesiser : Synthesiser
        Speaks.
    random : Generator
        Decides small deviations and the sounds.

    Returns
    -------
    Scene
        Legs of the same length, with soft music where the script has a bed, with faint echo where it has a leak.
    """
    placed: list[tuple[str, int, Signal]] = []
    beds: list[tuple[int, int]] = []
    turns: list[Turn] = []
    events: list[Event] = []
    end_ms = 0
    for item in call["items"]:
        role = item["who"]
        party = call[role]
        start_ms = end_ms + int(item["gap_ms"])
        if "say" in item:
            sentence = literal_sentence(item["say"], call["language"])
            wave = synthesiser.say(sentence.spoken, call["language"], party["voice"], item["emotion"], random)
            item_end_ms = start_ms + len(wave) // _SAMPLES_PER_MS
            turns.append(Turn(role, start_ms, item_end_ms, sentence.normal, call["language"], item["emotion"]))
        else:
            make = EVENTS["BGM" if item["event"] == "BGM" else item["event"].capitalize()]
            wave = make(item["length_ms"] / 1_000, random)
            item_end_ms = start_ms + len(wave) // _SAMPLES_PER_MS
            events.append(Event(role, item["event"], start_ms, item_end_ms))
        placed.append((role, start_ms, set_level(wave, item.get("level_dbfs", party["level_dbfs"]))))
        if item.get("bed"):
            beds.append((start_ms, item_end_ms))
        end_ms = max(end_ms, item_end_ms)
    legs = {role: np.zeros((end_ms + _TAIL_MS) * _SAMPLES_PER_MS, dtype=np.float32) for role in ROLES}
    for role, start_ms, wave in placed:
        start = start_ms * _SAMPLES_PER_MS
        legs[role][start : start + len(wave)] += wave
    if beds:
        start_ms, bed_end_ms = beds[0][0] - _BED_MARGIN_MS, beds[-1][1] + _BED_MARGIN_MS
        events.append(Event("agent", "BGM", start_ms, bed_end_ms))
        music = make_music((bed_end_ms - start_ms) / 1_000, random)
        start = start_ms * _SAMPLES_PER_MS
        legs["agent"][start : start + len(music)] += set_level(music, call["agent"]["level_dbfs"] + _BED_DB)
    if "leak_db" in call:
        gain = np.float32(10 ** (call["leak_db"] / 20))
        legs = {"agent": legs["agent"] + gain * legs["customer"], "customer": legs["customer"] + gain * legs["agent"]}
    return Scene(legs["agent"], legs["customer"], turns, sorted(events, key=lambda event: event.start_ms))


def reference(call: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    """
    Write what a perfect analysis of the call would say.

    Parameters
    ----------
    call : mapping
        One of `load_calls`.
    scene : Scene
        The same call performed.

    Returns
    -------
    dict
        As `samples/reference/*.json` hold it, but for the recording's own format.
    """
    stereo = "layout" not in call
    turns = [
        {
            "channel": ROLES.index(turn.role) if stereo else 0,
            "role": turn.role if stereo else "unknown",
            **({} if stereo else {"speaker": turn.role}),
            "start_ms": turn.start_ms,
            "end_ms": turn.end_ms,
            "text": turn.text,
            "language": turn.language,
            "emotion": turn.emotion,
        }
        for turn in sorted(scene.turns, key=lambda turn: (turn.start_ms, turn.role))
    ]
    events = [
        {
            "kind": event.kind,
            "channel": ROLES.index(event.role) if stereo else 0,
            "start_ms": event.start_ms,
            "end_ms": event.end_ms,
        }
        for event in scene.events
    ]
    return {
        "language": call["language"],
        "turns": turns,
        "events": events,
        "silences": find_silences(scene.turns, stereo=stereo),
        "crosstalks": find_crosstalks(scene.turns) if stereo else [],
    }


def find_silences(turns: Sequence[Turn], *, stereo: bool) -> list[dict[str, Any]]:
    """
    Find the stretches of 1.2 s or more between turns in which nobody speaks.

    Parameters
    ----------
    turns : sequence of Turn
        In any order.
    stereo : bool
        Whether the recording tells the parties apart; without it an owner can't be known.

    Returns
    -------
    list of dict
        ``owner`` is the party that did not speak last before the silence.
    """
    ordered = sorted(turns, key=lambda turn: turn.start_ms)
    silences = []
    for number in range(1, len(ordered)):
        last = max(ordered[:number], key=lambda turn: turn.end_ms)
        start_ms, end_ms = last.end_ms, ordered[number].start_ms
        if end_ms - start_ms >= _LONGEST_GAP_MS:
            owner = ROLES[1 - ROLES.index(last.role)] if stereo else "unknown"
            silences.append({"owner": owner, "start_ms": start_ms, "end_ms": end_ms})
    return silences


def find_crosstalks(turns: Sequence[Turn]) -> list[dict[str, int]]:
    """
    Find where both parties speak for 0.3 s or more.

    Parameters
    ----------
    turns : sequence of Turn
        In any order; those of one party are disjoint.

    Returns
    -------
    list of dict
        ``start_ms`` and ``end_ms``, ascending.
    """
    agent, customer = ([turn for turn in turns if turn.role == role] for role in ROLES)
    overlaps = [
        (max(one.start_ms, other.start_ms), min(one.end_ms, other.end_ms)) for one in agent for other in customer
    ]
    return [
        {"start_ms": start_ms, "end_ms": end_ms}
        for start_ms, end_ms in sorted(overlaps)
        if end_ms - start_ms >= _SHORTEST_CROSSTALK_MS
    ]


def ambiguities(scene: Scene) -> list[str]:
    """
    List what in a scene two careful listeners could measure differently; a sample should have none.

    Parameters
    ----------
    scene : Scene
        A call performed.

    Returns
    -------
    list of str
        Gaps of 1 to 1.4 s, overlaps of 0.2 to 0.4 s, turns over 12 s or closer than 0.7 s on a leg.
    """
    found = []
    ordered = sorted(scene.turns, key=lambda turn: turn.start_ms)
    reached_ms = 0
    for turn in ordered:
        gap_ms = turn.start_ms - reached_ms
        if reached_ms and (1_000 <= gap_ms <= 1_400 or -400 <= gap_ms <= -200):
            found.append(f"gap of {gap_ms} ms before {turn.text}")
        if turn.end_ms - turn.start_ms > 12_000:
            found.append(f"long turn {turn.text}")
        reached_ms = max(reached_ms, turn.end_ms)
    for role in ROLES:
        for before, after in pairwise(turn for turn in ordered if turn.role == role):
            if after.start_ms - before.end_ms < 700:
                found.append(f"{role}: {after.text} too close")
    return found

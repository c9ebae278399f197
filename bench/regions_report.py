"""What the model stage finds out: speeds, what they cost, and how near everyone's tokens come to stock FunASR's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rapidfuzz.distance import Levenshtein
from rich.table import Table

from bench.regions_reader import Way
from bench.stage import CALLSCOPE, Missing, Speed


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near a reader's tokens come to stock FunASR's, which reads one region at a time."""

    regions_equal: float
    """Share of regions with exactly the same token ids."""
    tokens_equal: float
    """
    1 less the edits that make one the other (insert, delete, replace: Levenshtein), over the tokens of the longer;
    edits and tokens summed over all regions.
    """

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def compare(tokens: Sequence[Sequence[int]], reference: Sequence[Sequence[int]], *, skipped: int = 0) -> Agreement:
    """
    Compare token ids region by region.

    Parameters
    ----------
    tokens, reference : sequence of sequence of int
        Of the same regions.
    skipped : int >= 0
        Tokens at the beginning of each region of the reference that the other doesn't tell.
    """
    pairs = [(list(own), list(exact[skipped:])) for own, exact in zip(tokens, reference, strict=True)]
    edits = sum(Levenshtein.distance(own, exact) for own, exact in pairs)
    longest = sum(max(len(own), len(exact)) for own, exact in pairs)
    return Agreement(
        regions_equal=sum(own == exact for own, exact in pairs) / max(1, len(pairs)),
        tokens_equal=1 - edits / max(1, longest),
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What one reader took for its turns."""

    speed: Speed
    way: Way
    peak_mb: float
    """Most that its processes held, all together, the regions included."""
    padding: float | None
    """Frames computed over frames wanted; None where the reader doesn't tell."""
    agreement: Agreement | None
    """None without stock FunASR."""
    probed: Mapping[str, float]
    """Every way that was tried, and its RTFx."""

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            **self.speed.as_data(),
            "peak_mb": round(self.peak_mb, 1),
            "padding": _round(self.padding),
            "agreement": self.agreement and self.agreement.as_data(),
            "way": str(self.way),
            "probed": self.probed,
        }


Results = Mapping[str, Result | Missing]


@dataclass(frozen=True, slots=True)
class ModelStage:
    """What the stage found out."""

    speech_s: float
    regions: int
    turns: int
    """Of each reader."""
    readers: Results
    """callscope as this run's settings have it, then those who race it."""
    engines: Results
    """callscope's further engines that the device has."""
    whole: Result | None
    """callscope on more than the others could read while a person waits; None where that is the same."""
    controls: Mapping[str, Agreement | Missing]
    """The rivals in fp32."""

    @property
    def padding(self) -> float | None:
        """Of callscope."""
        ours = self.whole or self.readers[CALLSCOPE]
        return ours.padding if isinstance(ours, Result) else None

    @property
    def fp32_tokens_equal(self) -> float | None:
        """Share of regions whose token ids are exactly stock FunASR's, in the worse of callscope's fp32 engines."""
        ours = [self.readers[CALLSCOPE], *self.engines.values()]
        exact = [one for one in ours if isinstance(one, Result) and one.speed.engine.endswith("-fp32")]
        return min((one.agreement.regions_equal for one in exact if one.agreement), default=None)

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            **{name: reader.as_data() for name, reader in self.readers.items()},
            "engines": {name: engine.as_data() for name, engine in self.engines.items()},
            "whole": self.whole and self.whole.as_data(),
            "controls": {name: control.as_data() for name, control in self.controls.items()},
            "speech_s": round(self.speech_s, 1),
            "regions": self.regions,
            "turns": self.turns,
            "padding": _round(self.padding),
            "fp32_tokens_equal": self.fp32_tokens_equal,
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        title = f"Model stage: {self.regions} regions, {self.speech_s:,.0f} s of speech, {self.turns} turns each"
        table = Table(title=title, title_justify="left", header_style="bold")
        for heading in ("reader", "engine", "set up as"):
            table.add_column(heading)
        for heading in ("RTFx", "RTFx a core", "callscope is", "peak MB", "padding", "regions as stock", "tokens"):
            table.add_column(heading, justify="right")
        ours = self.readers[CALLSCOPE]
        shown = {**self.readers, **{f"  {name}": engine for name, engine in self.engines.items()}}
        if self.whole:
            shown[f"{CALLSCOPE}, more"] = self.whole
        for name, found in shown.items():
            match found:
                case Missing(package=package, why=why):
                    table.add_row(name, "", f"{why}: pip install {package}")
                case Result():
                    table.add_row(name, *_cells(found, ours=ours))
        for name, control in self.controls.items():
            if isinstance(control, Agreement):
                table.add_row(name, "control", "", *[""] * 5, *_shares(control))
        return [table]


def _cells(result: Result, *, ours: Result | Missing) -> list[str]:
    speed = result.speed
    return [
        speed.engine,
        str(result.way),
        f"{speed.rtfx:,.1f}",
        f"{speed.rtfx_per_core:,.1f}" if speed.rtfx_per_core else "",
        f"{ours.speed.rtfx / speed.rtfx:.2f} x" if isinstance(ours, Result) and result is not ours else "",
        f"{result.peak_mb:,.0f}",
        "" if result.padding is None else f"{result.padding:.3f}",
        *_shares(result.agreement),
    ]


def _shares(agreement: Agreement | None) -> list[str]:
    return ["", ""] if agreement is None else [f"{agreement.regions_equal:.2%}", f"{agreement.tokens_equal:.2%}"]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

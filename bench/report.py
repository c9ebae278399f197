"""The report of a run: one JSON document, and the tables for a person."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

from bench.stage import CALLSCOPE, Contenders, Missing, Speed, StageResult


def contenders_data(contenders: Contenders) -> dict[str, object]:
    """Return the JSON form of a stage's contenders, by name."""
    return {name: contender.as_data() for name, contender in contenders.items()}


def times(ours: Speed, stock: Speed | Missing) -> dict[str, float]:
    """Return how many times callscope is as fast as stock FunASR, by the clock and by processor time where known."""
    if isinstance(stock, Missing):
        return {}
    told = {"times_stock": round(ours.rtfx / stock.rtfx, 2)}
    if ours.rtfx_per_core and stock.rtfx_per_core:
        told["times_stock_per_core"] = round(ours.rtfx_per_core / stock.rtfx_per_core, 2)
    return told


def contenders_table(title: str, contenders: Contenders) -> Table:
    """Return one row a contender: speed, and how many times callscope is faster."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in ("contender", "engine"):
        table.add_column(heading)
    for heading in ("audio s", "wall s", "RTFx", "RTFx a core", "callscope is"):
        table.add_column(heading, justify="right")
    ours = contenders.get(CALLSCOPE)
    for name, contender in contenders.items():
        match contender:
            case Missing(package=package, why=why):
                table.add_row(name, f"{why}: pip install {package}", "", "", "", "", "")
            case Speed():
                ratio = f"{ours.rtfx / contender.rtfx:.2f} x" if isinstance(ours, Speed) and name != CALLSCOPE else ""
                table.add_row(
                    name,
                    contender.engine,
                    f"{contender.audio_s:,.0f}",
                    f"{contender.wall_s:,.1f}",
                    f"{contender.rtfx:,.1f}",
                    f"{contender.rtfx_per_core:,.1f}" if contender.rtfx_per_core else "",
                    ratio,
                )
    return table


def document(header: Mapping[str, object], results: Mapping[str, StageResult]) -> dict[str, object]:
    """
    Return the whole JSON document.

    `padding` (of callscope's batches on the load; of the stage nearest to operation) and `fp32_tokens_equal` also stand
    at the top, where a reader looks for them.
    """
    stages = {name: result.as_data() for name, result in results.items()}
    found: dict[str, object] = {}
    for name in ("regions", "files"):
        told = stages.get(name, {})
        found |= {figure: told[figure] for figure in ("padding", "fp32_tokens_equal") if figure in told}
    return {**header, **found, **stages}

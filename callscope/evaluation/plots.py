"""The figures drawn, each as an SVG of its own."""

from __future__ import annotations

import io
from base64 import b64encode

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callscope.evaluation.emotions import EmotionFigures, Sweep
from callscope.evaluation.outcome import Evaluation
from callscope.evaluation.resample import Estimate

_INK, _SECOND, _FAINT = "#1f4e79", "#c0392b", "#b8c4d0"


def draw(outcome: Evaluation) -> dict[str, str]:
    """
    Draw what there is to draw.

    Returns
    -------
    dict of str to str
        Title of each plot, and the plot as a ``data:`` address: the names inside two plots would clash in one page.
    """
    plots = {}
    # The settings, and no pyplot: nothing outside this call is touched.
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "callscope"}):
        if outcome.languages:
            plots["Errors in the text"] = _errors(outcome)
        if outcome.emotions:
            plots["Emotion, labelled and heard"] = _confusion(outcome.emotions)
        if outcome.emotions and outcome.emotions.bins:
            plots["Is a probability what it says?"] = _calibration(outcome.emotions)
        if outcome.sweep:
            plots[f"{outcome.sweep.emotion} at every threshold"] = _curve(outcome.sweep)
    return plots


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _address(figure: Figure) -> str:
    sheet = io.BytesIO()
    figure.savefig(sheet, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{b64encode(sheet.getvalue()).decode()}"


def _errors(outcome: Evaluation) -> str:
    rates: list[tuple[str, Estimate]] = []
    for own in outcome.languages:
        rates.append((f"{own.language} CER", own.cer))
        if own.wer:
            rates.append((f"{own.language} WER", own.wer))
    told = [(name, rate, rate.value) for name, rate in rates if rate.value is not None]
    figure, axes = _canvas(5, 0.6 + 0.4 * len(told))
    for place, (_, rate, value) in enumerate(told):
        axes.plot([100 * value], [place], "o", color=_INK)
        if rate.low is not None and rate.high is not None:
            axes.plot([100 * rate.low, 100 * rate.high], [place, place], color=_INK)
    axes.set_yticks(range(len(told)), [name for name, _, _ in told])
    axes.set_ylim(len(told) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.set_xlabel("per cent, with 95 % interval")
    return _address(figure)


def _confusion(emotions: EmotionFigures) -> str:
    names = [own.kind for own in emotions.classes]
    counts = np.array(emotions.confusion)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure, axes = _canvas(1.6 + 0.55 * len(names), 1.2 + 0.45 * len(names))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = shares[row, column] > 0.5  # noqa: PLR2004 - from half on, white reads better than black
            axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("heard")
    axes.set_ylabel("labelled")
    return _address(figure)


def _calibration(emotions: EmotionFigures) -> str:
    figure, axes = _canvas(4, 3.6)
    axes.plot([0, 1], [0, 1], "--", color=_FAINT)
    axes.plot([own.probability for own in emotions.bins], [own.right for own in emotions.bins], "o-", color=_INK)
    for own in emotions.bins:
        axes.annotate(str(own.items), (own.probability, own.right), (4, -10), textcoords="offset points", fontsize=7)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="probability that is said", ylabel="share that is labelled so")
    return _address(figure)


def _curve(sweep: Sweep) -> str:
    figure, axes = _canvas(4, 3.6)
    axes.plot([point.recall for point in sweep.points], [point.precision for point in sweep.points], color=_INK)
    axes.axhline(sweep.wanted_precision, linestyle="--", color=_FAINT)
    chosen = sweep.operating
    if chosen and chosen.precision.value is not None and chosen.recall.value is not None:
        axes.plot([chosen.recall.value], [chosen.precision.value], "o", color=_SECOND)
        axes.annotate(
            f"{chosen.threshold:.3f}",
            (chosen.recall.value, chosen.precision.value),
            (-6, -12),
            textcoords="offset points",
            ha="right",
            color=_SECOND,
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall", ylabel="precision")
    return _address(figure)

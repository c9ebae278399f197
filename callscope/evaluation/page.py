"""The figures as one page that can be mailed: everything is in the file."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from callscope.evaluation.outcome import Evaluation
from callscope.evaluation.plots import draw
from callscope.evaluation.screen import bound, percent, summary


def render_page(outcome: Evaluation) -> str:
    """Return the page, complete HTML without a reference to anything outside."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "bound": bound}
    template = environment.from_string(files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8"))
    return template.render(outcome=outcome, summary=summary(outcome), plots=draw(outcome)) + "\n"

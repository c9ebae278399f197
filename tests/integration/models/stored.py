"""Analyses written as the writers write them, for tests of what reads them."""

from __future__ import annotations

from sqlalchemy import Engine, select

from callscope.calls import AnalysisVersion, CallAnalysis, CallMetadata
from models import results
from models.session import transaction
from models.tables import Recording
from tests.integration.models import steps


def store(
    engine: Engine,
    key: str,
    analysis: CallAnalysis,
    *,
    metadata: CallMetadata | None = None,
    base_id: int | None = None,
    keep_values: bool = False,
) -> int:
    """Store an analysis of the newest recording of a key, which is discovered when it is new; return its number."""
    steps.discover(engine, key, metadata=metadata)
    with transaction(engine) as session:
        recording = session.scalars(select(Recording).where(Recording.key == key).order_by(Recording.id.desc())).first()
        assert recording is not None
        source = results.Source(recording.id, recording.call_date, 1, steps.WORKER, base_id=base_id)
        return results.write_analysis(session, analysis, source, keep_values=keep_values)


def version(rules: str, *, checkpoint: str = "demo-0123abcd", pipeline: int = 3) -> AnalysisVersion:
    return AnalysisVersion(checkpoint, pipeline, rules)

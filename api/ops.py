"""What those who run it ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus

import redis
from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response
from typing_extensions import override

from api.context import Context, Ctx
from api.security import Reader
from callscope.broker import SOCKET_TIMEOUT_S
from callscope.errors import CallscopeError
from callscope.jobs import ANALYSE_QUEUE, ISOLATE_QUEUE, RESULTS_QUEUE, URGENT_QUEUE
from models import ledger
from models.progress import oldest_waiting_ms
from models.session import require_schema, transaction

router = APIRouter(tags=["operation"])

QUEUES = (ANALYSE_QUEUE, URGENT_QUEUE, ISOLATE_QUEUE, RESULTS_QUEUE)
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What this process counts of itself."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "callscope_http_request_seconds",
            "time from a request to the end of its answer",
            ("method", "route", "status"),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.uploaded = Counter("callscope_http_uploaded_bytes", "bytes of requests' bodies", registry=self.registry)


class _Cluster(Collector):
    """What the ledger and the broker tell at the moment; a part that is away is left out."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        with transaction(self._context.engine) as session:
            counts, oldest_ms = ledger.count_states(session), oldest_waiting_ms(session)
        states = GaugeMetricFamily("callscope_recordings", "recordings in each state", labels=["state"])
        for state, count in counts.items():
            states.add_metric([state.value], count)
        yield states
        yield GaugeMetricFamily(
            "callscope_oldest_waiting_seconds", "age of the oldest recording without an end", value=oldest_ms / 1_000
        )
        queued = GaugeMetricFamily("callscope_queue_messages", "messages that wait in the broker", labels=["queue"])
        for queue, length in queue_lengths(self._context).items():
            queued.add_metric([queue], length)
        yield queued


def queue_lengths(context: Context) -> dict[str, int]:
    """Return how many messages wait in each queue; nothing while the broker is away, or none is configured."""
    if context.settings.broker_url is None:
        return {}
    try:
        with redis.Redis.from_url(
            context.settings.require_broker_url(),
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
        ) as client:
            pipeline = client.pipeline(transaction=False)
            for queue in QUEUES:
                pipeline.llen(queue)
            return dict(zip(QUEUES, pipeline.execute(), strict=True))
    except (redis.RedisError, OSError):
        return {}


@router.get("/livez", summary="Is it alive")
def live() -> dict[str, bool]:
    """Answer; a process that doesn't is to be started again."""
    return {"ok": True}


@router.get("/readyz", summary="Is it ready", responses={503: {"description": "something that it needs is away"}})
def ready(context: Ctx) -> JSONResponse:
    """Tell whether database and store serve; uploads and pages need both."""
    checks = {
        "database": _serves(lambda: require_schema(context.engine)),
        "store": _serves(lambda: next(iter(context.storage.list(context.settings.bucket)), None)),
    }
    status = HTTPStatus.OK if all(checks.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"ok": all(checks.values()), **checks}, status)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def metrics(context: Ctx, _: Reader) -> Response:
    """Return this process' figures, and those of the ledger and the queues."""
    cluster = CollectorRegistry()
    cluster.register(_Cluster(context))
    text = generate_latest(context.metrics.registry) + generate_latest(cluster)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _serves(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except CallscopeError:
        return False
    return True

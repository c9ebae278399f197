from __future__ import annotations

import pytest

from bench.crowd import Asked, _asked

pytestmark = pytest.mark.unit


def test_the_times_of_several_requests_are_one_distribution() -> None:
    quick = {"num_requests": 95, "num_failures": 0, "response_times": {"10": 95}}
    slow = {"num_requests": 5, "num_failures": 2, "response_times": {"200": 4, "1100.0": 1}}
    assert _asked([quick, slow]) == Asked(requests=100, failures=2, p50_ms=10, p95_ms=10, p99_ms=200)


def test_nothing_asked_took_no_time() -> None:
    assert _asked([]) == Asked(0, 0, 0, 0, 0)

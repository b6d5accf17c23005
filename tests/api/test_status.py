"""Health, readiness, metrics, and the description of all of it."""

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mediaserver.call.end import CallEnd, Result
from mediaserver.talk.latency import TurnLatency
from support.web_front import Front, problem


async def test_it_lives_and_takes_calls() -> None:
    async with Front().client() as client:
        assert (await client.get("/health")).json() == {"status": "ok", "calls": 3, "lag_s": 0.25, "version": "1.2.3"}
        assert (await client.get("/ready")).json() == {"status": "ready"}
        assert [(await client.head(path)).status_code for path in ("/health", "/ready")] == [200, 200]


@pytest.mark.parametrize(
    ("why", "words"), [("draining", "being stopped"), ("overloaded", "in time"), ("max-calls", "limits.max_calls")]
)
async def test_it_lives_and_takes_none(why: str, words: str) -> None:
    front = Front()
    front.closed = why
    async with front.client() as client:
        response = await client.get("/ready")
        assert problem(response)[0] == 503 and words in response.json()["detail"]
        assert response.headers["retry-after"] == "2"
        assert (await client.head("/ready")).status_code == 503
        assert (await client.get("/health")).status_code == 200


async def metrics(front: Front) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels."""
    async with front.client() as client:
        response = await client.get("/metrics")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix("mediaserver_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def test_what_calls_have_told() -> None:
    front = Front()
    tally = front.metrics
    tally.refused("udp", "max-calls")
    tally.answered("whip", 0.3)
    tally.turned(TurnLatency(1, endpoint_ms=200, think_ms=350, playout_ms=12))
    counters = {"received": 500.0, "lost": -2.0, "late": 3.0, "concealed_ms": 60.0, "underruns": 1.0, "reconnects": 2.0,
                "provider_faults": 4.0}  # fmt: skip
    tally.ended("whip", CallEnd(Result.COMPLETED, "caller-hung-up"), 12.5, counters)
    found = await metrics(front)
    assert found["calls", "udp"] == 2 and found["calls", "whip"] == 1 and found["calls_max",] == 10
    assert found["event_loop_lag_seconds",] == 0.25 and found["phones_registered",] == 3
    assert found["browser_places",] == 1 and found["whip_sessions",] == 1
    assert found["calls_refused_total", "max-calls", "udp"] == 1
    assert found["calls_ended_total", "caller-hung-up", "completed", "whip"] == 1
    assert found["call_setup_seconds_bucket", "0.5", "whip"] == 1 == found["call_setup_seconds_count", "whip"]
    assert found["call_setup_seconds_bucket", "0.25", "whip"] == 0
    stages = {stage: found["turn_seconds_sum", stage] for stage in ("endpoint", "think", "playout", "total")}
    assert stages == pytest.approx({"endpoint": 0.2, "think": 0.35, "playout": 0.012, "total": 0.562})
    assert found["rtp_packets_total", "received"] == 500 and found["rtp_packets_total", "late"] == 3
    assert found["rtp_packets_total", "lost"] == 0 and found["playout_underruns_total",] == 1
    assert found["audio_seconds_total", "concealed"] == pytest.approx(0.06)
    assert found["provider_events_total", "fault"] == 4 and found["provider_events_total", "reconnect"] == 2
    assert found["call_seconds_total", "whip"] == 12.5
    assert all(math.isfinite(value) for value in found.values())


async def test_what_was_answered() -> None:
    front = Front()
    async with front.client() as client:
        for path in ("/health", "/health", "/nothing", "/whip/a"):
            await client.post(path, content=b"") if path == "/whip/a" else await client.get(path)
    found = {key[1]: value for key, value in (await metrics(front)).items() if key[0] == "http_responses_total"}
    assert found == {"200": 2, "404": 1, "401": 1}


async def test_reasons_do_not_grow_without_end() -> None:
    front = Front()
    for number in range(1000):
        front.metrics.refused("udp", f"model-{number}")
    found = {key: value for key, value in (await metrics(front)).items() if key[0] == "calls_refused_total"}
    assert len(found) == 101 and found["calls_refused_total", "other", "udp"] == 900


async def test_it_is_described() -> None:
    async with Front().client() as client:
        told = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 404
    paths = told["paths"]
    assert {"/health", "/ready", "/metrics", "/api/tokens", "/api/page-token", "/api/agents", "/whip/{agent}"} <= set(
        paths
    )
    for path, methods in paths.items():
        for method, about in methods.items():
            assert about.get("summary"), (method, path)
            assert "application/problem+json" in about["responses"]["default"]["content"], (method, path)
            assert "HTTPValidationError" not in str(about), (method, path)
    assert paths["/whip/{agent}"]["post"]["security"] == [{"call token": []}]
    assert paths["/api/tokens"]["post"]["security"] == [{"admin key": []}]

"""Whether the server lives, whether it takes calls, and its metrics: for whatever watches over it."""

from typing import Final, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from mediaserver.api.problem import ProblemError
from mediaserver.api.reach import Reach

_WHY: Final = {
    "draining": "the server is being stopped, and takes no new call",
    "overloaded": "the server has more to do than it can do in time",
    "max-calls": "as many calls as may be are under way (limits.max_calls)",
}
_RETRY_AFTER_S: Final = "2"


class Health(BaseModel):
    """It lives."""

    status: Literal["ok"] = "ok"
    calls: int = Field(description="Calls that are not over.", examples=[3])
    lag_s: float = Field(description="Seconds by which the server is late with its work.", examples=[0.0])
    version: str


class Ready(BaseModel):
    """It takes calls."""

    status: Literal["ready"] = "ready"


def router(reach: Reach) -> APIRouter:
    """Health, readiness, metrics."""
    routes = APIRouter(tags=["Operation"])

    @routes.head("/health", include_in_schema=False)
    @routes.get("/health", summary="Does the server live?")
    async def health() -> Health:
        """200 as long as it answers at all: what should start it anew asks this."""
        standing = reach.standing()
        calls, lag_s = sum(standing.calls.values()), round(standing.lag_s, 3)
        return Health(calls=calls, lag_s=lag_s, version=reach.version)

    @routes.head("/ready", include_in_schema=False)
    @routes.get("/ready", summary="Does it take calls?", responses={503: {"description": "No, and why"}})
    async def ready() -> Ready:
        """200 if it does; 503 while it is being stopped, late, or full: what hands out calls asks this."""
        if (why := reach.closed()) is not None:
            raise ProblemError(503, _WHY.get(why, why), retry_after=_RETRY_AFTER_S)
        return Ready()

    @routes.get(
        "/metrics",
        summary="Metrics for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"example": 'mediaserver_calls{way="whip"} 3.0'}}}},
    )
    async def metrics() -> Response:
        """Calls by way and end, set-up times, each turn's latency by stage, packets and audio, faults, load."""
        return Response(reach.metrics(), media_type=CONTENT_TYPE_LATEST)

    return routes

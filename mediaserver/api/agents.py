"""Who can be called."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from mediaserver.api.permits import ADMIN_KEY, check_page_or_admin
from mediaserver.api.reach import Reach


class AgentNamed(BaseModel):
    """One agent."""

    name: str = Field(examples=["clinic"])
    model: str = Field(examples=["gpt-realtime"])


class AgentList(BaseModel):
    """All of them."""

    agents: list[AgentNamed]
    default: str = Field(description="Who answers where none is named.", examples=["clinic"])


def router(reach: Reach) -> APIRouter:
    """The list of agents."""
    routes = APIRouter(prefix="/api", tags=["Agents"])
    told: dict[int | str, dict[str, Any]] = {
        401: {"description": "No admin key"},
        403: {"description": "Neither the admin key nor the server's page"},
    }

    @routes.get("/agents", summary="Name the agents", responses=told, dependencies=[ADMIN_KEY])
    async def agents(request: Request) -> AgentList:
        """For whoever shows `http.admin_key`, and for the built-in page as far as `http.page` lets it."""
        check_page_or_admin(request, reach)
        named = [AgentNamed(name=each.name, model=each.model) for each in reach.agents]
        return AgentList(agents=named, default=reach.default.name)

    return routes

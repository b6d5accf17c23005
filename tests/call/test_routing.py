"""Who answers a call, and what the agent knows of it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mediaserver.call.routing import Routing
from mediaserver.sip.uri import NameAddr, SipUri
from mediaserver.talk.orders import Agent
from support.exchange import invite


def routing() -> tuple[Routing, list[Mapping[str, str]]]:
    asked: list[Mapping[str, str]] = []

    def answering(name: str) -> Agent:
        return Agent(name, "model", "prompt")

    def remembered(name: str):
        return lambda known: (asked.append(known), answering(name))[1]

    names = ("clinic", "shop", "Büro 2")
    return Routing({name: remembered(name) for name in names}, "clinic"), asked


@pytest.mark.parametrize(
    ("called", "answers"),
    [
        ("shop", "shop"),
        ("clinic", "clinic"),
        ("B%C3%BCro%202", "Büro 2"),
        ("+4930123", "clinic"),
        (None, "clinic"),
    ],
)
def test_the_name_that_is_called_answers_else_the_default_one(called: str | None, answers: str) -> None:
    table, _ = routing()
    request = replace(invite(), uri=SipUri("sip", called, "192.0.2.1"))
    assert table.agent("c1", request).name == answers


def test_the_agent_is_told_who_calls_whom() -> None:
    table, asked = routing()
    request = invite()
    request.headers.set("From", str(NameAddr("Ada", SipUri("sip", "+4930555", "192.0.2.9"), {"tag": "x"})))
    table.agent("c1", replace(request, uri=SipUri("sip", "shop", "192.0.2.1")))
    assert {name: value for name, value in asked[0].items() if value} == {
        "call_id": "c1",
        "caller": "+4930555",
        "caller_name": "Ada",
        "callee": "shop",
        "agent": "shop",
    }


def test_names_are_told_without_the_escapes_of_a_uri() -> None:
    table, asked = routing()
    request = invite()
    request.headers.set("From", str(NameAddr("", SipUri("sip", "J%C3%BCrgen", "192.0.2.9"), {"tag": "x"})))
    table.agent("c1", replace(request, uri=SipUri("sip", "B%C3%BCro%202", "192.0.2.1")))
    assert (asked[0]["caller"], asked[0]["callee"]) == ("Jürgen", "Büro 2")

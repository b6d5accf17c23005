"""Who answers a call, and what the agent knows of it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from mediaserver.call.number import Plan
from mediaserver.call.routing import Routing
from mediaserver.config.phones import Phone
from mediaserver.config.routing import Rule
from mediaserver.sip.uri import NameAddr, SipUri
from mediaserver.talk.orders import Agent
from support.exchange import invite
from support.trunks import asked as request
from support.trunks import trunk


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


def routed(*, rules: tuple[Rule, ...] = (), **settings: object) -> tuple[Routing, list[Mapping[str, str]]]:
    """Routing with rules, a trunk "carrier" with these settings, and two phones."""
    table, asked = routing()
    phones = {
        "alice": Phone(password=SecretStr("a"), agent="shop", display="Alice of the desk"),
        "bob": Phone(password=SecretStr("b")),
    }
    by = trunk(user="acc", register=True, **settings)
    return replace(
        table, rules=rules, trunks={"carrier": by}, phones=phones, plan=Plan("49"), headers=("X-Customer-Id",)
    ), asked


def answers(table: Routing, called: str, *, trunk: str | None = None, user: str | None = None, **fields: str) -> str:
    return table.agent("c1", request(line_uri=f"sip:{called}@192.0.2.1", **fields), trunk, user).name


def test_rules_come_first_and_the_first_that_fits_decides() -> None:
    table, _ = routed(
        rules=(
            Rule(agent="Büro 2", caller="+43*"),
            Rule(agent="shop", trunk="carrier", called="+4930555"),
            Rule(agent="clinic", phone="alice"),
            Rule(agent="Büro 2", called="+49305[0-4]?"),
        )
    )
    assert answers(table, "shop", From="<sip:0043155@h>;tag=1") == "Büro 2"
    assert answers(table, "030555", trunk="carrier") == answers(table, "4930555", trunk="carrier") == "shop"
    assert answers(table, "+4930555") == "clinic", "by no trunk"
    assert answers(table, "anything", user="alice") == "clinic"
    assert answers(table, "+4930541", user="bob") == "Büro 2"
    assert answers(table, "+4930551", user="bob") == "clinic", "the default one"


def test_numbers_of_a_trunk_then_names_then_its_own_agent() -> None:
    table, _ = routed(numbers={"+4930555": "clinic", "+49305*": "Büro 2"}, agent="shop")
    assert answers(table, "+4930555", trunk="carrier") == "clinic"
    assert answers(table, "+4930556", trunk="carrier") == "Büro 2"
    assert answers(table, "clinic", trunk="carrier") == "clinic"
    assert answers(table, "+4940", trunk="carrier") == "shop"
    assert answers(table, "acc", trunk="carrier", To="<sip:+4930555@carrier.example>") == "clinic", "by our Contact"
    assert answers(table, "+4940", user="alice") == "shop"


def test_the_agent_is_told_by_what_way_and_from_where_a_call_came() -> None:
    table, asked = routed()
    fields = {
        "P-Asserted-Identity": "<sip:+4930777@h>",
        "Privacy": "id",
        "Diversion": "<sip:+4930888@h>;reason=no-answer",
        "X-Customer-Id": "4711",
    }
    answers(
        replace(table, attest=lambda request, caller: "A" if caller else "none"), "+4930555", trunk="carrier", **fields
    )
    assert asked[0] == {
        "call_id": "c1",
        "caller": "+4930777",
        "caller_name": "",
        "callee": "+4930555",
        "agent": "clinic",
        "trunk": "carrier",
        "user": "",
        "privacy": "private",
        "diverted_from": "+4930888",
        "diversion_reason": "no-answer",
        "identity": "A",
        "sip_x_customer_id": "4711",
    }
    answers(table, "shop", user="alice")
    assert (asked[1]["user"], asked[1]["caller_name"]) == ("alice", "Alice of the desk")

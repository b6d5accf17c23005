"""What an agent may say about keys and transfers."""

import pytest

from mediaserver.agents.checks import examine
from mediaserver.agents.definition import AgentDefinition, Dtmf, TransferCall
from mediaserver.agents.schema import agent_schema
from mediaserver.talk.digits import DigitSettings
from mediaserver.talk.transfer import Transfer

TOOLS = ["end_call", "transfer_call"]


def found(**changes):
    written = {"name": "clinic", "model": "gpt-realtime-2.1", "prompt": "Answer {caller}.", **changes}
    return examine(written)[1]


def faults(**changes):
    return [str(each) for each in found(**changes).faults]


def warnings(**changes):
    told = found(**changes)
    assert told.faults == []
    return [str(each) for each in told.warnings]


def test_all_of_it_together():
    transfer = {
        "valid_numbers": ["+49 30 1234", "sip:ward@pbx.example"],
        "style": "attended",
        "wait_result": False,
        "default_message": "I am putting {caller} through.",
        "headers": {"X-Caller": "{caller}", "X-Why": "asked for a person"},
        "ignore_first": True,
    }
    dtmf = {
        "send": True,
        "collect": True,
        "inter_digit_timeout_ms": 3000,
        "max_digits": 12,
        "submit_digit": "*",
        "barge_in": True,
        "inband": "auto",
    }
    assert warnings(tools=[*TOOLS, "press_keys"], transfer_call=transfer, dtmf=dtmf) == []
    assert set(transfer) | {"default_number"} == set(TransferCall.model_fields)
    assert set(dtmf) == set(Dtmf.model_fields)


def test_defaults_say_nothing_and_do_nothing():
    assert warnings() == []
    definition = AgentDefinition(name="a", model="m", prompt="p")
    assert DigitSettings(**definition.dtmf.model_dump()) == DigitSettings()
    assert Transfer(**definition.transfer_call.model_dump()) == Transfer()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtmf": {"sned": True}}, "dtmf.sned: is unknown; did you mean send"),
        ({"dtmf": {"submit_digit": "##"}}, "dtmf.submit_digit"),
        ({"dtmf": {"inband": "sometimes"}}, "dtmf.inband"),
        ({"dtmf": {"max_digits": 0}}, "dtmf.max_digits"),
        ({"dtmf": True}, "dtmf: has to be an object"),
        ({"transfer_call": {"number": "1"}}, "transfer_call.number: is unknown"),
        ({"transfer_call": {"style": "blind"}}, "transfer_call.style"),
        ({"transfer_call": {"default_number": "the boss"}}, "write a telephone number"),
        ({"transfer_call": {"valid_numbers": ["110", "mum"]}}, "transfer_call.valid_numbers.1"),
        ({"transfer_call": {"headers": {"X Caller": "1"}}}, "transfer_call.headers.X Caller"),
        ({"tools": ["hang_up"]}, '"end_call" or "transfer_call" or "press_keys"'),
    ],
)
def test_malformed(changes, words):
    (told,) = faults(**changes)
    assert words in told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"headers": {"Refer-To": "x"}}, "transfer_call.headers.Refer-To: is written by the server itself"),
        ({"headers": {"f": "x"}}, "transfer_call.headers.f: is written"),
        ({"headers": {"X-A": "a\r\nVia: b"}}, "transfer_call.headers.X-A: has to be one line"),
        ({"headers": {"X-A": "{calller}"}}, "transfer_call.headers.X-A: {calller} is no variable; did you mean caller"),
        ({"default_message": "{who}"}, "transfer_call.default_message: {who} is no variable"),
    ],
)
def test_senseless(given, words):
    (told,) = faults(tools=TOOLS, transfer_call={"valid_numbers": ["1"], **given})
    assert told.startswith(words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tools": TOOLS}, "transfer_call.valid_numbers: is empty, so the model may choose any number"),
        (
            {"tools": TOOLS, "transfer_call": {"default_number": "1", "valid_numbers": ["2"]}},
            "transfer_call.valid_numbers: has no effect",
        ),
        ({"transfer_call": {"default_number": "1"}}, "transfer_call: has no effect: transfer_call is not among tools"),
        ({"dtmf": {"collect": True}}, "dtmf.collect: has no effect: the model is not told"),
        ({"dtmf": {"send": True, "max_digits": 3}}, "dtmf.max_digits: has no effect: keys are told one by one"),
        ({"model": "nova-sonic", "dtmf": {"send": True}}, "dtmf.send: has no effect with nova-sonic"),
    ],
)
def test_of_no_effect(changes, words):
    told = [each for each in warnings(**changes) if each.startswith(("dtmf", "transfer_call"))]
    assert len(told) == 1 and told[0].startswith(words)


def test_the_schema_has_every_key_with_its_meaning():
    definitions = agent_schema()["$defs"]
    for name in ("Dtmf", "TransferCall"):
        assert definitions[name]["additionalProperties"] is False
        assert all(each["description"] for each in definitions[name]["properties"].values())
    assert definitions["Dtmf"]["properties"]["inband"]

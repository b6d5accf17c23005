"""Keys by INFO, and keys that the agent presses."""

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.call.keys import Key, pressed_by_info, relay, schedule
from mediaserver.talk.orders import KeysWanted, Outcome, Press, Pressed
from support.exchange import Exchange, sdp
from support.virtual_time import tell


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", Key("5", 160.0)),
        ("application/dtmf-relay", b"Signal= #\r\nDuration= 250", Key("#", 250.0)),
        ("Application/DTMF-Relay; charset=x", b"signal=*\nduration=90\n", Key("*", 90.0)),
        ("application/dtmf-relay", b"Signal=10\r\nDuration=100", Key("*")),
        ("application/dtmf-relay", b"Signal=11\r\n", Key("#")),
        ("application/dtmf-relay", b"Duration=100\r\nSignal=d\r\n", Key("D")),
        ("application/dtmf-relay", b"Signal=1\r\nDuration=0\r\n", Key("1")),
        ("application/dtmf", b"7", Key("7")),
        ("application/dtmf", b" 9\r\n", Key("9")),
        ("application/dtmf-relay", b"Signal=16\r\n", None),
        ("application/dtmf-relay", b"Signal=hf\r\n", None),
        ("application/dtmf-relay", b"Duration=100", None),
        ("application/dtmf-relay", b"", None),
        ("application/dtmf", b"", None),
        ("application/dtmf", b"12345", None),
        ("application/dtmf", "²".encode(), None),
        ("text/plain", b"Signal=5", None),
        ("", b"5", None),
    ],
)
def test_the_key_an_info_tells_of(content_type: str, body: bytes, key: Key | None) -> None:
    assert pressed_by_info(content_type, body) == key


@given(st.sampled_from(["application/dtmf", "application/dtmf-relay"]), st.binary(max_size=60))
def test_whatever_comes_is_a_key_or_none(content_type: str, body: bytes) -> None:
    key = pressed_by_info(content_type, body)
    assert key is None or (key.digit in "0123456789*#ABCD" and key.duration_ms > 0)


@pytest.mark.parametrize("unit", [b"\r\n", b" ", b" \n", b"Signal=", b"Signal=x\r\n"])
def test_a_long_body_is_read_at_once(unit: bytes) -> None:
    before = time.process_time()
    pressed_by_info("application/dtmf-relay", (unit * 60_000)[:60_000])
    assert time.process_time() - before < 0.5, "all calls wait meanwhile"


@given(st.sampled_from("0123456789*#ABCD"))
def test_what_we_send_is_what_we_would_read(digit: str) -> None:
    key = pressed_by_info("application/dtmf-relay", relay(digit))
    assert key is not None and key.digit == digit


def test_keys_are_pressed_one_after_the_other_with_their_pauses() -> None:
    due = schedule("1w2,d x")
    assert [digit for _, digit in due] == ["1", "2", "D"]
    times = [at for at, _ in due]
    assert times == pytest.approx([0.0, 0.76, 3.02])


def test_a_key_by_info_reaches_the_conversation() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.pressed("5")
        exchange.informed("application/dtmf-relay", b"nonsense")
        assert exchange.plane.orders[-1] == Pressed(exchange.id, "5", 160.0)
        exchange.ended()

    tell(story())


EVENTS = "0 8 101"


@pytest.mark.parametrize(
    ("style", "formats", "way"),
    [
        ("auto", EVENTS, "auto"),
        ("rfc4733", EVENTS, "auto"),
        ("rfc4733", "0", "auto"),
        ("inband", EVENTS, "tones"),
        ("auto", "0", None),
        ("info", EVENTS, None),
    ],
)
def test_keys_of_the_agent_go_as_the_trunk_wants_them(style: Any, formats: str, way: str | None) -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.keys = style
        exchange.invited(sdp(formats) + (b"a=rtpmap:101 telephone-event/8000\r\n" if formats == EVENTS else b""))
        exchange.ready()
        exchange.acknowledged()
        exchange.reports(KeysWanted, "k1", "1#")
        await asyncio.sleep(1)
        pressed = [order for order in exchange.plane.orders if isinstance(order, Press)]
        informed = [command[2] for command in exchange.network.sent if command[0] == "INFO"]
        if way is not None:
            assert pressed == [Press(exchange.id, "1#", way)]  # type: ignore[arg-type]
            assert informed == []
        else:
            assert pressed == [] and informed == [relay("1"), relay("#")]
        assert exchange.plane.orders[-1] == Outcome(exchange.id, "k1", json.dumps({"pressed": "1#"}))
        exchange.ended()

    tell(story())


def test_no_key_is_pressed_on_a_call_that_is_over() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.ways.keys = "info"
        exchange.talking()
        exchange.reports(KeysWanted, "k1", "12345")
        await asyncio.sleep(0.4)
        exchange.ended()
        sent = len(exchange.network.sent)
        await asyncio.sleep(5)
        assert len(exchange.network.sent) == sent
        assert not any(isinstance(order, Outcome) for order in exchange.plane.orders)

    tell(story())


def test_what_has_no_keys_is_told_so() -> None:
    async def story() -> None:
        exchange = Exchange()
        exchange.talking()
        exchange.reports(KeysWanted, "k1", "hello")
        (outcome,) = [order for order in exchange.plane.orders if isinstance(order, Outcome)]
        assert "has no keys" in json.loads(outcome.text)["error"]
        exchange.ended()

    tell(story())

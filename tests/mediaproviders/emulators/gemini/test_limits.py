"""How long connections and sessions last, and how a client comes back."""

import pytest

from mediaproviders.emulators.gemini import Fault
from support.geminiemulator import Rehearsal, contents, settings

COMPRESSED = {"contextWindowCompression": {"slidingWindow": {}}}


def handles(messages):
    updates = [each["sessionResumptionUpdate"] for each in messages if "sessionResumptionUpdate" in each]
    return [each.get("newHandle") if each["resumable"] else None for each in updates]


def test_a_connection_is_announced_to_end_and_ends():
    rehearsal = Rehearsal()
    rehearsal.setup(**COMPRESSED)
    assert rehearsal.run(539.9) == []
    assert rehearsal.run(0.2) == [{"goAway": {"timeLeft": "60s"}}]
    rehearsal.run(59.8)
    assert rehearsal.closed is None
    rehearsal.run(0.2)
    assert rehearsal.refused()[0] == 1001


def test_a_session_that_does_not_compress_ends_over_all_its_connections():
    rehearsal = Rehearsal(settings(connection_s=600.0, session_s=900.0))
    rehearsal.setup(sessionResumption={})
    (handle,) = [each for each in handles(rehearsal.type("Hello") + rehearsal.run(5)) if each]
    rehearsal.run(590)
    rehearsal.connect()
    rehearsal.setup(sessionResumption={"handle": handle})
    assert rehearsal.run(300)[-1]["goAway"]
    rehearsal.run(10)
    assert rehearsal.refused() == (1008, "The session has exceeded its maximum duration.")


def test_a_context_that_is_full():
    rehearsal = Rehearsal(settings(context_tokens=10))
    rehearsal.setup()
    rehearsal.type("x" * 100)
    code, reason = rehearsal.refused()
    assert code == 1007
    assert "exceeds the maximum number of tokens" in reason
    rehearsal = Rehearsal(settings(context_tokens=10))
    rehearsal.setup(**COMPRESSED)
    rehearsal.type("x" * 100)
    assert rehearsal.closed is None


def test_handles_come_between_answers_and_lead_back():
    rehearsal = Rehearsal()
    rehearsal.setup(sessionResumption={})
    messages = rehearsal.type("I am Ada") + rehearsal.run(5)
    assert handles(messages) == [None, "handle-1"]
    assert handles(rehearsal.type("Hello") + rehearsal.run(5)) == [None, "handle-2"]
    rehearsal.connect()
    assert rehearsal.setup(sessionResumption={"handle": "handle-1"})[0] == {"setupComplete": {"sessionId": "session-1"}}
    rehearsal.type("Who am I?")
    assert rehearsal.timeline.of("response_created")[0]["known"] == 5


def test_no_handles_unless_they_are_wanted():
    rehearsal = Rehearsal()
    rehearsal.setup()
    assert handles(rehearsal.type("Hello") + rehearsal.run(5)) == []


def test_a_handle_of_no_session():
    rehearsal = Rehearsal()
    rehearsal.setup(sessionResumption={"handle": "old"})
    assert rehearsal.refused() == (1008, "BidiGenerateContent session not found")


def test_going_away_by_script():
    rehearsal = Rehearsal(settings(faults=(Fault("go_away", at_s=1.0, seconds=0.5),)))
    rehearsal.setup(**COMPRESSED)
    assert rehearsal.run(1.1) == [{"goAway": {"timeLeft": "0.5s"}}]
    rehearsal.run(0.5)
    assert rehearsal.refused()[0] == 1001


@pytest.mark.parametrize("kind", ["stall", "flood", "empty", "interrupted", "mute", "close"])
def test_a_misfortune_of_the_first_answer(kind):
    fault = Fault(kind, on_turn=1, after_ms=0 if kind == "empty" else 80, seconds=3)
    rehearsal = Rehearsal(settings(faults=(fault,)))
    rehearsal.setup()
    messages = rehearsal.type("Hello") + rehearsal.run(2)
    pieces = len(contents(messages, "modelTurn"))
    if kind == "close":
        assert rehearsal.refused() == (1011, "Internal error encountered.")
    expected = {"stall": 2, "empty": 0, "interrupted": 2, "mute": 2, "close": 2}
    assert pieces == expected.get(kind, 10 + 80)
    assert bool(contents(messages, "turnComplete")) is (kind in ("empty", "interrupted"))
    if kind == "stall":
        assert len(contents(rehearsal.run(3), "modelTurn")) == 8


def test_a_misfortune_needs_a_time():
    with pytest.raises(ValueError, match="give either"):
        Fault("reset")

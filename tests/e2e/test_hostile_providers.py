"""Ten hostile behaviours on every provider, over real calls: each ends as docs/providers-in-trouble.md says.

All calls of a service are made at once, to one server. Each has an emulator of its own; what came of it is then judged
call by call.
"""

import asyncio
from collections.abc import Mapping

import pytest

from support.hostile import ANSWER_MS, DELAYS_S, STALL_S, Played, play
from support.hostile_scenes import GRAIN_S, MIDDLE, scenes
from support.hostile_scripts import SERVICES, Script, Service

TURN_ENDS_S = 2.5
"""The longest silence after which a service takes the caller's turn for ended, and tells of it."""
BUSY_S = 2.5
"""How much later than it should something may come on a machine that has other things to do."""


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    """One provider after another."""
    return SERVICES[request.param]


@pytest.fixture(scope="module")
def played(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Played]:
    """All scenes of it."""
    return asyncio.run(play(service, scenes(service), tmp_path_factory.mktemp(service.name)))


# --- what a call may come to -----------------------------------------------------------------------------------------


def went_on(call: Played) -> None:
    """The call was not ended by anything but the caller."""
    assert call.report.status == 200
    assert (call.report.ended_by, call.report.timed_out) == ("caller", [])
    assert call.end == ("completed", "caller-hung-up", None)


def apologised(call: Played, reason: str) -> float:
    """The caller was told by sound and by SIP that the model is lost; when, in seconds of the call."""
    began = call.apologised_at
    assert began is not None, "the caller was told nothing"
    assert call.report.ended_by == "agent"
    assert call.report.reason == f'Q.850;cause=41;text="{reason}"'
    assert call.end == ("failed", reason, None)
    assert [f"model-{line.fields['code']}" for line in call.of("provider.lost")] == [reason]
    assert call.report.duration_s - began < 1.0 + BUSY_S, "dead air after the last words"
    return began


def rejected(call: Played, reason: str) -> None:
    assert call.report.status == 503
    assert call.end == ("rejected", reason, 503)
    (line,) = call.of("call.rejected")
    assert (line.fields["reason"], line.fields["sip_status"]) == (reason, 503)


def given_anew(call: Played) -> float:
    """The answer had begun, and was heard in full after that; when, in seconds of the call."""
    anew = call.heard(call.answer(), after_s=call.asked_at)
    assert anew is not None, "the answer was not heard in full"
    assert call.begun(call.answer(), before_s=anew), "nothing of it was heard at first"
    assert call.of("transcript", speaker="agent", broken_off=True)
    return anew


def relieved(call: Played, service: Service, why: str) -> None:
    """The other provider's model took over, and answered."""
    went_on(call)
    own = call.of("call.incoming")[0].fields["agent"]
    (line,) = call.of("provider.took_over")
    assert line.fields["model"] == service.stand_in[1], own
    assert not call.reconnected or f"was lost ({why})" in call.reconnected[0]
    assert call.heard(call.answer(stand_in=True), after_s=call.asked_at) is not None


def both_answers_heard(call: Played) -> None:
    went_on(call)
    first, second = (call.heard(call.answer(number), after_s=call.asked_at) for number in (0, 1))
    assert first is not None and second is not None and first < second
    assert call.reconnected == []


# --- stall -----------------------------------------------------------------------------------------------------------


def test_an_answer_that_stalls_is_given_anew(played: Mapping[str, Played]) -> None:
    call = played["stall"]
    went_on(call)
    assert (call.struck, call.reconnected) == (["stall"], ["stalled"])
    assert given_anew(call) > call.asked_at + STALL_S


def test_a_model_that_never_says_a_word_is_given_up(played: Mapping[str, Played]) -> None:
    call = played["mute"]
    assert call.struck == ["stall"]
    began = apologised(call, "model-stalled")
    assert STALL_S < began - call.asked_at < STALL_S + GRAIN_S + TURN_ENDS_S + BUSY_S
    again = played["stall-then-mute"]
    assert again.reconnected == ["stalled"]
    assert apologised(again, "model-stalled") > call.asked_at + 2 * STALL_S


def test_a_model_that_never_says_a_word_is_relieved(played: Mapping[str, Played], service: Service) -> None:
    relieved(played["mute-relieved"], service, "stalled")


# --- flood -----------------------------------------------------------------------------------------------------------


def test_a_flood_is_played_at_the_pace_of_speech_and_can_be_interrupted(played: Mapping[str, Played]) -> None:
    call = played["flood"]
    both_answers_heard(call)
    assert call.struck == ["flood"]
    (cut,) = call.of("barge_in")
    assert ANSWER_MS < cut.fields["heard_ms"] < 10_000
    assert call.report.reception is not None and call.report.reception.missing == 0


# --- garbage ---------------------------------------------------------------------------------------------------------


def test_garbage_is_passed_over(played: Mapping[str, Played]) -> None:
    call = played["garbage"]
    both_answers_heard(call)
    assert call.struck
    assert len(call.of("provider.fault", code="malformed")) >= 3


def test_nothing_but_garbage_ends_the_session_and_not_the_call(played: Mapping[str, Played]) -> None:
    call = played["nothing-but-garbage"]
    went_on(call)
    assert call.reconnected == ["protocol"]
    given_anew(call)


# --- wrong order -----------------------------------------------------------------------------------------------------


def test_events_in_the_wrong_order_do_not_end_the_call(played: Mapping[str, Played], service: Service) -> None:
    call = played["wrong-order"]
    assert call.struck == ["wrong_order"]
    if service.family != "openai":
        both_answers_heard(call)
        return
    # The answer was declared over in the middle: what follows belongs to nothing.
    went_on(call)
    assert call.begun(call.answer(0), before_s=call.asked_at + TURN_ENDS_S + BUSY_S)
    assert call.heard(call.answer(0)) is None
    assert call.heard(call.answer(1), after_s=call.asked_at) is not None
    assert (call.reconnected, len(call.of("provider.fault", code="wrong_order"))) == ([], 2)


# --- expired key -----------------------------------------------------------------------------------------------------


def test_a_bad_key_is_told_before_the_answer(played: Mapping[str, Played]) -> None:
    call = played["bad-key"]
    rejected(call, "model-invalid_api_key")
    assert call.tries <= 1, "it was tried again"


def test_a_key_that_expires_ends_the_call(played: Mapping[str, Played], service: Service) -> None:
    call = played["key-expires"]
    apologised(call, "model-invalid_api_key")
    # Amazon's may be temporary, and new ones at hand: one more session is tried.
    assert (call.tries, call.reconnected) == (2 if service.family == "nova" else 1, [])


def test_a_key_that_expires_is_a_case_for_another_model(played: Mapping[str, Played], service: Service) -> None:
    relieved(
        played["key-expires-relieved"], service, "session_expired" if service.family == "nova" else "invalid_api_key"
    )


# --- throttle --------------------------------------------------------------------------------------------------------


def test_a_throttled_service_is_tried_again(played: Mapping[str, Played]) -> None:
    call = played["throttle"]
    went_on(call)
    assert call.heard(call.answer(), after_s=call.asked_at) is not None
    assert (call.tries, len(call.of("provider.fault", code="rate_limit_exceeded"))) == (3, 2)


def test_a_service_that_stays_throttled_turns_callers_away(played: Mapping[str, Played]) -> None:
    call = played["throttle-for-good"]
    rejected(call, "model-rate_limit_exceeded")
    assert call.tries == len(DELAYS_S)


def test_a_service_that_stays_throttled_is_relieved_at_once(played: Mapping[str, Played], service: Service) -> None:
    call = played["throttle-relieved"]
    relieved(call, service, "")
    assert call.tries == 1


def test_a_service_that_is_throttled_when_it_is_needed_again_is_given_up(played: Mapping[str, Played]) -> None:
    call = played["throttle-within"]
    assert call.begun(call.answer(), before_s=apologised(call, "model-rate_limit_exceeded"))
    assert call.tries == 1 + len(DELAYS_S)


def test_answers_that_fail_are_given_by_another_session(played: Mapping[str, Played], service: Service) -> None:
    call = played["throttled-answers"]
    went_on(call)
    assert call.reconnected == ["rate_limit_exceeded"]
    assert call.heard(call.answer(), after_s=call.asked_at) is not None
    failed = call.of("provider.response", status="failed", reason="rate_limit_exceeded")
    assert len(failed) == (2 if service.family == "openai" else 0)


# --- reset, close ----------------------------------------------------------------------------------------------------


def test_a_reset_in_the_middle_of_a_word_is_survived(played: Mapping[str, Played], service: Service) -> None:
    call = played["reset"]
    went_on(call)
    assert call.reconnected == ["closed_1006" if service.family == "openai" else "connection_lost"]
    given_anew(call)
    assert call.tries == 2
    if service.family == "nova":  # the first generation cannot be asked for an answer once more
        apologised(played["reset-first-generation"], "model-stalled")


CLOSES = {
    "openai": ["closed_1011", "closed_1001", "closed_1012"],
    "gemini": ["closed_1011", "closed_1008", "closed_1001"],
    "nova": ["server_error", "connection_lost", "connection_lost"],
}


def test_sessions_that_are_closed_are_replaced(played: Mapping[str, Played], service: Service) -> None:
    call = played["closes"]
    went_on(call)
    assert call.reconnected == CLOSES[service.family]
    given_anew(call)


def test_a_model_that_throws_the_caller_out_for_good_is_given_up(
    played: Mapping[str, Played], service: Service
) -> None:
    call = played["thrown-out"]
    _, code = Script(service).thrown_out(**MIDDLE)
    apologised(call, f"model-{code}")
    assert (call.tries, call.reconnected) == (1, [])


# --- unknown events --------------------------------------------------------------------------------------------------


def test_unknown_events_are_passed_over_without_a_word(played: Mapping[str, Played]) -> None:
    call = played["unknown"]
    both_answers_heard(call)
    assert len(call.struck) == 3
    assert call.of("provider.fault") == []


# --- empty answer ----------------------------------------------------------------------------------------------------


def test_an_empty_answer_is_asked_for_again(played: Mapping[str, Played]) -> None:
    call = played["empty"]
    went_on(call)
    assert len(call.of("provider.empty_answer")) == 1
    assert call.heard(call.answer(1), after_s=call.asked_at) is not None
    assert call.reconnected == []


def test_a_model_of_empty_answers_is_given_up(played: Mapping[str, Played]) -> None:
    call = played["always-empty"]
    assert len(call.struck) == 2
    apologised(call, "model-empty-answers")


def test_empty_answers_of_a_session_that_spoke_before_are_asked_of_the_next(played: Mapping[str, Played]) -> None:
    call = played["empty-after-words"]
    went_on(call)
    assert call.reconnected == ["empty-answers"]
    first, second = (said.voice_ended_at - (call.report.answered_at or 0.0) for said in call.report.spoken)
    # Each session's first answer: of the one before the second question, and of the next one after it.
    assert call.heard(call.answer(), after_s=first, before_s=second) is not None
    assert call.heard(call.answer(), after_s=second) is not None

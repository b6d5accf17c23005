import math

import pytest

from bench.figures import Media
from bench.goals import verdicts
from bench.modes import DEFAULT_MODES, PROVIDER_MODES, SCENARIOS
from bench.rounds import Detection, Load, Round, Usage
from bench.run import _options, document, main, plan
from bench.services import SERVICES
from bench.tables import markdown, median, memory_of_call, select, table
from mediaserver.load.reference import Spread

NOTHING = Spread.of([])


def a_round(program, mode, *, cpu=9.0, detection=None, calls=50, underruns=0):
    spread = Spread.of([1.0, 2.0, 3.0])
    media = Media(
        calls=calls, packets=1000, missing=0, lateness=spread, uplink=spread, decision=spread, downlink=spread,
        added_path=spread, barge_in_stop=NOTHING if detection else spread, barge_in_stop_from_onset=spread,
        clock=spread, turns=20, unanswered=1, callers_late=spread,
    )  # fmt: skip
    usage = Usage(
        cpu=cpu, cpu_children=0.0, rss_cold=80.0, rss_before=85.0, rss_during=90.0, rss_after=86.0,
        emulator=0.25, callers=0.1,
    )  # fmt: skip
    uplink_ms = SCENARIOS[mode].connected.uplink_ms if program == "server" else 20
    return Round(program, mode, Load(calls, 40.0), uplink_ms, usage, underruns, detection, media)


def test_server_and_floor_take_turns_and_the_other_way_round_the_next_time():
    steps = plan(_options(["--modes", "constant,burst"]))
    assert [step.name for step in steps] == [
        "constant-1-server", "constant-1-floor", "burst-1-server", "burst-1-floor",
        "constant-2-floor", "constant-2-server", "burst-2-floor", "burst-2-server",
    ]  # fmt: skip


def test_the_default_takes_a_little_more_than_twenty_minutes():
    steps = plan(_options([]))
    assert {step.mode for step in steps} == set(DEFAULT_MODES)
    assert {(step.load.calls, step.load.seconds) for step in steps} == {(50, 40.0)}
    assert 18 < sum(step.load.seconds + 14 for step in steps) / 60 < 23


def test_each_service_has_its_row_and_the_floor_is_measured_once():
    assert {SCENARIOS[mode].service for mode in PROVIDER_MODES} == set(SERVICES)
    steps = plan(_options(["--modes", ",".join(PROVIDER_MODES), "--rounds", "1"]))
    assert [step.name for step in steps] == [
        "constant-1-server", "constant-1-floor", "azure-1-server", "xai-1-server", "gemini-1-server", "nova-1-server",
    ]  # fmt: skip


def test_the_floor_is_connected_to_openai_in_every_mode():
    for mode, scenario in SCENARIOS.items():
        floor = scenario.for_floor()
        assert (floor.service, floor.interruption) == ("openai", "provider"), mode


def test_local_needs_no_floor_of_its_own_beside_constant():
    names = [step.name for step in plan(_options(["--modes", "constant,local", "--rounds", "1"]))]
    assert names == ["constant-1-server", "constant-1-floor", "local-1-server"]
    alone = [step.name for step in plan(_options(["--modes", "local", "--rounds", "1"]))]
    assert alone == ["local-1-server", "local-1-floor"]
    rounds = [a_round("floor", "constant", cpu=6.0), a_round("server", "local")]
    assert [each.usage.cpu for each in select(rounds, "local", "floor")] == [6.0]
    assert select(rounds, "constant", "server") == []


def test_browsers_are_measured_beside_telephones_and_share_their_floor():
    names = [step.name for step in plan(_options(["--modes", "constant,webrtc", "--rounds", "1"]))]
    assert names == ["constant-1-server", "constant-1-floor", "webrtc-1-server"]
    assert not SCENARIOS["webrtc"].for_floor().browser


def test_what_a_call_takes_of_memory_is_shared_out():
    assert memory_of_call(a_round("server", "webrtc", calls=10)) == 1.0
    big = a_round("server", "webrtc", calls=4)
    assert dict(verdicts("webrtc", [big], []))["memory at most 2 MB a call"] is False
    assert "memory at most 2 MB a call" not in dict(verdicts("constant", [big], []))


def test_short_turns_have_a_load_of_their_own():
    (step, _) = plan(_options(["--modes", "turns", "--rounds", "1"]))
    assert step.load.calls == 5
    assert 160 < step.load.seconds < 180


def test_an_unknown_mode_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--modes", "constant,loud"])
    assert "no such mode: loud" in capsys.readouterr().err


def test_medians_leave_out_what_was_not_measured():
    rounds = [a_round("server", "constant", cpu=cpu) for cpu in (1.0, math.nan, 5.0, 9.0)]
    assert median(rounds, lambda r: r.usage.cpu) == 5.0
    assert median(rounds, lambda r: None) is None


def test_the_markdown_has_a_column_for_each_mode():
    rounds = [
        a_round("server", "constant"), a_round("floor", "constant", cpu=6.0, underruns=None),
        a_round("server", "local", cpu=12.0, detection=Detection(0.256, 100, 20)),
    ]  # fmt: skip
    text = markdown(rounds, "Python 3.13, 2 cores")
    lines = text.splitlines()
    assert lines[0].startswith("50 calls of 40 s, 1 round, one message per 20 ms packet")
    assert lines[2] == "| | constant | local |"
    assert {line.count("|") for line in lines[2:]} == {4}
    assert "| CPU, ms per call-second | 9 / 6 (**1.50**) | 12 / 6 (**2.00**) |" in lines
    assert any(line.startswith("| own detector on") and line.endswith("| - | 25.6 / - |") for line in lines)
    assert any("after the model's event" in line and line.endswith("| - / 2.90 |") for line in lines)
    assert any(line.startswith("| memory") and "85 → 90 → 86 / 85 → 90 → 86" in line for line in lines)


def test_different_loads_stand_over_their_columns():
    text = markdown([a_round("server", "constant"), a_round("server", "turns", calls=5)], "here")
    assert "constant<br>50 calls of 40 s, 1 round | turns<br>5 calls of 40 s, 1 round |" in text


def test_the_markdown_has_a_row_for_each_service():
    rounds = [
        a_round("server", "constant"), a_round("floor", "constant", cpu=6.0, underruns=None),
        a_round("server", "gemini", cpu=10.5), a_round("server", "nova", cpu=8.25, calls=30),
    ]  # fmt: skip
    by_mode, by_service = markdown(rounds, "here").split("\n\n", 2)[0::2]
    assert "gemini" not in by_mode
    lines = by_service.splitlines()
    head = next(line for line in lines if line.startswith("| | load"))
    assert {line.count("|") for line in lines if line.startswith("|")} >= {head.count("|")}
    gemini = next(line for line in lines if line.startswith("| Gemini Live"))
    assert gemini.startswith("| Gemini Live | 50 calls of 40 s, 1 round | WebSocket, TLS | 40 | 10.5 | **1.75** | - |")
    nova = next(line for line in lines if line.startswith("| Nova Sonic"))
    assert "| 30 calls of 40 s, 1 round | HTTP/2, TLS | 60 | 8.25 |" in nova
    assert any(line.startswith("| *floor* |") and "| 20 | 6 | - |" in line for line in lines)


@pytest.mark.parametrize("mode", SCENARIOS)
def test_the_goals_of_every_mode(mode):
    server, floor = [a_round("server", mode)], [a_round("floor", mode, cpu=4.0)]
    goals = dict(verdicts(mode, server, floor))
    cpu = {goal: reached for goal, reached in goals.items() if goal.startswith("CPU")}
    match mode:
        case "gemini":
            assert cpu == {"CPU at most 2 times the floor's": False}
        case "webrtc":
            assert cpu == {"CPU at most 12 ms per call-second": True}
            assert goals["lateness p99 at most 8 ms"] is True
            assert goals["memory at most 2 MB a call"] is True
        case "nova":
            assert cpu == {"CPU at most 15 ms per call-second": True}
        case _:
            assert cpu == {"CPU at most 1.6 times the floor's": False}
    assert goals["every turn answered"] is False
    assert goals["no underrun"] is True
    by_event = SCENARIOS[mode].interruption == "provider" and not SCENARIOS[mode].short
    assert any("barge-in" in goal for goal in goals) is by_event
    assert table(mode, server, floor).row_count > 20


def test_the_document_holds_every_round():
    found = document([a_round("server", "local", detection=Detection(0.2, 10, 5))])["rounds"][0]
    assert found["load"]["calls"] == 50
    assert found["detection"] == {"open_share": 0.2, "windows": 10, "runs": 5}
    assert found["usage"]["rss_cold"] == 80.0

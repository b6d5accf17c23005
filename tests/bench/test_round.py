"""Short real runs: two calls to the floor and to the server, through real sockets and processes."""

import math

from bench.rounds import Load, run_round


def test_two_calls_to_the_floor(tmp_path):
    done = run_round("floor", "constant", Load(calls=2, seconds=9.0), tmp_path)
    media = done.media
    assert media.calls == 2
    assert media.missing == 0
    # Both callers' questions and the first one's barge-in had time for an answer.
    assert media.turns >= 2
    assert media.unanswered == 0
    assert 0 < media.uplink.p50 < 100
    assert 0 < media.downlink.p50 < 200
    assert media.barge_in_stop.count >= 1
    assert abs(media.clock.max) < 100
    # 50 packets a second and call, all the time.
    assert media.packets >= 2 * 8.5 * 50
    assert 0 < done.usage.cpu < 200
    assert not math.isnan(media.lateness.p99)
    assert 10 < done.usage.rss_cold <= done.usage.rss_before < 500
    assert done.detection is None


def test_two_calls_to_the_server_through_nova_sonic(tmp_path):
    done = run_round("server", "nova", Load(calls=2, seconds=9.0), tmp_path)
    media = done.media
    assert done.uplink_ms == 60
    assert media.turns >= 2
    assert media.unanswered == 0
    assert media.missing == 0
    assert media.uplink.count == media.turns
    assert 0 < media.uplink.p50 < 200
    # What the model itself takes is not the program's, and it is its interruption that stops the agent.
    assert media.decision.count == 0
    assert media.barge_in_stop.count >= 1
    assert 0 < done.usage.emulator < 1

"""ICE in descriptions, as a lite agent: what is answered, when credentials change, and what a browser wants besides."""

from collections.abc import Callable

import pytest

from mediaserver.call.branches import Branches
from mediaserver.errors import RemoteProtocolError
from mediaserver.sdp.capabilities import Capabilities
from mediaserver.sdp.ice import Ice, IceLite
from mediaserver.sdp.negotiation import Negotiation
from mediaserver.sdp.path import MediaPath
from mediaserver.sdp.plan import Direction
from mediaserver.sdp.security import Dtls, Protection

LOCAL, LOCAL6 = ("192.0.2.1", 4000), ("2001:db8::1", 4000)
PRINT = "sha-256 " + ":".join(["AB"] * 32)
HOST = "1 1 UDP 2130706431 192.0.2.2 5000 typ host"
REFLEXIVE = "2 1 udp 1694498815 203.0.113.7 6000 typ srflx raddr 192.0.2.2 rport 5000"
CREDENTIALS = ("ice-ufrag:abcd", "ice-pwd:" + "s" * 22)


def counting() -> Callable[[int], bytes]:
    count = iter(range(1, 256))
    return lambda size: bytes([next(count)]) * size


def side(local: tuple[str, int] = LOCAL, *, browser: bool = False) -> Negotiation:
    path = MediaPath(Protection("optional", counting(), PRINT, browser=browser), IceLite(counting()), browser=browser)
    return Negotiation(Capabilities(), local, 1, path)


def offer(
    *lines: str, port: int = 5000, address: str = "192.0.2.2", profile: str = "RTP/AVP", session: tuple[str, ...] = ()
) -> bytes:
    family = "IP6" if ":" in address else "IP4"
    head = ["v=0", f"o=- 1 1 IN {family} {address}", "s=-", f"c=IN {family} {address}", "t=0 0"]
    head += [f"a={line}" for line in session]
    head += [f"m=audio {port} {profile} 0", *(f"a={line}" for line in lines), ""]
    return "\r\n".join(head).encode()


def lines(description: bytes) -> list[str]:
    return description.decode().splitlines()


def agreed(negotiation: Negotiation) -> Ice | None:
    assert negotiation.plan is not None
    return negotiation.plan.ice


def test_an_offer_without_ice_is_answered_without() -> None:
    ours = side()
    answer = lines(ours.answer(offer()))
    assert agreed(ours) is None and not any("ice" in line or "candidate" in line for line in answer)


def test_a_lite_answer_has_one_address_and_our_credentials() -> None:
    ours = side()
    answer = lines(ours.answer(offer(*CREDENTIALS, f"candidate:{HOST}", f"candidate:{REFLEXIVE}", "rtcp-mux")))
    ice = agreed(ours)
    assert ice is not None and ice.theirs == "abcd" and ice.candidate == ("192.0.2.2", 5000)
    assert len(ice.ours) >= 4 and len(ice.password) >= 22 and ice.password not in repr(ice)
    assert "a=ice-lite" in answer[: answer.index("m=audio 4000 RTP/AVP 0")]
    assert f"a=ice-ufrag:{ice.ours}" in answer and f"a=ice-pwd:{ice.password}" in answer
    candidates = [line for line in answer if line.startswith("a=candidate")]
    assert candidates == ["a=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host"]


def test_rtcp_on_its_own_port_has_a_candidate_of_its_own() -> None:
    answer = lines(side().answer(offer(*CREDENTIALS, f"candidate:{HOST}")))
    assert "a=candidate:1 2 UDP 2130706430 192.0.2.1 4001 typ host" in answer


def test_credentials_may_stand_for_the_session() -> None:
    ours = side()
    ours.answer(offer(f"candidate:{HOST}", session=CREDENTIALS))
    assert agreed(ours) is not None


@pytest.mark.parametrize("short", [("ice-ufrag:abc", CREDENTIALS[1]), (CREDENTIALS[0], "ice-pwd:short")])
def test_credentials_that_are_too_short_are_none(short: tuple[str, str]) -> None:
    ours = side()
    ours.answer(offer(*short, f"candidate:{HOST}"))
    assert agreed(ours) is None


def test_only_new_credentials_are_a_restart() -> None:
    ours = side()
    first = offer(*CREDENTIALS, f"candidate:{HOST}")
    ours.answer(first)
    before = agreed(ours)
    ours.answer(first)
    assert agreed(ours) == before
    ours.answer(offer("ice-ufrag:efgh", CREDENTIALS[1], f"candidate:{HOST}"))
    after = agreed(ours)
    assert before is not None and after is not None
    assert after.theirs == "efgh" and after.ours != before.ours and after.password != before.password


def test_an_address_that_was_rewritten_on_the_way_is_a_mismatch() -> None:
    ours = side()
    answer = lines(ours.answer(offer(*CREDENTIALS, f"candidate:{HOST}", address="198.51.100.9")))
    assert agreed(ours) is None and "a=ice-mismatch" in answer
    assert ours.plan is not None and ours.plan.remote_rtp == ("198.51.100.9", 5000)


def test_an_ipv6_address_may_be_written_in_any_way() -> None:
    ours = side(LOCAL6)
    candidate = "1 1 UDP 2130706431 2001:db8::2 5000 typ host"
    ours.answer(offer(*CREDENTIALS, f"candidate:{candidate}", address="2001:DB8:0:0::2"))
    ice = agreed(ours)
    assert ice is not None and ice.candidate == ("2001:db8::2", 5000)


@pytest.mark.parametrize(
    "unusable",
    [
        "1 1 UDP 2130706431 8f2a.local 5000 typ host",
        "1 1 TCP 2105458943 192.0.2.2 9 typ host tcptype active",
        "1 2 UDP 2130706430 192.0.2.2 5001 typ host",
        "1 1 UDP 2130706431 2001:db8::2 5000 typ host",
        "1 1 UDP -1 192.0.2.2 5000 typ host",
        "1 1 UDP 1 192.0.2.2 99999999 typ host",
        "1",
        "",
    ],
)
def test_candidates_of_no_use_are_passed_over(unusable: str) -> None:
    ours = side()
    ours.answer(offer(*CREDENTIALS, f"candidate:{unusable}", port=9, address="0.0.0.0", profile="RTP/AVP"))
    ice = agreed(ours)
    assert ice is not None and ice.candidate is None
    assert ours.plan is not None and ours.plan.direction is Direction.SENDRECV  # and no hold


def test_our_later_offers_go_on_with_it_and_with_the_streams_name() -> None:
    ours = side()
    bundle = ("group:BUNDLE a v",)
    ours.answer(offer(*CREDENTIALS, f"candidate:{HOST}", "mid:a", "rtcp-mux", session=bundle))
    ice = agreed(ours)
    held = lines(ours.offer(Direction.SENDONLY))
    assert ice is not None and f"a=ice-ufrag:{ice.ours}" in held and "a=ice-lite" in held and "a=mid:a" in held
    assert "a=group:BUNDLE a" in held and "a=rtcp-mux" in held


def test_an_ordinary_peer_is_offered_none_of_it() -> None:
    plain = side().offer().decode()
    assert "ice" not in plain and "mid" not in plain and "BUNDLE" not in plain and "candidate" not in plain


def test_a_browsers_offer_is_answered_as_it_needs() -> None:
    ours = side()
    text = (
        offer(
            *CREDENTIALS,
            "mid:0",
            "rtcp-mux",
            "setup:actpass",
            f"fingerprint:{PRINT}",
            "candidate:1 1 udp 2113937151 8f2a.local 50000 typ host generation 0",
            port=9,
            address="0.0.0.0",
            profile="UDP/TLS/RTP/SAVPF",
            session=("group:BUNDLE 0 1", "msid-semantic: WMS"),
        )
        + b"m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
    )
    answer = lines(ours.answer(text))
    assert "a=group:BUNDLE 0" in answer and "m=audio 4000 UDP/TLS/RTP/SAVPF 0" in answer
    refused = answer.index("m=video 0 UDP/TLS/RTP/SAVPF 96")
    assert "a=mid:0" in answer[:refused] and answer[refused + 1] == "a=mid:1"
    assert "a=setup:passive" in answer and "a=rtcp-mux" in answer and "a=ice-lite" in answer
    assert ours.plan is not None and isinstance(ours.plan.security, Dtls) and ours.plan.rtcp_mux


def test_a_browser_is_offered_all_it_needs_and_its_answer_is_taken() -> None:
    ours = side(browser=True)
    offered = lines(ours.offer())
    for line in ("a=group:BUNDLE 0", "a=mid:0", "a=setup:actpass", "a=rtcp-mux", "a=ice-lite", "a=end-of-candidates"):
        assert line in offered
    answer = offer(
        *CREDENTIALS, "mid:0", "rtcp-mux", "setup:active", f"fingerprint:{PRINT}", f"candidate:{HOST}",
        profile="UDP/TLS/RTP/SAVPF",
    )  # fmt: skip
    plan = ours.accepted(answer)
    assert plan.ice is not None and plan.ice.candidate == ("192.0.2.2", 5000)
    assert isinstance(plan.security, Dtls) and not plan.security.active
    again = lines(ours.offer())
    assert f"a=ice-ufrag:{plan.ice.ours}" in again and f"a=ice-ufrag:{plan.ice.ours}" in offered


def test_an_answer_without_ice_to_our_offer_is_none() -> None:
    ours = side(browser=True)
    ours.offer()
    plan = ours.accepted(offer("rtcp-mux", "setup:active", f"fingerprint:{PRINT}", profile="UDP/TLS/RTP/SAVPF"))
    assert plan.ice is None


# --- on the port that browsers share ----------------------------------------------------------------------------------

HOSTS = ("203.0.113.1", "2001:db8::1", "192.0.2.1")
BROWSER = (*CREDENTIALS, "rtcp-mux", "setup:actpass", f"fingerprint:{PRINT}")
SAVPF = "UDP/TLS/RTP/SAVPF"


def shared(*hosts: str) -> MediaPath:
    protection = Protection("optional", counting(), PRINT, browser=True)
    return MediaPath(protection, IceLite(counting()), browser=True, hosts=hosts or HOSTS)


def on_shared(path: MediaPath) -> Negotiation:
    return Negotiation(Capabilities(), (HOSTS[0], 7882), 1, path)


def nowhere(*more: str, address: str = "0.0.0.0") -> bytes:
    """What a browser offers that tells no address of its own."""
    return offer(*BROWSER, *more, port=9, address=address, profile=SAVPF)


def test_our_fragment_is_known_before_any_description_and_stays_in_the_first() -> None:
    path = shared()
    name = path.share(nowhere())
    assert name is not None and name == path.share(nowhere())
    ours = on_shared(path)
    answer = lines(ours.answer(nowhere()))
    ice = agreed(ours)
    assert ice is not None and ice.ours == name and ice.shared and f"a=ice-ufrag:{name}" in answer
    restarted = nowhere().replace(b"abcd", b"efgh")
    ours.answer(restarted)
    again = agreed(ours)
    assert again is not None and again.ours != name and again.shared


def test_every_address_of_ours_is_a_candidate_the_best_first() -> None:
    path = shared()
    path.share(nowhere())
    answer = lines(on_shared(path).answer(nowhere()))
    found = [line.partition(":")[2].split() for line in answer if line.startswith("a=candidate:")]
    assert [(each[1], each[4], each[5]) for each in found] == [("1", host, "7882") for host in HOSTS]
    assert len({each[0] for each in found}) == 3, "a foundation each"
    priorities = [int(each[3]) for each in found]
    assert priorities == sorted(priorities, reverse=True) and len(set(priorities)) == 3
    assert "c=IN IP4 203.0.113.1" in answer and "m=audio 7882 UDP/TLS/RTP/SAVPF 0" in answer
    assert answer.index("a=end-of-candidates") > answer.index(
        "a=candidate:3 1 UDP " + found[2][3] + " 192.0.2.1 7882 typ host"
    )


@pytest.mark.parametrize(
    "unfit",
    [
        offer(*CREDENTIALS, "setup:actpass", f"fingerprint:{PRINT}", profile=SAVPF),
        offer("rtcp-mux", "setup:actpass", f"fingerprint:{PRINT}", profile=SAVPF),
        b"no description",
    ],
)
def test_who_cannot_do_with_one_port_or_without_ice_has_a_pair(unfit: bytes) -> None:
    assert shared().share(unfit) is None


def test_without_such_a_port_or_for_no_browser_there_is_a_pair() -> None:
    protection = Protection("optional", counting(), PRINT)
    assert MediaPath(protection, IceLite(counting()), browser=True).share(None) is None
    assert MediaPath(protection, IceLite(counting()), hosts=HOSTS).share(None) is None
    assert MediaPath(protection, browser=True, hosts=HOSTS).share(None) is None


def test_our_offer_has_them_too_and_an_answer_without_ice_is_refused() -> None:
    path = shared()
    name = path.share(None)
    ours = on_shared(path)
    offered = lines(ours.offer())
    assert f"a=ice-ufrag:{name}" in offered and sum(line.startswith("a=candidate:") for line in offered) == 3
    with pytest.raises(RemoteProtocolError, match="without ICE") as caught:
        ours.accepted(offer("rtcp-mux", "setup:active", f"fingerprint:{PRINT}", profile=SAVPF))
    assert caught.value.status == 488
    ours.offer()
    plan = ours.accepted(offer(*CREDENTIALS, "rtcp-mux", "setup:active", f"fingerprint:{PRINT}", port=9, profile=SAVPF))
    assert plan.ice is not None and plan.ice.ours == name and plan.ice.shared


def test_branches_of_an_invite_share_our_fragment_and_have_their_own() -> None:
    path = shared()
    name = path.share(None)
    branches = Branches(on_shared(path), late=False)
    plans = []
    for fork in ("abcd", "efgh"):
        body = offer(*BROWSER, port=9, profile=SAVPF).replace(b"abcd", fork.encode()).replace(b"actpass", b"active")
        plan, _ = branches.early(fork, body)
        assert plan is not None and plan.ice is not None
        plans.append(plan.ice)
    assert [each.ours for each in plans] == [name, name] and [each.theirs for each in plans] == ["abcd", "efgh"]


@pytest.mark.parametrize("address", ["2001:db8::5", "laptop.local", "239.1.1.1"])
def test_an_address_of_no_use_is_no_fault_where_checks_find_the_way(address: str) -> None:
    path = shared()
    path.share(nowhere())
    ours = on_shared(path)
    ours.answer(nowhere(address=address))
    assert agreed(ours) is not None
    assert ours.plan is not None and ours.plan.direction is Direction.SENDRECV
    with pytest.raises(RemoteProtocolError):
        side().answer(offer(address=address))


def test_on_the_shared_port_there_is_no_mismatch() -> None:
    path = shared()
    text = offer(*BROWSER, f"candidate:{HOST}", address="198.51.100.9", profile=SAVPF)
    path.share(text)
    ours = on_shared(path)
    assert "ice-mismatch" not in ours.answer(text).decode() and agreed(ours) is not None


@pytest.mark.parametrize("options", ["trickle", "trickle renomination", "ice2 trickle"])
def test_who_trickles_may(options: str) -> None:
    answer = side().answer(offer(*CREDENTIALS, f"ice-options:{options}", f"candidate:{HOST}")).decode()
    assert "a=ice-options:trickle\r\n" in answer
    assert "ice-options" not in side().answer(offer(*CREDENTIALS, f"candidate:{HOST}")).decode()


def test_of_hundreds_of_candidates_some_are_looked_at_and_none_is_a_fault() -> None:
    many = [
        f"candidate:{number} 1 UDP {number} 192.0.2.{number % 200 + 1} {5000 + number} typ host"
        for number in range(1, 900)
    ]
    ours = side()
    ours.answer(offer(*CREDENTIALS, *many))
    ice = agreed(ours)
    assert ice is not None and ice.candidate == ("192.0.2.129", 5128), "the best of those that were looked at"
    hidden = [f"candidate:{number} 1 UDP {number} {number}f.local 5000 typ host" for number in range(900)]
    ours.answer(offer(*CREDENTIALS, *hidden))
    assert agreed(ours) is not None


def test_with_a_peer_that_makes_no_checks_either_there_is_no_ice() -> None:
    """Two servers: nobody would ever nominate anything."""
    ours = side()
    answer = ours.answer(offer(*CREDENTIALS, f"candidate:{HOST}", session=("ice-lite",))).decode()
    assert agreed(ours) is None and "ice" not in answer and "candidate" not in answer
    assert ours.plan is not None and ours.plan.remote_rtp == ("192.0.2.2", 5000)
    asked = side(browser=True)
    asked.offer()
    text = offer(*CREDENTIALS, "setup:active", f"fingerprint:{PRINT}", "rtcp-mux", profile=SAVPF, session=("ice-lite",))
    assert asked.accepted(text).ice is None
    assert shared().share(offer(*BROWSER, profile=SAVPF, session=("ice-lite",))) is None


def test_a_later_offer_without_ice_is_refused_on_the_shared_port() -> None:
    path = shared()
    path.share(nowhere())
    ours = on_shared(path)
    ours.answer(nowhere())
    before = ours.plan
    with pytest.raises(RemoteProtocolError, match="without ICE") as caught:
        ours.answer(offer("rtcp-mux", "setup:actpass", f"fingerprint:{PRINT}", profile=SAVPF))
    assert caught.value.status == 488 and ours.plan == before

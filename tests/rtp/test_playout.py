import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediacodecs.g711 import PCMA as PCMA_CODEC
from mediacodecs.g711 import PCMU as PCMU_CODEC
from mediacodecs.pcm import to_bytes
from mediaproviders.contract import PCM16_8K, PCM16_16K, PCM16_24K, PCMA, PCMU, AudioFormat
from mediaserver.rtp.playout import Cut, ItemEnded, ItemStarted, Playout

FRAME = 160


def queue(source: AudioFormat = PCMU, **changes: object) -> Playout:
    fields: dict[str, object] = {"encoding": "PCMU", "ptime_ms": 20, "source": source}
    return Playout(**(fields | changes))  # type: ignore[arg-type]


def audio(size: int, seed: int = 1) -> bytes:
    """Loud and without repetition that could hide a mistake; no octet of silence."""
    return np.random.default_rng(seed).integers(0, 120, size).astype(np.uint8).tobytes()


def drain(playout: Playout, most: int = 10_000) -> list[bytes]:
    out = []
    while len(out) < most and (frame := playout.pop()) is not None:
        out.append(frame)
    return out


def test_g711_passes_untouched() -> None:
    playout = queue()
    sound = audio(8 * 1000)
    playout.push("a", sound)
    playout.finish("a")
    assert b"".join(drain(playout)) == sound
    assert playout.events() == [ItemStarted("a"), ItemEnded("a", 1000.0)]
    assert playout.events() == []
    assert playout.underruns == 0


def test_the_other_law_is_translated() -> None:
    playout = queue(PCMA)
    sound = audio(FRAME)
    playout.push("a", sound)
    playout.finish("a")
    assert playout.pop() == PCMU_CODEC.encode(PCMA_CODEC.decode(sound))


def test_the_end_is_reported_with_the_last_frame_or_with_finish() -> None:
    playout = queue()
    playout.push("a", audio(FRAME))
    assert playout.pop() is not None
    assert playout.events() == [ItemStarted("a")]
    playout.finish("a")
    assert playout.events() == [ItemEnded("a", 20.0)]
    playout.push("b", audio(FRAME + 1))
    playout.finish("b")
    drain(playout)
    assert playout.events() == [ItemStarted("b"), ItemEnded("b", 20.125)]


def test_a_partial_last_frame_is_filled_up_and_not_counted() -> None:
    playout = queue()
    a, b = audio(200, 1), audio(160, 2)
    playout.push("a", a)
    playout.finish("a")
    playout.push("b", b)
    playout.finish("b")
    assert drain(playout) == [a[:160], a[160:] + b"\xff" * 120, b]
    assert playout.played_ms("a") == 25.0


def test_an_unfinished_item_that_runs_dry_is_an_underrun_and_keeps_its_position() -> None:
    playout = queue()
    sound = audio(400)
    playout.push("a", sound[:200])
    assert playout.pop() == sound[:160]
    assert [playout.pop(), playout.pop()] == [None, None]
    assert playout.underruns == 1
    assert playout.played_ms("a") == 20.0
    playout.push("a", sound[200:])
    assert playout.pop() == sound[160:320]
    playout.finish("a")
    assert playout.pop() == sound[320:] + b"\xff" * 80
    assert playout.pop() is None
    assert playout.underruns == 1


def test_an_empty_queue_is_no_underrun() -> None:
    playout = queue()
    assert playout.pop() is None
    playout.push("a", audio(10))
    assert playout.pop() is None
    assert playout.underruns == 0


def test_the_next_item_plays_when_the_first_is_dry_and_late_audio_behind_it() -> None:
    playout = queue()
    a, b = audio(320, 1), audio(160, 2)
    playout.push("a", a[:160])
    playout.push("b", b)
    assert drain(playout) == [a[:160], b]
    playout.push("a", a[160:])
    assert drain(playout) == [a[160:]]
    assert playout.played_ms("a") == 40.0


def test_flush_tells_what_was_played_and_drops_what_still_comes() -> None:
    playout = queue()
    playout.push("a", audio(FRAME))
    playout.finish("a")
    playout.push("b", audio(1000))
    playout.push("c", audio(80))
    for _ in range(3):
        playout.pop()
    assert playout.flush() == [Cut("b", 40.0, 125.0), Cut("c", 0.0, 10.0)]
    assert playout.pop() is None
    playout.push("b", audio(1000))
    playout.push("c", audio(1000))
    assert playout.pop() is None
    assert playout.late_ms == 250.0
    assert playout.played_ms("b") == 40.0
    assert playout.queued_ms == 0
    playout.push("d", audio(160))
    assert playout.pop() is not None


def test_discard_takes_one_item_out() -> None:
    playout = queue()
    playout.push("a", audio(480, 1))
    playout.push("b", b := audio(160, 2))
    playout.pop()
    playout.discard("a")
    assert playout.pop() == b
    playout.discard("never came")
    playout.push("never came", audio(160))
    assert playout.pop() is None


def test_the_queue_is_bounded() -> None:
    playout = queue(max_queue_ms=1000)
    for _ in range(30):
        playout.push("a", audio(800))
    assert playout.queued_ms == 1000
    assert playout.dropped_ms == 2000


def test_duck_ramps_down_in_40_ms_and_holds() -> None:
    playout = queue()
    sound = b"\x80" * 8000  # full scale
    playout.push("a", sound)
    playout.pop()
    playout.duck()
    down = playout.pop(), playout.pop()
    assert playout.pop() is None
    assert playout.pop() is None
    assert playout.held
    assert playout.played_ms("a") == 60.0
    levels = [int(PCMU_CODEC.decode(frame[at : at + 1])[0]) for frame in down if frame for at in (0, 80)]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] < 32124
    assert levels[-1] < 3300
    playout.resume()
    up = playout.pop()
    assert up is not None
    levels = [int(PCMU_CODEC.decode(up[at : at + 1])[0]) for at in (0, 80)]
    assert levels[0] < levels[1] < 32124
    assert playout.pop() == b"\x80" * FRAME
    assert playout.played_ms("a") == 100.0


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([10, 20, 30, 40, 60]),
    st.lists(st.sampled_from(["pop", "pop", "pop", "duck", "resume"]), max_size=60),
)
def test_ducking_loses_and_repeats_no_sample(ptime: int, acts: list[str]) -> None:
    """The signs of the samples survive attenuation: they tell where each sample of the source went."""
    sound = np.random.default_rng(5).choice(np.array([0x05, 0x85], np.uint8), 8 * 5000).tobytes()
    playout = queue(ptime_ms=ptime)
    playout.push("a", sound)
    heard = b""
    for act in acts:
        if act == "duck":
            playout.duck()
        elif act == "resume":
            playout.resume()
        else:
            before = playout.played_ms("a")
            frame = playout.pop()
            played = round((playout.played_ms("a") - before) * 8)
            assert (frame is None) == (played == 0)
            if frame is not None:
                assert len(frame) == ptime * 8
                heard += frame[:played]
                assert set(frame[played:]) <= {0xFF}
    assert [octet & 0x80 for octet in heard] == [octet & 0x80 for octet in sound[: len(heard)]]
    assert playout.underruns == 0


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([10, 20, 30, 60]),
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.integers(1, 700)),
            st.tuples(st.just("pop"), st.integers(1, 5)),
            st.tuples(st.just("next"), st.just(0)),
        ),
        max_size=60,
    ),
)
def test_bytes_out_are_bytes_in_and_padding(ptime: int, acts: list[tuple[str, int]]) -> None:
    playout = queue(ptime_ms=ptime)
    size = ptime * 8
    item, sources, seed = 0, {"0": b""}, 0
    frames: list[bytes] = []
    for act, count in acts:
        if act == "push":
            seed += 1
            sound = audio(count, seed)
            sources[str(item)] += sound
            playout.push(str(item), sound)
        elif act == "next":
            playout.finish(str(item))
            item += 1
            sources[str(item)] = b""
        else:
            for _ in range(count):
                frame = playout.pop()
                if frame is not None:
                    frames.append(frame)
        for name in sources:
            assert playout.played_ms(name) <= playout.received_ms(name) == len(sources[name]) / 8
        assert sum(map(len, frames)) >= sum(round(playout.played_ms(name) * 8) for name in sources)
    playout.finish(str(item))
    frames += drain(playout)
    assert all(len(frame) == size for frame in frames)
    expected = b"".join(sound + b"\xff" * (-len(sound) % size) for sound in sources.values())
    assert b"".join(frames) == expected
    assert playout.queued_ms == 0


@pytest.mark.parametrize("source", [PCM16_8K, PCM16_16K, PCM16_24K])
def test_pcm_is_resampled_and_encoded_whatever_its_chunks(source: AudioFormat) -> None:
    seconds = 2
    time = np.arange(source.rate * seconds) / source.rate
    sound = to_bytes((10_000 * np.sin(2 * np.pi * 500 * time)).astype(np.int16))
    outputs = []
    for cut in (len(sound), 1001, 37):
        playout = queue(source)
        for at in range(0, len(sound), cut):
            playout.push("a", sound[at : at + cut])
        playout.finish("a")
        while playout.work():
            pass
        outputs.append(b"".join(drain(playout)))
        assert playout.played_ms("a") == pytest.approx(seconds * 1000, abs=1)
        assert playout.events()[-1] == ItemEnded("a", playout.played_ms("a"))
    assert outputs[0] == outputs[1] == outputs[2]
    heard = PCMU_CODEC.decode(outputs[0][800 : 8000 * seconds - 800]).astype(float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 8000 / len(heard) == pytest.approx(500, abs=2)
    assert np.sqrt(np.mean(heard**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.02)


def test_a_slice_of_work_is_bounded_and_pop_does_not_wait_for_it() -> None:
    playout = queue(PCM16_24K)
    playout.push("a", bytes(48 * 1000))
    assert playout.pop() is not None
    assert playout.queued_ms == pytest.approx(980, abs=3)
    turns = 1
    while playout.work(100):
        turns += 1
    assert turns == 8  # 800 ms were left after the slice that pop made


def test_interrupted_pcm_knows_its_position() -> None:
    playout = queue(PCM16_24K)
    playout.push("a", bytes(48 * 500))
    for _ in range(7):
        playout.pop()
    assert playout.flush() == [Cut("a", 140.0, 500.0)]
    assert not playout.work()


def test_ready_tells_whether_pop_gives_a_frame() -> None:
    playout = queue()
    assert not playout.ready
    playout.push("a", audio(100))
    assert not playout.ready
    playout.push("a", audio(100))
    assert playout.ready
    playout.duck()
    playout.pop()
    assert playout.pop() is None
    assert not playout.ready
    playout.resume()
    playout.finish("a")
    assert playout.ready == (playout.pop() is not None)


def test_the_wire_may_change_in_mid_item() -> None:
    playout = queue()
    sound = audio(800)
    playout.push("a", sound[:480])
    assert playout.pop() == sound[:160]
    playout.reformat("PCMA", 30)
    playout.push("a", sound[480:])
    playout.finish("a")
    translated = PCMA_CODEC.encode(PCMU_CODEC.decode(sound))
    assert b"".join(drain(playout)) == translated[160:] + b"\xd5" * 80
    assert playout.played_ms("a") == 100.0


def test_an_item_that_goes_on_after_its_end_is_still_resampled() -> None:
    playout = queue(PCM16_24K)
    for _ in range(2):
        playout.push("a", bytes(48 * 100))
        playout.finish("a")
        assert len(drain(playout)) in (5, 6)
    assert playout.played_ms("a") == pytest.approx(200, abs=1)
    assert playout.queued_ms == 0


def test_a_duck_with_nothing_to_say_holds_what_comes() -> None:
    playout = queue()
    playout.duck()
    assert playout.pop() is None
    playout.push("a", sound := b"\x80" * 800)
    assert playout.pop() is None
    playout.resume()
    assert len(drain(playout)) == 5
    assert playout.played_ms("a") == len(sound) / 8


def test_a_cut_while_ducked_leaves_no_trace_on_the_next_item() -> None:
    playout = queue()
    playout.push("a", audio(8000))
    playout.duck()
    drain(playout)
    assert playout.flush() == [Cut("a", 40.0, 1000.0)]
    playout.push("b", b := audio(160, 2))
    assert playout.pop() == b


def test_memory_of_items_is_bounded() -> None:
    playout = queue()
    for number in range(2000):
        playout.push(str(number), b"\x01" * FRAME)
        playout.finish(str(number))
        playout.pop()
        playout.discard(f"never {number}")
    assert len(playout._items) <= 257
    assert len(playout._cancelled) <= 256
    assert playout.played_ms("1999") == 20.0


def test_a_ramped_frame_holds_audio_of_one_item_only_too() -> None:
    for first, second in ((80, b"\x01" * 320), (100, b"\x01" * 320)):
        for finished in (True, False):
            playout = queue()
            playout.push("a", b"\x02" * first)
            if finished:
                playout.finish("a")
            playout.push("b", second)
            playout.duck()
            playout.resume()
            playout.duck()
            frame = playout.pop()
            assert frame is not None
            assert frame[first:] == b"\xff" * (FRAME - first)
            assert playout.played_ms("a") == first / 8
            assert playout.played_ms("b") == 0

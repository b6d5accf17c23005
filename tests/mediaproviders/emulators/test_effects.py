"""What a session wants done, until its shell does it."""

from mediaproviders.emulators.websocket import Close, FrameEffects, StopReading


def test_in_order_and_once():
    wanted = FrameEffects()
    wanted.put("text")
    wanted.put(b"binary")
    assert wanted.drain() == ["text", b"binary"]
    assert wanted.drain() == []


def test_nothing_comes_after_the_end():
    wanted = FrameEffects()
    for effect in ("text", Close(1000), "more", StopReading(1.0)):
        wanted.put(effect)
    assert wanted.closed
    assert wanted.drain() == ["text", Close(1000)]


def test_who_is_muted_still_ends():
    wanted = FrameEffects()
    wanted.muted = True
    for effect in ("text", b"binary", StopReading(1.0), Close(1011)):
        wanted.put(effect)
    assert wanted.drain() == [StopReading(1.0), Close(1011)]

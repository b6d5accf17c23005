import asyncio

from mediaproviders.contract import PCM16_16K, PCMA, PCMU
from mediaserver.chat.quiet_line import QuietLine
from support.virtual_time import tell


def test_silence_flows_in_real_time_and_speech_in_its_place():
    sent: list[tuple[float, bytes]] = []

    async def story() -> float:
        loop = asyncio.get_running_loop()
        line = QuietLine(lambda data: sent.append((loop.time(), data)), PCM16_16K, 40)
        task = loop.create_task(line.run())
        await asyncio.sleep(0.1)
        line.speak(b"\x01\x02" * 800)  # 50 ms
        assert line.pending_s == 0.05
        await asyncio.sleep(0.09)
        assert line.pending_s == 0.0
        task.cancel()
        return loop.time()

    tell(story())
    assert [round(at - sent[0][0], 3) for at, _ in sent] == [0.0, 0.04, 0.08, 0.12, 0.16]
    assert {len(data) for _, data in sent} == {1280}
    assert b"".join(data for _, data in sent).strip(b"\0") == b"\x01\x02" * 800
    assert not any(sent[0][1]) and not any(sent[2][1])


def test_whoever_is_late_does_not_flood():
    sent: list[float] = []

    async def story() -> None:
        loop = asyncio.get_running_loop()
        line = QuietLine(lambda data: sent.append(loop.time()), PCMU, 20)
        task = loop.create_task(line.run())
        await asyncio.sleep(0.01)
        loop.now += 30.0  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        task.cancel()

    tell(story())
    assert len(sent) < 10


def test_silence_of_each_law():
    sent: list[bytes] = []

    async def story() -> None:
        for form in (PCMU, PCMA):
            task = asyncio.get_running_loop().create_task(QuietLine(sent.append, form, 20).run())
            await asyncio.sleep(0.001)
            task.cancel()

    tell(story())
    assert sent == [b"\xff" * 160, b"\xd5" * 160]

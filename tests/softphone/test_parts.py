"""Parts of the softphone that compute, run by the browser they are for."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import mediaserver
from screens.chromium import chromium
from support.page_server import pages

pytestmark = pytest.mark.tool("chromium")

FOLDER = Path(mediaserver.__file__).parent / "softphone"
OFFER = """\
v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111 110
c=IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=mid:0
"""
ANSWER = """\
v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-lite
m=audio 7882 UDP/TLS/RTP/SAVPF 111
a=ice-ufrag:old0
a=ice-pwd:oldoldoldoldoldoldoldold
a=candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host
a=end-of-candidates
a=mid:0
"""
NEW = "a=ice-ufrag:new1\na=ice-pwd:newnewnewnewnewnewnewnew\n"

type Run = Callable[[str, str], Coroutine[Any, Any, Any]]


@asynccontextmanager
async def modules() -> AsyncIterator[Run]:
    """Evaluates an expression with a module as `it`."""
    with pages(FOLDER) as address:
        async with chromium() as browser:
            page = await browser.new_page()
            await page.goto(f"{address}/instrument-sans-license.txt")

            async def run(module: str, expression: str) -> Any:
                return await page.evaluate(f"import('/{module}').then(async (it) => ({expression}))")

            yield run


async def test_parts() -> None:
    async with modules() as run:
        await _a_fragment_tells_what_changed(run)
        await _an_answer_is_renewed(run)
        await _events_are_read_however_they_are_cut(run)
        await _what_was_heard_is_told_from_the_rest(run)
        await _refusals_are_sentences(run)
        await _a_recording_shows_the_loudest(run)
        await _quality_is_graded_by_its_worst(run)


async def _a_fragment_tells_what_changed(run: Run) -> None:
    told = await run("sdp.js", f"it.fragmentOf(`{OFFER}`)")
    assert told.split("\r\n") == [
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 110",
        "a=mid:0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:abcdefghijklmnopqrstuvwx",
        "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host",
        "a=end-of-candidates",
        "",
    ]


async def _an_answer_is_renewed(run: Run) -> None:
    kept = await run("sdp.js", f"it.renewed(`{ANSWER}`, `{NEW}`)")
    assert "a=ice-ufrag:new1\r\na=ice-pwd:newnewnewnewnewnewnewnew\r\n" in kept and "old" not in kept
    assert "192.0.2.1 7882" in kept, "where there are no other candidates, those there were are good"
    moved = await run("sdp.js", f"it.renewed(`{ANSWER}`, `{NEW}a=candidate:2 1 udp 1 198.51.100.9 7882 typ host`)")
    assert "198.51.100.9" in moved and "192.0.2.1 7882" not in moved
    assert await run("sdp.js", f"it.renewed(`{ANSWER}`, 'a=ice-ufrag:new1')") is None


async def _events_are_read_however_they_are_cut(run: Run) -> None:
    stream = (
        ': hello\\n\\nevent: turn\\ndata: {"at": 1.5,\\ndata: "turn": 1}\\n\\ndata: none\\n\\n'
        'event: digit\\r\\ndata: {"digit":"ü"}\\r\\n\\r\\n'
    )
    read = f"""(async () => {{
        const bytes = new TextEncoder().encode("{stream.replace('"', chr(92) + '"')}");
        const all = [];
        for (const size of [1, 2, 3, 1000]) {{
            let at = 0;
            const body = new ReadableStream({{ pull(pipe) {{
                if (at >= bytes.length) return pipe.close();
                pipe.enqueue(bytes.slice(at, (at += size)));
            }} }});
            for await (const each of it.events(body)) all.push(each);
        }}
        return all;
    }})()"""
    once = [{"event": "turn", "at": 1.5, "turn": 1}, {"event": "digit", "digit": "ü"}]
    assert await run("feed.js", f"await {read}") == once * 4


async def _what_was_heard_is_told_from_the_rest(run: Run) -> None:
    parted = "it.parted('We are open, Monday to Friday.', '{}')"
    assert await run("captions.js", parted.format("We are open")) == ["We are open", ", Monday to Friday."]
    assert await run("captions.js", parted.format("we are  open")) == ["We are open,", "Monday to Friday."]
    assert await run("captions.js", parted.format("")) == ["", "We are open, Monday to Friday."]
    assert (await run("captions.js", parted.format("one two three four five six seven eight")))[1] == ""


async def _refusals_are_sentences(run: Run) -> None:
    of = "(({kind, message, detail, status}) => ({kind, message, detail, status}))"
    busy = await run("words.js", f"{of}(it.refusal(429, {{detail: 'http.per_source is 60'}}, 130))")
    assert busy == {
        "kind": "busy",
        "message": "Too many calls from here in a short time. Try again in 3 minutes.",
        "detail": "http.per_source is 60",
        "status": 429,
    }
    assert (await run("words.js", f"{of}(it.refusal(502, null, null))"))["message"] == "The server has a problem."
    assert await run("words.js", "it.ending('model-expired')") == (
        "The agent's model cannot go on. Please call again later."
    )
    assert await run("words.js", "it.ending('replaced')") == "The server ended the call: replaced."
    assert await run("words.js", "[it.clock(0), it.clock(61.9), it.clock(3600)]") == ["0:00", "1:01", "60:00"]


async def _a_recording_shows_the_loudest(run: Run) -> None:
    shown = await run(
        "recording.js",
        """(() => {
            const recording = new it.Recording();
            recording.hear({ at: 1, step: 0.02, caller: Array(50).fill(0.25), agent: [] });
            recording.hear({ at: 1.1, step: 0.02, caller: [0, 0, 1, 0, 0], agent: [] });
            recording.tell({ event: "speaking", who: "caller", on: true, at: 0.2 });
            recording.tell({ event: "speaking", who: "caller", on: false, at: 0.9 });
            return {
                columns: Array.from(recording.columns("caller", 0, 2, 4)),
                spans: recording.spans.caller,
                grows: recording.range(24, false),
                whole: recording.range(24, true),
                other: recording.tell({ event: "quality", at: 1 }),
            };
        })()""",
    )
    assert shown["columns"] == [0.25, 0.25, 1, 0]
    assert shown["spans"] == [{"begin": 0.2, "end": 0.9}]
    assert shown["grows"] == [-0.4, 23.6] and shown["whole"] == [-0.4, 1.5]
    assert shown["other"] is False


async def _quality_is_graded_by_its_worst(run: Run) -> None:
    seen = await run(
        "quality.js",
        """(async () => {
            const audio = { type: "inbound-rtp", kind: "audio", jitter: 0.005 };
            const at = (received, lost, rtt) => new Map([
                ["in", { ...audio, packetsReceived: received, packetsLost: lost }],
                ["pair", { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: rtt }],
            ]);
            const all = [at(50, 0, 0.01), at(100, 0, 0.01), at(150, 0, 0.4), at(150, 0, 0.4), at(190, 10, 0.01)];
            const quality = new it.Quality({ getStats: async () => all.shift() });
            const words = [];
            while (all.length > 0) words.push((await quality.look())?.word ?? null);
            return words;
        })()""",
    )
    assert seen == [None, "excellent", "fair", None, "fair"]

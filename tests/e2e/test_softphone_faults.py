"""The softphone when something is wrong: what a person is told, and how a call comes back."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from mediaproviders.emulators.openai import EmulatorSettings
from screens.chromium import chromium
from screens.shots import Faults, violations
from support import rig
from support.page_server import pages
from support.softphone import Softphone, softphone
from support.switchboard import Switchboard, switchboard
from support.udp_relay import Relay, relay
from support.whip_page import KEY, token

pytestmark = pytest.mark.tool("chromium", "axe-core")

HTTP = {"address": "127.0.0.1:0"}
MODEL = EmulatorSettings(answer_ms=800)

type Answer = Callable[[Route], Awaitable[None]]


async def test_a_call_comes_back(tmp_path: Path) -> None:
    async with (
        switchboard(tmp_path, MODEL, http=HTTP) as board,
        relay(board.browsers) as way,
        chromium() as browser,
        softphone(browser, board.http) as phone,
    ):
        await phone.page.route("**/whip/**", _by(way, board.browsers[1]))
        await phone.call()
        await _the_network_breaks(board, phone, way)
        await _the_session_is_gone(board, phone)
        await _the_computer_was_asleep(phone)
        await phone.click("Call again")
        await phone.until("phone.state === 'talking'")
        board.reception.drop_all()
        await phone.shows("The server is shutting down.")


async def _the_network_breaks(board: Switchboard, phone: Softphone, way: Relay) -> None:
    came, way.came = way.came, lambda *_: None  # type: ignore[method-assign]
    await phone.until("phone.state === 'reconnecting'")
    await phone.shows("Reconnecting")
    way.came = came  # type: ignore[method-assign]
    await phone.until("phone.state === 'talking'")
    await phone.say(said := rig.speech(1.2, 1))
    await board.model_hears(said)
    assert len(board.logged("call.incoming")) == 1, "it is the same call"


async def _the_session_is_gone(board: Switchboard, phone: Softphone) -> None:
    async def gone(route: Route) -> None:
        if route.request.method == "PATCH":
            await route.fulfill(status=404, **_problem(404, "the call is over"))
        else:
            await route.fallback()

    await phone.page.route("**/whip/**", gone)
    await phone.page.evaluate("window.dispatchEvent(new Event('online'))")
    await phone.shows("The connection was lost; this is a new call.")
    await phone.until("phone.state === 'talking'")
    await board.line("call.incoming", count=2)
    await board.line("call.ended", reason="caller-hung-up")
    await phone.say(said := rig.speech(1.2, 2))
    await board.model_hears(said)


async def _the_computer_was_asleep(phone: Softphone) -> None:
    """And the session is gone: nobody is called who may not be there any more."""
    await phone.page.evaluate("awake = Date.now; Date.now = () => awake() + 60_000")
    await phone.page.evaluate("new Promise((done) => phone.addEventListener('levels', done, {once: true}))")
    await phone.page.evaluate("window.dispatchEvent(new Event('online'))")
    await phone.shows("The connection was lost and did not come back.")
    assert await phone.page.evaluate("phone.state") == "over"


def _by(way: Relay, port: int) -> Answer:
    """Answers of the server, with the relay in the place of its port."""

    async def answer(route: Route) -> None:
        response = await route.fetch()
        body = (await response.text()).replace(f" {port} ", f" {way.port} ")
        await route.fulfill(response=response, body=body)

    async def with_candidates(route: Route) -> None:
        await (answer(route) if route.request.method in ("POST", "PATCH") else route.continue_())

    return with_candidates


def _problem(status: int, detail: str, **headers: str) -> dict[str, object]:
    body = json.dumps({"title": "No", "status": status, "detail": detail})
    return {"body": body, "content_type": "application/problem+json", "headers": headers}


async def test_what_a_person_is_told(tmp_path: Path) -> None:
    async with switchboard(tmp_path, MODEL, http=HTTP) as board, chromium() as browser:
        async with softphone(browser, board.http, microphone=False) as phone:
            await _fails(phone, "The microphone is blocked for this page.")
            await _looks_well(phone)
        async with softphone(browser, board.http) as phone:
            await _the_page_is_not_secure(phone)
            await _no_token_is_good(phone)
            await _all_lines_are_busy(phone)
            await _the_server_is_down(phone)
            await phone.page.unroute_all()
            await phone.page.evaluate("phone.call()")
            await phone.until("phone.state === 'talking'")
            await phone.page.close()
            await board.line("call.ended", reason="caller-hung-up", timeout_s=5.0)


async def _fails(phone: Softphone, sentence: str) -> None:
    await phone.page.evaluate("void phone.call()")
    await phone.shows(sentence)
    assert await phone.page.evaluate("phone.state") == "over"
    await phone.page.get_by_role("button", name="Call again").wait_for()


async def _looks_well(phone: Softphone) -> None:
    """With the longest message, on a small screen."""
    for theme in ("light", "dark"):
        await phone.page.emulate_media(color_scheme=theme)
        await phone.page.set_viewport_size({"width": 390, "height": 800})
        assert await violations(phone.page) == []
        assert await phone.page.evaluate("document.documentElement.scrollWidth") == 390


async def _the_page_is_not_secure(phone: Softphone) -> None:
    await phone.page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false, configurable: true})")
    await _fails(phone, "Open this page by https, or on localhost.")
    await phone.page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: true})")


async def _no_token_is_good(phone: Softphone) -> None:
    asked = []

    async def bad(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=201, json={"token": "none", "agent": "assistant"})

    await phone.page.route("**/api/page-token", bad)
    await _fails(phone, "The server does not take this page's token")
    assert len(asked) == 2, "another one is asked for before a person is bothered"
    await phone.page.unroute("**/api/page-token")


async def _all_lines_are_busy(phone: Softphone) -> None:
    async def busy(route: Route) -> None:
        await route.fulfill(status=503, **_problem(503, "limits.max_calls is 2: raise it", **{"Retry-After": "20"}))

    await phone.page.route("**/whip/*", busy)
    await _fails(phone, "All lines are busy. Try again in 20 s.")
    await phone.shows("limits.max_calls is 2: raise it")
    await phone.page.unroute("**/whip/*")


async def _the_server_is_down(phone: Softphone) -> None:
    await phone.page.route("**/whip/*", lambda route: route.abort("connectionrefused"))
    await _fails(phone, "The server does not answer.")


async def test_a_page_elsewhere(tmp_path: Path) -> None:
    """Three lines on a page of another origin."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    async with _page_of(folder) as origin, chromium() as browser:
        http = HTTP | {"admin_key": KEY, "origins": [origin]}
        async with switchboard(tmp_path, MODEL, http=http) as board:
            given = await asyncio.to_thread(token, board.http, "assistant", origin)
            (folder / "index.html").write_text(
                f'<!doctype html><html lang="en"><title>Elsewhere</title><main><h1>Elsewhere</h1>'
                f'<script type="module" src="{board.http}/softphone/voice-agent.js"></script>'
                f'<voice-agent id="phone" agent="assistant" label="Front desk" token="{given}" theme="dark">'
                f"</voice-agent></main></html>"
            )
            await _calls_from(browser, board, f"{origin}/index.html")


@asynccontextmanager
async def _page_of(folder: Path) -> AsyncIterator[str]:
    with pages(folder) as origin:
        yield origin


async def _calls_from(browser: Browser, board: Switchboard, address: str) -> None:
    async with softphone(browser, address) as phone:
        await phone.page.evaluate("phone.focus()")
        await phone.page.keyboard.press("Enter")
        await phone.shows("This is answer number 1 of the emulated model.")
        assert await violations(phone.page) == []
        await phone.page.evaluate("phone.remove()")
        await board.line("call.ended", reason="caller-hung-up")
        assert _but_for_what_is_not_there(phone.faults) == []


def _but_for_what_is_not_there(faults: Faults) -> list[str]:
    return [each for each in faults.found if "favicon" not in each]

"""The softphone in Chromium, from the server's own page: a conversation as a person has it."""

from pathlib import Path

import numpy as np
import pytest

from mediaproviders.emulators.openai import EmulatorSettings
from mediaserver.load.recording import resample
from screens.caller import RATE, write
from screens.chromium import chromium
from screens.shots import violations
from support import rig
from support.hearing import answer
from support.real_speech import recordings
from support.softphone import Softphone, listening, softphone
from support.switchboard import Switchboard, switchboard, until_like

pytestmark = pytest.mark.tool("chromium", "axe-core")

HTTP = {"address": "127.0.0.1:0"}
AGENT = {"dtmf": {"send": True}}
MODEL = EmulatorSettings(
    answer_ms=2500,
    answer_texts=("Good morning, this is answer number {n}, and it goes on for longer than anybody listens.",),
    hears=("When are you open?",),
)
_QUIET = 40
"""Of 32768: what codecs make of silence is softer."""


async def test_a_conversation(tmp_path: Path) -> None:
    async with (
        switchboard(tmp_path, MODEL, http=HTTP, agent=AGENT) as board,
        chromium() as browser,
        softphone(browser, board.http) as phone,
        listening(phone),
    ):
        await phone.call()
        await _both_are_heard_and_seen(board, phone)
        await _keys_arrive(board, phone)
        await _devices_can_be_changed(board, phone)
        await _mute_is_silence(board, phone)
        await _an_interruption_is_seen(board, phone)
        assert await violations(phone.page) == []
        await phone.click("Hang up")
        assert (await board.line("call.ended"))["reason"] == "caller-hung-up"
        await phone.shows("You hung up.")
        assert await phone.page.evaluate("document.activeElement === phone"), "the focus is lost with the button"
        assert await violations(phone.page) == []
        assert phone.faults.found == []


@pytest.mark.tool("pocketsphinx-testdata")
async def test_real_speech_from_the_browsers_own_microphone(tmp_path: Path) -> None:
    (tmp_path / "call").mkdir()
    words = recordings(RATE)[0][: 3 * RATE]
    write(microphone := tmp_path / "microphone.wav", words)
    async with (
        switchboard(tmp_path / "call", MODEL, http=HTTP) as board,
        chromium(microphone=microphone) as browser,
        softphone(browser, board.http, ears=False) as phone,
    ):
        # As it was recorded, for it is to be recognised.
        await phone.page.evaluate(
            "phone.audio = {echoCancellation: false, noiseSuppression: false, autoGainControl: false}"
        )
        await phone.call()
        # The call begins while it is being said: what comes after that is heard.
        await board.model_hears(resample(words[RATE:], RATE, rig.RATE))


async def _both_are_heard_and_seen(board: Switchboard, phone: Softphone) -> None:
    await until_like(lambda: [phone.hearing], answer(board.emulator, 0), "the page")
    await phone.shows("Good morning, this is answer number 1,")
    await phone.agent_is_quiet()
    await phone.say(question := rig.speech(1.2, 1))
    await board.model_hears(question)
    await phone.shows("When are you open?")
    await until_like(lambda: [phone.hearing], answer(board.emulator, 1), "the page")
    await phone.shows("Good morning, this is answer number 2,")
    await phone.until("document.querySelectorAll('#rows tr').length === 1")
    turn = (await board.line("turn"))["total_ms"]
    shown = await phone.page.inner_text("#rows td:last-child")
    assert shown.endswith(" ms") and abs(int(shown.split()[0]) - turn) <= 1


async def _keys_arrive(board: Switchboard, phone: Softphone) -> None:
    await phone.agent_is_quiet()
    await phone.click("Keypad")
    await phone.click("4 GHI")
    await phone.page.keyboard.press("#")
    await board.model_is_told("DTMF-4")
    await board.model_is_told("DTMF-#")
    assert await phone.page.get_by_label("Keys pressed").inner_text() == "4#"
    assert await violations(phone.page) == []
    await phone.page.keyboard.press("Escape")
    assert not await phone.page.get_by_label("Keys pressed").is_visible()


async def _devices_can_be_changed(board: Switchboard, phone: Softphone) -> None:
    await phone.agent_is_quiet(1.0)
    await phone.click("Sound and connection")
    for name in ("Microphone", "Loudspeaker"):
        choice = phone.page.get_by_label(name)
        others = await choice.locator("option").all_inner_texts()
        await choice.select_option(label=others[-1])
        await phone.until(f"phone.shadowRoot.activeElement?.selectedOptions?.[0]?.text !== '{others[0]}'")
    assert not await phone.page.locator(".trouble").is_visible()
    assert await violations(phone.page) == []
    assert await phone.page.get_by_label("Sound and connection").get_by_text("opus").is_visible()
    await phone.say(said := rig.speech(1.0, 5))
    await board.model_hears(said)
    await phone.page.keyboard.press("Escape")
    await phone.agent_speaks(turns=2)


async def _mute_is_silence(board: Switchboard, phone: Softphone) -> None:
    await phone.agent_is_quiet(1.0)
    await phone.click("Mute")
    # What was on its way is there after that.
    before = len(board.ear.heard[0])
    await rig.eventually(lambda: len(board.ear.heard[0]) > before + rig.RATE // 2)
    before = len(board.ear.heard[0])
    await phone.say(rig.speech(1.0, 2))
    await rig.eventually(lambda: len(board.ear.heard[0]) > before + 3 * rig.RATE // 2)
    assert np.abs(board.ear.heard[0][before:]).max() < _QUIET
    await phone.click("Mute")
    await phone.say(said := rig.speech(1.0, 3))
    await board.model_hears(said)


async def _an_interruption_is_seen(board: Switchboard, phone: Softphone) -> None:
    await phone.agent_speaks(turns=3, for_s=0.7)
    before = int(await phone.page.inner_text("#interruptions"))
    await phone.say(rig.speech(1.0, 4))
    await phone.until("phone.shadowRoot.querySelector('s.lost')")
    cut = phone.page.locator("p.caption:has(s.lost)").last
    text = await cut.inner_text()
    assert "(interrupted; not heard:" in text, "screen readers are told"
    heard = await cut.locator(".words").inner_text()
    lost = await cut.locator("s").inner_text()
    assert f"{heard} {lost}".startswith("Good morning, this is answer number")
    assert f"{heard} {lost}".endswith("than anybody listens.")
    assert heard, "something of it was heard"
    assert await phone.page.inner_text("#interruptions") == str(before + 1)
    assert "You interrupted the agent." in await phone.page.get_by_role("status").first.inner_text()

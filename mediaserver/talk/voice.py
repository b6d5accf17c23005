"""What the agent says, on its way to the caller's ear: it has the floor, keeps it, or loses it."""

from collections.abc import Callable, Iterator

from structlog.typing import FilteringBoundLogger

from mediaproviders.contract import Conversation
from mediaserver.rtp.playout import Cut, ItemEnded, ItemStarted, Playout
from mediaserver.talk.due import AnswerDue
from mediaserver.talk.feed import Notes
from mediaserver.talk.heard import heard_ms
from mediaserver.talk.last_words import LastWords
from mediaserver.talk.latency import Stopwatch
from mediaserver.talk.leg import Leg
from mediaserver.talk.minutes import Minutes
from mediaserver.talk.turn import Action, Floor, Turn

_OVERLAP_S = 0.3
"""Who speaks while the agent says its last syllable is taking a turn, not coughing."""


class Voice:
    """The agent's voice in one call. `session` gives the model's, while it has one.

    `local`: we decide interruptions, and so it is for us to stop the model.
    """

    def __init__(
        self,
        turn: Turn,
        leg: Leg,
        minutes: Minutes,
        due: AnswerDue,
        last_words: LastWords,
        receiver_buffer_ms: float,
        session: Callable[[], Conversation | None],
        log: FilteringBoundLogger,
        notes: Notes,
        *,
        local: bool,
    ) -> None:
        self.turn = turn
        self.playout: Playout | None = None
        """None until the stream has begun."""
        self.stopwatch = Stopwatch()
        self._leg = leg
        self._minutes = minutes
        self._due = due
        self._last_words = last_words
        self._receiver_buffer_ms = receiver_buffer_ms
        self._session = session
        self._log = log
        self._notes = notes
        self._local = local
        self._doubtful = False
        self._quiet_since = 0.0
        self._unfinished: dict[str, None] = {}

    @property
    def audible(self) -> bool:
        """The caller is hearing the agent, or would without a noise of their own.

        A last piece shorter than a packet is not heard until its item goes on, which it may never do.
        """
        playout = self.playout
        return playout is not None and (playout.ready or playout.held)

    # --- what it says ------------------------------------------------------------------------------------------------

    def say(self, item: str, audio: bytes, now: float) -> None:
        """Audio of `item`. Nothing before the stream has begun."""
        playout = self.playout
        if playout is not None:
            self._unfinished[item] = None
            playout.push(item, audio)
            self._leg.speak_now(now)

    def leave_unsaid(self, item: str) -> None:
        """Nobody is there to hear this item."""
        session = self._session()
        if item not in self._unfinished and self.playout is not None:
            self._unfinished[item] = None
            self.playout.discard(item)
            self._minutes.cut(item, 0, 0, audible=False)
            if session is not None:
                session.truncate(item, 0)

    def finish(self, item: str) -> None:
        """No more of `item` will come."""
        self._unfinished.pop(item, None)
        if self.playout is not None:
            self.playout.finish(item)

    def finish_all(self) -> None:
        """No more of any item will come."""
        for item in tuple(self._unfinished):
            self.finish(item)

    def session_replaced(self, now: float) -> None:
        """What was being generated goes no further."""
        for item in self._unfinished:
            self._minutes.broken_off(item)
        if self.playout is not None and self._unfinished and not self.audible:
            # Less than a packet is left of a word that broke off a while ago: it would be a click.
            self._unfinished.clear()
            for cut in self.playout.flush():
                self._minutes.played(cut.item)
            self._quiet(now)
        self.finish_all()

    def break_off(self) -> None:
        """The model is lost: what it was saying ends here, with what there is of it."""
        if self.playout is not None:
            for cut, heard in self._flushed(self.playout):
                self._minutes.cut(cut.item, heard, cut.received_ms, audible=cut.played_ms > 0)
            self._notes.speaks("agent", False)

    def played(self, events: list[ItemStarted | ItemEnded], now: float) -> None:
        """Playout has begun or ended items."""
        for event in events:
            match event:
                case ItemStarted():
                    self._listen_in(True)
                    self._notes.speaks("agent", True)
                    self.act(self.turn.agent_begins(), now, "local")
                    self._time(now)
                case ItemEnded(item=item):
                    self._minutes.played(item)
        # An item that ran dry but is not finished goes on in a moment: the agent still has the floor.
        if self.playout is not None and self.playout.current is None:
            self._quiet(now)

    def _time(self, now: float) -> None:
        if (latency := self.stopwatch.played(now)) is not None:
            self._log.info(
                "turn",
                turn=latency.turn,
                total_ms=round(latency.total_ms, 1),
                endpoint_ms=round(latency.endpoint_ms, 1),
                think_ms=round(latency.think_ms, 1),
                playout_ms=round(latency.playout_ms, 1),
            )
            self._notes.turn(latency)

    def _quiet(self, now: float) -> None:
        self._listen_in(False)
        self._notes.speaks("agent", False)
        self._last_words.played()
        self._quiet_since = now
        self._due.heeded(now)
        self.act(self.turn.agent_ends(), now, "local")

    def _listen_in(self, wanted: bool) -> None:
        if self._leg.uplink is not None:
            self._leg.uplink.judge(wanted)

    # --- who has the floor -------------------------------------------------------------------------------------------

    def caller_speaks(self, now: float) -> None:
        """The model hears the caller begin; whether that takes the floor from the agent is for our detector to say."""
        self._doubtful = self.turn.floor in (Floor.AGENT, Floor.CONTESTED)
        if not self._doubtful and self.playout is not None and self._due.waiting:
            self._interrupt(self.playout, now, "local")  # the turn goes on: an answer to half of it is void

    def ignorable(self, last_voice: float) -> bool:
        """The caller's turn was a noise while the agent spoke, not one that goes on after the agent's end."""
        doubtful, self._doubtful = self._doubtful, False
        return doubtful and (self.turn.floor is not Floor.OPEN or last_voice < self._quiet_since - _OVERLAP_S)

    def act(self, action: Action | None, now: float, decided_by: str) -> None:
        """Do what the floor asks for."""
        if action is None or self.playout is None:
            return
        if action is Action.DUCK:
            self.playout.duck()
            self._log.debug("duck")
        elif action is Action.RESUME:
            self.playout.resume()
            self._doubtful = True
            self._log.info("resume")
        else:
            self._interrupt(self.playout, now, decided_by)

    def _interrupt(self, playout: Playout, now: float, decided_by: str) -> None:
        """The caller has the floor: nothing more is played, and the model learns what was heard."""
        self._listen_in(False)
        self._notes.speaks("agent", False)
        self._doubtful = False
        self.stopwatch.void()
        self._due.forget()
        self._unfinished.clear()
        session, uplink = self._session(), self._leg.uplink
        if session is not None and (self._local or decided_by == "key"):
            session.cancel()
        for cut, heard in self._flushed(playout):
            if session is not None:
                session.truncate(cut.item, heard)
            if cut.played_ms > 0:
                voice_began = uplink.voice_began if uplink is not None and decided_by != "key" else now
                self._log.info(
                    "barge_in",
                    item=cut.item,
                    heard_ms=heard,
                    stop_ms=round((now - voice_began) * 1000, 1),
                    decided_by=decided_by,
                )
                self._notes.tell("barge_in", item=cut.item, heard_ms=heard, by=decided_by)
            self._minutes.cut(cut.item, heard, cut.received_ms, audible=cut.played_ms > 0)
        self._last_words.played()

    def _flushed(self, playout: Playout) -> Iterator[tuple[Cut, int]]:
        """What will not be played any more, and how many ms of it the caller heard."""
        session = self._leg.session
        rtt_ms = session.rtt_ms if session is not None else None
        for cut in playout.flush():
            yield cut, heard_ms(cut.played_ms, cut.received_ms, rtt_ms, self._receiver_buffer_ms)

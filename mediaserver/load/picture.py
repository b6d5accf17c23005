"""A picture of a call: both voices on one time axis, who said what, barge-ins, how long answers took."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mediaserver.load.recording import RATE, Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = Any

INK, FAINT, RULE = "#1f2933", "#6b7785", "#d9dee5"
CALLER, CALLER_SHADE = "#2f6fb0", "#e3eefa"
AGENT, AGENT_SHADE = "#0f8a6c", "#ddf3ec"
BARGE_IN = "#d1495b"
STAGES = (
    ("endpoint_ms", "hears the end", "#b9c6d6"),
    ("think_ms", "thinks", "#7f95b2"),
    ("playout_ms", "reaches the ear", "#3f5877"),
)

WIDTH_IN, HEIGHT_IN, DPI = 12.0, 5.6, 150
COLUMNS = 1500
LAST_WORDS = 0.11
"""Share of the axis that the last turn's text may take."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something said, in seconds of the recording."""

    begin: float
    end: float
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller spoke over the agent `at` (seconds of the recording); the agent fell silent `stop_ms` after that."""

    at: float
    stop_ms: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From the caller's last word to the agent's first, by stage; `at` is where the answer began, in seconds."""

    at: float
    endpoint_ms: float
    think_ms: float
    playout_ms: float

    @property
    def total_ms(self) -> float:
        """All stages."""
        return self.endpoint_ms + self.think_ms + self.playout_ms


@dataclass(frozen=True, slots=True)
class CallPicture:
    """All that is drawn. `rows` is the stereo recording, caller left, agent right."""

    rows: Samples
    title: str
    subtitle: str = ""
    caller: Sequence[Utterance] = field(default_factory=tuple)
    agent: Sequence[Utterance] = field(default_factory=tuple)
    barge_ins: Sequence[BargeIn] = field(default_factory=tuple)
    latencies: Sequence[Latency] = field(default_factory=tuple)


def draw(picture: CallPicture, path: Path) -> None:
    """Write a PNG or SVG, by the suffix of `path`. Raises ModuleNotFoundError without the extra `picture`."""
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("drawing a call needs matplotlib: pip install 'mediaserver[picture]'") from error
    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    style: Any = {"font.family": "DejaVu Sans", "font.size": 10.5, "svg.fonttype": "none", "text.color": INK}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor="white")
        top, bottom, bars = figure.subplots(3, 1, sharex=True, height_ratios=(5, 5, 3.2))
        figure.subplots_adjust(left=0.075, right=0.985, top=0.885, bottom=0.085, hspace=0.07)
        seconds = _reach(picture)
        _voice(top, picture.rows[:, 0], seconds, CALLER, "caller")
        _voice(bottom, picture.rows[:, 1], seconds, AGENT, "agent")
        _said(top, picture.caller, CALLER, CALLER_SHADE, seconds)
        _said(bottom, picture.agent, AGENT, AGENT_SHADE, seconds)
        _mark_barge_ins((top, bottom), picture.barge_ins, seconds)
        _stack(bars, picture.latencies, seconds)
        figure.text(0.012, 0.955, picture.title, fontsize=15, fontweight="bold", va="center")
        figure.text(0.985, 0.955, picture.subtitle, fontsize=10.5, color=FAINT, ha="right", va="center")
        figure.savefig(path)


def _reach(picture: CallPicture) -> float:
    """Seconds on the axis: the recording, and room for the last words said."""
    length = len(picture.rows) / RATE
    last = max((said.begin for said in (*picture.caller, *picture.agent)), default=0.0)
    return max(length, last + LAST_WORDS * length)


def _bare(axes: Axes, seconds: float) -> None:
    axes.set_xlim(0, 1.02 * seconds)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelcolor=FAINT, labelbottom=False)
    axes.set_yticks([])


def _voice(axes: Axes, samples: Samples, seconds: float, colour: str, name: str) -> None:
    """The envelope of a voice: one vertical stroke per column, from its lowest to its highest sample."""
    _bare(axes, seconds)
    step = max(1, -(-len(samples) // COLUMNS))
    padded = np.zeros(step * -(-len(samples) // step), dtype=np.float64)
    padded[: len(samples)] = samples
    columns = padded.reshape(-1, step)
    peak = max(float(np.abs(padded).max(initial=1.0)), 1.0)
    times = (np.arange(len(columns)) + 0.5) * step / RATE
    low, high = columns.min(axis=1) / peak, columns.max(axis=1) / peak
    axes.fill_between(times, low, high, color=colour, linewidth=0.4, zorder=3)
    axes.axhline(0, color=colour, linewidth=0.6, alpha=0.5, zorder=2)
    axes.set_ylim(-1.15, 2.35)
    axes.text(
        -0.008,
        1.15 / 3.5,
        name,
        transform=axes.transAxes,
        ha="right",
        va="center",
        color=colour,
        fontweight="bold",
        fontsize=11.5,
    )


def _said(axes: Axes, utterances: Sequence[Utterance], colour: str, shade: str, seconds: float) -> None:
    """Shade each turn; above the voice, as much of its text as fits before the same speaker's next turn."""
    per_second = 138 / seconds
    for index, utterance in enumerate(utterances):
        axes.axvspan(utterance.begin, utterance.end, ymin=0.0, ymax=0.66, color=shade, linewidth=0, zorder=0)
        following = utterances[index + 1].begin if index + 1 < len(utterances) else 1.02 * seconds
        room = max(following, utterance.end) - utterance.begin - 0.01 * seconds
        columns = max(8, int(room * per_second))
        text = utterance.text.strip() + (" —" if utterance.interrupted else "")
        lines = textwrap.wrap(text, columns, max_lines=3, placeholder=" …") or [""]
        axes.plot([utterance.begin, utterance.begin], [-1.15, 2.25], color=colour, linewidth=1.0, alpha=0.55, zorder=1)
        axes.text(
            utterance.begin + 0.005 * seconds, 2.25, "\n".join(lines), va="top", ha="left",
            fontsize=9.6, color=INK, linespacing=1.15, zorder=5, clip_on=True,
        )  # fmt: skip


def _mark_barge_ins(both: tuple[Axes, Axes], barge_ins: Sequence[BargeIn], seconds: float) -> None:
    top, bottom = both
    for barge_in in barge_ins:
        stop = barge_in.at + barge_in.stop_ms / 1000
        for axes in both:
            axes.axvspan(barge_in.at, stop, ymax=0.66, color=BARGE_IN, alpha=0.18, linewidth=0, zorder=4)
        top.plot([barge_in.at] * 2, [-1.15, 1.15], color=BARGE_IN, linewidth=1.3, zorder=6)
        bottom.plot([stop] * 2, [-1.15, 1.15], color=BARGE_IN, linewidth=1.3, zorder=6)
        # The caller was listening just before, so there is room to the left unless the call has only begun.
        left = barge_in.at > 0.25 * seconds
        top.text(
            barge_in.at + (-0.006 if left else 0.006) * seconds, -0.62,
            f"barge-in: agent\nsilent after {barge_in.stop_ms:.0f} ms",
            ha="right" if left else "left", va="center", color=BARGE_IN, fontsize=9.8, fontweight="bold", zorder=7,
            linespacing=1.1,
        )  # fmt: skip


def _stack(axes: Axes, latencies: Sequence[Latency], seconds: float) -> None:
    """One bar per answer under the moment it began, stacked by stage, its total on top."""
    _bare(axes, seconds)
    axes.tick_params(labelbottom=True)
    axes.axhline(0, color=RULE, linewidth=1.0)
    highest = max([latency.total_ms for latency in latencies], default=1.0)
    axes.set_ylim(0, 1.75 * highest)
    width = 0.016 * seconds
    for latency in latencies:
        base = 0.0
        for name, _, colour in STAGES:
            value = getattr(latency, name)
            axes.bar(latency.at, value, width, bottom=base, color=colour, linewidth=0, zorder=3)
            base += value
        axes.text(latency.at, base + 0.06 * highest, f"{base:.0f} ms", ha="center", va="bottom", fontsize=9.8)
    axes.text(
        -0.008, 0.28, "answer\nafter", transform=axes.transAxes, ha="right", va="center", color=FAINT, fontweight="bold"
    )
    _stage_legend(axes)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")


def _stage_legend(axes: Axes) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, label=label) for _, label, colour in STAGES]
    axes.legend(
        handles=patches, loc="upper left", ncols=3, frameon=False, fontsize=9.6, labelcolor=FAINT,
        handlelength=1.0, handleheight=0.9, columnspacing=1.4, borderaxespad=0.1,
    )  # fmt: skip

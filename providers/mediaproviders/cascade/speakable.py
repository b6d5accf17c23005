"""What is written, as it is to be spoken: without the marks of a layout. Pure."""

import re
from typing import Final

_LINK: Final = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_RULE: Final = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$|^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t:-]*$", re.MULTILINE)
_LINE_MARK: Final = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+)+", re.MULTILINE)
_STRONG: Final = re.compile(r"\*{2,}|(?<!\w)_{2,}|_{2,}(?!\w)|`+|~~")
_EMPHASIS: Final = re.compile(r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_CELL: Final = re.compile(r"[ \t]*\|[ \t]*")
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>\n]{0,80}>")
_PICTURE: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d\u20e3]")
_SPEECH: Final = re.compile(r"\w|[$€£%+=@&]")


def speakable(text: str) -> str:
    """`text` for a voice, on one line; empty if there is nothing in it to say."""
    text = _RULE.sub(" ", _FENCE.sub(" ", text))
    text = _LINE_MARK.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _EMPHASIS.sub("", _STRONG.sub("", text))
    text = _CELL.sub(", ", text.strip().strip("|")) if text.count("|") > 1 else text
    text = " ".join(_PICTURE.sub(" ", text).split())
    return text if _SPEECH.search(text) else ""

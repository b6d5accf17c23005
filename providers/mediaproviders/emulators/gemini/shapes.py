"""The client's messages, field by field: spelt in snake case or in camel case, at every level and as it comes."""

from collections.abc import Mapping
from typing import Any, Final

from mediaproviders.emulators.gemini.refusal import Refusal, invalid_value, unknown_name

type Shape = type | tuple[type, ...] | tuple[str, ...] | Mapping[str, Any] | list[Any] | None
"""A type; types; the values of an enumeration; an object's fields; a list of one shape; None: anything at all."""

_NUMBER: Final = (int, float)
_CONTENT: Final[Mapping[str, Shape]] = {
    "role": ("user", "model", "function", "system"),
    "parts": [
        {
            "text": str,
            "thought": bool,
            "inlineData": {"mimeType": str, "data": str},
            "functionCall": {"id": str, "name": str, "args": None},
            "functionResponse": {"id": str, "name": str, "response": None},
        }
    ],
}
_SPEECH: Final[Mapping[str, Shape]] = {
    "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": str}},
    "languageCode": str,
}
_TRANSCRIPTION: Final[Mapping[str, Shape]] = {
    "languageCodes": [str],
    "customVocabulary": [str],
    "languageHints": None,
    "languageAuto": None,
    "adaptationPhrases": [str],
}
_GENERATION: Final[Mapping[str, Shape]] = {
    "responseModalities": [("AUDIO", "TEXT", "IMAGE")],
    "temperature": _NUMBER,
    "topP": _NUMBER,
    "topK": _NUMBER,
    "maxOutputTokens": int,
    "candidateCount": int,
    "presencePenalty": _NUMBER,
    "frequencyPenalty": _NUMBER,
    "seed": int,
    "mediaResolution": str,
    "speechConfig": _SPEECH,
    "thinkingConfig": {"thinkingBudget": int, "includeThoughts": bool, "thinkingLevel": str},
    "enableAffectiveDialog": bool,
}
_DETECTION: Final[Mapping[str, Shape]] = {
    "disabled": bool,
    "startOfSpeechSensitivity": ("START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"),
    "endOfSpeechSensitivity": ("END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"),
    "prefixPaddingMs": int,
    "silenceDurationMs": int,
}
_REALTIME: Final[Mapping[str, Shape]] = {
    "automaticActivityDetection": _DETECTION,
    "activityHandling": ("ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"),
    "turnCoverage": (
        "TURN_COVERAGE_UNSPECIFIED",
        "TURN_INCLUDES_ONLY_ACTIVITY",
        "TURN_INCLUDES_ALL_INPUT",
        "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    ),
}
_FUNCTION: Final[Mapping[str, Shape]] = {
    "name": str,
    "description": str,
    "parameters": None,
    "parametersJsonSchema": None,
    "response": None,
    "responseJsonSchema": None,
    "behavior": ("UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
}
_SETUP: Final[Mapping[str, Shape]] = {
    "model": str,
    "generationConfig": _GENERATION,
    "systemInstruction": _CONTENT,
    "tools": [{"functionDeclarations": [_FUNCTION], "googleSearch": None, "codeExecution": None, "urlContext": None}],
    "realtimeInputConfig": _REALTIME,
    "sessionResumption": {"handle": str, "transparent": bool},
    "contextWindowCompression": {"triggerTokens": (int, str), "slidingWindow": {"targetTokens": (int, str)}},
    "inputAudioTranscription": _TRANSCRIPTION,
    "outputAudioTranscription": _TRANSCRIPTION,
    "proactivity": {"proactiveAudio": bool},
    "historyConfig": {"initialHistoryInClientContent": bool},
    "explicitVadSignal": bool,
    "safetySettings": [{"category": str, "threshold": str, "method": str}],
    "labels": None,
}
_BLOB: Final[Mapping[str, Shape]] = {"mimeType": str, "data": str}
MESSAGE: Final[Mapping[str, Shape]] = {
    "setup": _SETUP,
    "realtimeInput": {
        "audio": _BLOB,
        "video": _BLOB,
        "text": str,
        "audioStreamEnd": bool,
        "activityStart": {},
        "activityEnd": {},
        "mediaChunks": [_BLOB],
    },
    "clientContent": {"turns": [_CONTENT], "turnComplete": bool},
    "toolResponse": {
        "functionResponses": [
            {"id": str, "name": str, "response": None, "scheduling": str, "willContinue": bool, "parts": None}
        ]
    },
}
"""A client message is exactly one of these."""


def normalised(message: object) -> dict[str, Any]:
    """The message with every field in camel case. Raises Refusal for a field or a value it must not have."""
    if not isinstance(message, dict):
        raise Refusal("Invalid JSON payload received. Root element must be a message.")
    checked: dict[str, Any] = _checked(message, MESSAGE, "")
    if len(checked) != 1:
        raise Refusal("Request contains an invalid argument: a message is exactly one of " + ", ".join(MESSAGE) + ".")
    return checked


def _checked(value: Any, shape: Any, path: str) -> Any:
    if shape is None or value is None:
        return value
    if isinstance(shape, Mapping):
        return _object(value, shape, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise invalid_value(path, value)
        return [_checked(each, shape[0], f"{path}[{index}]") for index, each in enumerate(value)]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    if isinstance(kinds[0], str):
        if value not in kinds:
            raise invalid_value(path, value)
    elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise invalid_value(path, value)
    return value


def _object(value: Any, fields: Mapping[str, Any], path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_value(path, value)
    checked: dict[str, Any] = {}
    for name, each in value.items():
        camel = camel_case(name)
        if camel not in fields:
            raise unknown_name(name, path)
        if camel in checked:
            raise Refusal(f"Invalid JSON payload received. {camel} is given twice at '{path}'.")
        checked[camel] = _checked(each, fields[camel], f"{path}.{name}" if path else name)
    return checked


def camel_case(name: str) -> str:
    """`turn_complete` as `turnComplete`; a name in camel case stays."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)

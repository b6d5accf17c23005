"""The setup message: what a session is to be, and what the service will not be."""

import re
from dataclasses import dataclass
from typing import Any, Final

from mediaproviders.emulators.gemini.refusal import POLICY, Refusal, unknown_name
from mediaproviders.emulators.gemini.settings import GeminiSettings

VOICES: Final = frozenset(
    {
        "Achernar",
        "Achird",
        "Algenib",
        "Algieba",
        "Alnilam",
        "Aoede",
        "Autonoe",
        "Callirrhoe",
        "Charon",
        "Despina",
        "Enceladus",
        "Erinome",
        "Fenrir",
        "Gacrux",
        "Iapetus",
        "Kore",
        "Laomedeia",
        "Leda",
        "Orus",
        "Puck",
        "Pulcherrima",
        "Rasalgethi",
        "Sadachbia",
        "Sadaltager",
        "Schedar",
        "Sulafat",
        "Umbriel",
        "Vindemiatrix",
        "Zephyr",
        "Zubenelgenubi",
    }
)
MODELS: Final = {False: "gemini-2.5-flash-native-audio", True: "gemini-live-2.5-flash"}
"""How the names of its models begin, by whether it is Vertex AI: they are not the same."""
_NAMES: Final = {
    False: re.compile(r"models/([\w.-]+)"),
    True: re.compile(r"projects/[\w.:-]+/locations/[\w-]+/publishers/google/models/([\w.-]+)"),
}
_THRESHOLDS: Final = {"START_SENSITIVITY_HIGH": 0.45, "START_SENSITIVITY_LOW": 0.65}
_SILENCES: Final = {"END_SENSITIVITY_HIGH": 500, "END_SENSITIVITY_LOW": 800}
_ALPHA_ONLY: Final = ("enableAffectiveDialog", "proactivity")


@dataclass(frozen=True, slots=True)
class Setup:
    """The session asked for."""

    model: str
    instructions: str
    tools: frozenset[str]
    """Names of the functions the model may call."""
    detection: dict[str, Any] | None
    """Settings of the detector; None: the client says when the caller speaks."""
    onset_ms: float
    interrupts: bool
    """The caller's speech stops the model."""
    transcribes_input: bool
    transcribes_output: bool
    resumable: bool
    handle: str | None
    compresses: bool


def read(setup: dict[str, Any], settings: GeminiSettings, *, vertex: bool, version: str) -> Setup:
    """Judge a setup, normalised. Raises Refusal."""
    generation = setup.get("generationConfig") or {}
    model = _model(setup.get("model"), settings, vertex=vertex, version=version)
    _modalities(generation.get("responseModalities"))
    _voice(generation, settings, model)
    _alpha(setup, generation, alpha=vertex or version == "v1alpha")
    realtime = setup.get("realtimeInputConfig") or {}
    aad = realtime.get("automaticActivityDetection") or {}
    start = aad.get("startOfSpeechSensitivity", "START_SENSITIVITY_HIGH")
    end = aad.get("endOfSpeechSensitivity", "END_SENSITIVITY_HIGH")
    resumption = setup.get("sessionResumption")
    return Setup(
        model=model,
        instructions=_text(setup.get("systemInstruction")),
        tools=_tools(setup.get("tools") or []),
        detection=None
        if aad.get("disabled")
        else {
            "threshold": _THRESHOLDS.get(start, 0.45),
            "silence_duration_ms": aad.get("silenceDurationMs", _SILENCES.get(end, 500)),
        },
        onset_ms=float(aad.get("prefixPaddingMs", settings.onset_ms)),
        interrupts=realtime.get("activityHandling") != "NO_INTERRUPTION",
        transcribes_input=setup.get("inputAudioTranscription") is not None,
        transcribes_output=setup.get("outputAudioTranscription") is not None,
        resumable=resumption is not None,
        handle=(resumption or {}).get("handle"),
        compresses=setup.get("contextWindowCompression") is not None,
    )


def _model(name: object, settings: GeminiSettings, *, vertex: bool, version: str) -> str:
    found = _NAMES[vertex].fullmatch(name) if isinstance(name, str) else None
    model = found[1] if found else ""
    known = model in settings.models if settings.models is not None else model.startswith(MODELS[vertex])
    if not known:
        raise Refusal(
            f"{name} is not found for API version {version}, or is not supported for bidiGenerateContent.", POLICY
        )
    return model


def _modalities(wanted: list[str] | None) -> None:
    if wanted is not None and len(wanted) > 1:
        raise Refusal("Request contains an invalid argument: only one response modality is supported.")
    if wanted == ["TEXT"]:
        raise Refusal("Cannot extract voices from a non-audio request.")
    if wanted == ["IMAGE"]:
        raise Refusal("Request contains an invalid argument.")


def _voice(generation: dict[str, Any], settings: GeminiSettings, model: str) -> None:
    config = (generation.get("speechConfig") or {}).get("voiceConfig") or {}
    voice = (config.get("prebuiltVoiceConfig") or {}).get("voiceName")
    if voice is not None and voice not in VOICES | settings.voices:
        raise Refusal(f"Requested voice api_name '{voice}' is not available for model {model}.")


def _alpha(setup: dict[str, Any], generation: dict[str, Any], *, alpha: bool) -> None:
    """Previews are there in the preview version of the Developer API alone, and in Vertex AI."""
    for name in () if alpha else _ALPHA_ONLY:
        if name in setup or name in generation:
            raise unknown_name(name, "setup")


def _tools(tools: list[dict[str, Any]]) -> frozenset[str]:
    names: list[str] = []
    for index, tool in enumerate(tools):
        for place, function in enumerate(tool.get("functionDeclarations") or []):
            where = f"setup.tools[{index}].function_declarations[{place}]"
            name = function.get("name") or ""
            if not re.fullmatch(r"[A-Za-z_][\w.:-]{0,63}", name):
                raise Refusal(f"* BidiGenerateContentRequest.{where}.name: Invalid function name.")
            if name in names:
                raise Refusal(f"Duplicate function declaration found: {name}")
            if function.get("parameters") is not None and function.get("parametersJsonSchema") is not None:
                raise Refusal(f"* BidiGenerateContentRequest.{where}: parameters is given twice.")
            names.append(name)
    return frozenset(names)


def _text(content: dict[str, Any] | None) -> str:
    return "\n".join(part.get("text") or "" for part in (content or {}).get("parts") or [])

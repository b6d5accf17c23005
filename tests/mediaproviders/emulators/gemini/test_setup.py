"""What the service accepts as a setup, and how it refuses."""

import pytest

from support.geminiemulator import MODEL, Rehearsal, settings

NATIVE = f"models/{MODEL}"
FUNCTION = {"name": "weather", "description": "", "parameters": {"type": "OBJECT"}}


def refused(**fields):
    rehearsal = Rehearsal()
    assert rehearsal.setup(**fields) == []
    return rehearsal.refused()


def accepted(rehearsal=None, **fields):
    rehearsal = rehearsal or Rehearsal()
    messages = rehearsal.setup(**fields)
    assert rehearsal.closed is None
    assert messages == [{"setupComplete": {"sessionId": "session-1"}}]


def test_a_setup_in_either_spelling_and_both_at_once():
    accepted()
    accepted(
        generationConfig={
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
            "thinkingConfig": {"thinking_budget": 0},
        },
        system_instruction={"parts": [{"text": "Be brief."}]},
        realtimeInputConfig={"automatic_activity_detection": {"silence_duration_ms": 300}},
        tools=[{"function_declarations": [FUNCTION]}, {"googleSearch": {}}],
    )


@pytest.mark.parametrize(
    "message",
    [
        {"realtimeInput": {"activityStart": {}}},
        {"clientContent": {"turns": [], "turnComplete": True}},
        {"toolResponse": {"functionResponses": []}},
    ],
)
def test_nothing_comes_before_the_setup(message):
    rehearsal = Rehearsal()
    rehearsal.send(**message)
    assert rehearsal.refused()[0] == 1007
    assert "the first message must be the setup" in rehearsal.refused()[1]


def test_there_is_one_setup():
    rehearsal = Rehearsal()
    rehearsal.setup()
    rehearsal.setup()
    assert rehearsal.refused()[0] == 1007


def test_a_key_that_is_not_valid_is_found_out_after_the_handshake():
    rehearsal = Rehearsal()
    rehearsal.connect(key_is_valid=False)
    rehearsal.setup()
    assert rehearsal.refused() == (1007, "API key not valid. Please pass a valid API key.")


@pytest.mark.parametrize("model", ["models/gemini-9", MODEL, "models/gemini-live-2.5-flash-native-audio", None])
def test_a_model_it_does_not_have(model):
    code, reason = refused(model=model)
    assert code == 1008
    assert "is not found" in reason


def test_vertex_has_other_names():
    accepted(Rehearsal(vertex=True))
    rehearsal = Rehearsal(vertex=True)
    rehearsal.setup(model=f"projects/p/locations/l/publishers/google/models/{MODEL}")
    assert rehearsal.refused()[0] == 1008


def test_models_of_one_s_own():
    rehearsal = Rehearsal(settings(models=frozenset({"mine"})))
    accepted(rehearsal, model="models/mine")
    rehearsal = Rehearsal(settings(models=frozenset({"mine"})))
    rehearsal.setup()
    assert rehearsal.refused()[0] == 1008


def test_it_answers_in_audio_only():
    reason = "Cannot extract voices from a non-audio request."
    assert refused(generationConfig={"responseModalities": ["TEXT"]}) == (1007, reason)
    assert refused(generationConfig={"responseModalities": ["AUDIO", "TEXT"]})[0] == 1007
    assert refused(generationConfig={"responseModalities": ["IMAGE"]})[0] == 1007


def test_a_voice_it_does_not_have():
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Nobody"}}}
    code, reason = refused(generationConfig={"speechConfig": voice})
    assert code == 1007
    assert reason.startswith("Requested voice api_name 'Nobody' is not available")
    accepted(Rehearsal(settings(voices=frozenset({"Nobody"}))), generationConfig={"speechConfig": voice})


def test_names_it_does_not_know():
    assert refused(instructions="x")[1] == (
        "Invalid JSON payload received. Unknown name \"instructions\" at 'setup': Cannot find field."
    )
    assert "'setup.generationConfig'" in refused(generationConfig={"speed": 2})[1]
    assert refused(tool_choice="auto")[0] == 1007
    assert refused(realtimeInputConfig={"automatic_activity_detection": {"threshold": 0.5}})[0] == 1007


def test_values_of_another_kind():
    assert refused(generationConfig={"temperature": "hot"})[0] == 1007
    assert refused(generationConfig={"topK": True})[0] == 1007
    assert refused(generationConfig=[])[0] == 1007
    assert refused(tools={})[0] == 1007
    detection = {"startOfSpeechSensitivity": "high"}
    assert refused(realtimeInputConfig={"automaticActivityDetection": detection})[0] == 1007


def test_a_field_given_in_both_spellings():
    assert "given twice" in refused(systemInstruction={}, system_instruction={})[1]


def test_tools_it_cannot_declare():
    def tools(*functions):
        return refused(tools=[{"functionDeclarations": functions}])

    assert tools({**FUNCTION, "name": "what a name"})[0] == 1007
    assert tools(FUNCTION, FUNCTION)[1] == "Duplicate function declaration found: weather"
    assert "given twice" in tools({**FUNCTION, "parametersJsonSchema": {}})[1]


def test_previews_are_in_the_preview_version():
    fields = {"proactivity": {"proactiveAudio": True}, "generationConfig": {"enableAffectiveDialog": True}}
    accepted(Rehearsal(version="v1alpha"), **fields)
    accepted(Rehearsal(vertex=True, version="v1beta1"), **fields)
    assert "Unknown name" in refused(proactivity={"proactiveAudio": True})[1]
    assert "Unknown name" in refused(generationConfig={"enableAffectiveDialog": True})[1]


@pytest.mark.parametrize("frame", [b"\xff\xfe", "{", "[]", "12", '{"setup":{},"clientContent":{}}', "{}"])
def test_what_is_no_message(frame):
    rehearsal = Rehearsal()
    rehearsal.raw(frame)
    assert rehearsal.refused()[0] == 1007


def test_a_message_in_a_binary_frame_is_one():
    rehearsal = Rehearsal()
    assert "setupComplete" in rehearsal.raw(f'{{"setup":{{"model":"{NATIVE}"}}}}'.encode())[0]

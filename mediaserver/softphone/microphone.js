// The microphone, and which devices there are: what a browser refuses is told in a sentence that says what to do.

import { fault } from "./words.js";

const COMFORT = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Open a microphone: the one named, or any if that is gone. Throws CallError. */
export async function open(deviceId, constraints = {}) {
    const devices = navigator.mediaDevices;
    if (!window.isSecureContext) throw fault("insecure");
    if (!devices?.getUserMedia || !window.RTCPeerConnection || !AbortSignal.any) throw fault("unsupported");
    const audio = { ...COMFORT, ...constraints };
    try {
        return await devices.getUserMedia({ audio: deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio });
    } catch (error) {
        if (deviceId && ["NotFoundError", "OverconstrainedError"].includes(error.name)) return open(null, constraints);
        throw fault(await kindOf(error), { detail: error.message, cause: error });
    }
}

async function kindOf(error) {
    switch (error.name) {
        case "NotAllowedError":
        case "SecurityError":
            return (await permission()) === "prompt" ? "microphone-dismissed" : "microphone-refused";
        case "NotFoundError":
        case "OverconstrainedError":
            return "microphone-missing";
        default:
            return "microphone-busy";
    }
}

async function permission() {
    try {
        return (await navigator.permissions.query({ name: "microphone" })).state;
    } catch {
        return "unknown"; // a browser that knows no such permission
    }
}

/** Release a stream's devices. */
export function release(stream) {
    for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Microphones and loudspeakers: {id, name}. Names are known once the microphone has been allowed. */
export async function list() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    const of = (kind, word) =>
        all
            .filter((each) => each.kind === kind && each.deviceId !== "")
            .map((each, at) => ({ id: each.deviceId, name: each.label || `${word} ${at + 1}` }));
    const speakers = "setSinkId" in HTMLMediaElement.prototype ? of("audiooutput", "Loudspeaker") : [];
    return { microphones: of("audioinput", "Microphone"), speakers };
}

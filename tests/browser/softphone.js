// Before the softphone's page runs: its microphone is what `ears.say` plays (16-bit at 8 kHz), and what it plays is kept
// for `ears.heard` (16-bit at 48 kHz). The permission to use a microphone is asked for as ever.
(() => {
    const RATE = 8000;
    const PIECE = 8192;
    const pieces = [];
    let audio = null;
    let microphone = null;

    const start = () => {
        if (audio !== null) return;
        audio = new AudioContext({ sampleRate: 48000 });
        microphone = audio.createMediaStreamDestination();
        const silence = audio.createConstantSource();
        silence.offset.value = 0;
        silence.connect(microphone);
        silence.start();
    };

    const keep = async (track) => {
        const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            const piece = new Float32Array(value.numberOfFrames);
            value.copyTo(piece, { planeIndex: 0, format: "f32-planar" });
            value.close();
            pieces.push(piece);
        }
    };

    if (navigator.mediaDevices) {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (constraints) => {
            const real = await ask(constraints);
            for (const track of real.getTracks()) track.stop();
            start();
            return microphone.stream.clone();
        };
    }

    const Connection = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Connection {
        constructor(...given) {
            super(...given);
            this.addEventListener("track", ({ track }) => keep(track));
        }
    };

    window.ears = {
        say(samples) {
            const bytes = Uint8Array.from(atob(samples), (each) => each.charCodeAt(0));
            const pcm = new Int16Array(bytes.buffer);
            const buffer = audio.createBuffer(1, pcm.length, RATE);
            buffer.copyToChannel(
                Float32Array.from(pcm, (each) => each / 32768),
                0,
            );
            const source = audio.createBufferSource();
            source.buffer = buffer;
            source.connect(microphone);
            source.start();
        },
        // What was heard since it was asked last.
        heard() {
            let text = "";
            for (const piece of pieces.splice(0)) {
                const pcm = Int16Array.from(piece, (each) =>
                    Math.max(-32768, Math.min(32767, Math.round(each * 32768))),
                );
                const bytes = new Uint8Array(pcm.buffer);
                for (let at = 0; at < bytes.length; at += PIECE)
                    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
            }
            return btoa(text);
        },
    };
})();

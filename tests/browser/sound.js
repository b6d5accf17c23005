// The microphone and the loudspeaker of a phone in a page. The microphone is what `say` plays (16-bit at 8 kHz), the
// loudspeaker what `heard` returns (16-bit at 48 kHz).
const RATE = 8000;
const PIECE = 8192;

export class Sound {
    #pieces = [];
    #says;

    async start() {
        this.audio = new AudioContext({ sampleRate: 48000 });
        await this.audio.resume();
        this.microphone = this.audio.createMediaStreamDestination();
        const silence = this.audio.createConstantSource();
        silence.offset.value = 0;
        silence.connect(this.microphone);
        silence.start();
    }

    // For one call: a phone that stops its tracks stops none of the next call's.
    get stream() {
        return this.microphone.stream.clone();
    }

    say(samples) {
        const bytes = Uint8Array.from(atob(samples), (each) => each.charCodeAt(0));
        const pcm = new Int16Array(bytes.buffer);
        const buffer = this.audio.createBuffer(1, pcm.length, RATE);
        buffer.copyToChannel(Float32Array.from(pcm, (each) => each / 32768), 0);
        const source = this.audio.createBufferSource();
        source.buffer = buffer;
        source.connect(this.microphone);
        source.start();
        this.#says = source;
    }

    // Speak no more: what is left of it belongs into no other call.
    hush() {
        this.#says?.disconnect();
    }

    // What was heard since it was asked last.
    heard() {
        const length = this.#pieces.reduce((sum, each) => sum + each.length, 0);
        const pcm = new Int16Array(length);
        let at = 0;
        for (const piece of this.#pieces) {
            for (const each of piece) pcm[at++] = Math.max(-32768, Math.min(32767, Math.round(each * 32768)));
        }
        this.#pieces = [];
        let text = "";
        const bytes = new Uint8Array(pcm.buffer);
        for (let from = 0; from < bytes.length; from += PIECE) {
            text += String.fromCharCode(...bytes.subarray(from, from + PIECE));
        }
        return btoa(text);
    }

    // Hear this connection from now on, and no other.
    listen(connection) {
        connection.addEventListener("track", ({ track }) => {
            const stream = new MediaStream([track]);
            // Nothing comes out of a stream of WebRTC that no element plays.
            this.element = new Audio();
            this.element.muted = true;
            this.element.srcObject = stream;
            this.element.play();
            // A page that is a file may load no worklet.
            this.recorder?.disconnect();
            const recorder = (this.recorder = this.audio.createScriptProcessor(4096, 1, 1));
            recorder.onaudioprocess = ({ inputBuffer }) => this.#pieces.push(inputBuffer.getChannelData(0).slice());
            this.audio.createMediaStreamSource(stream).connect(recorder).connect(this.audio.destination);
        });
    }
}

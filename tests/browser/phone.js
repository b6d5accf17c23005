// A telephone on JsSIP in a page of its own. Its microphone is what `say` plays (16-bit at 8 kHz), its loudspeaker what
// `heard` returns (16-bit at 48 kHz); everything that happens to its calls is told in `events`.
import JsSIP from "jssip";

const RATE = 8000;
const PATIENCE_MS = 5000;

class Phone {
    events = [];
    keys = "";
    #pieces = [];

    async start({ socket, user, host, password, codec, transport }) {
        this.codec = codec;
        this.transport = transport;
        this.audio = new AudioContext({ sampleRate: 48000 });
        await this.audio.resume();
        this.microphone = this.audio.createMediaStreamDestination();
        const silence = this.audio.createConstantSource();
        silence.offset.value = 0;
        silence.connect(this.microphone);
        silence.start();
        this.ua = new JsSIP.UA({
            sockets: [new JsSIP.WebSocketInterface(socket)],
            uri: `sip:${user}@${host}`,
            password,
            register_expires: 120,
        });
        for (const name of ["connected", "disconnected", "registered", "registrationFailed"]) {
            this.ua.on(name, (data) => this.#tell(name, data?.cause));
        }
        this.ua.on("newRTCSession", ({ session, originator }) => this.#take(session, originator));
        this.ua.start();
    }

    dial(uri) {
        this.ua.call(uri, this.#options());
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
        for (let from = 0; from < bytes.length; from += 8192) {
            text += String.fromCharCode(...bytes.subarray(from, from + 8192));
        }
        return btoa(text);
    }

    press(key) {
        this.session.sendDTMF(key, { transportType: this.transport });
    }

    hold() {
        return this.#change(() => this.session.hold());
    }

    resume() {
        return this.#change(() => this.session.unhold());
    }

    // JsSIP refuses while it has yet to hear the answer to what it asked for before.
    async #change(what) {
        for (const began = Date.now(); !what(); await new Promise((done) => setTimeout(done, 20))) {
            if (Date.now() - began > PATIENCE_MS) throw new Error("JsSIP is not ready to change the call");
        }
    }

    end() {
        this.session.terminate();
    }

    #options() {
        return {
            mediaStream: this.microphone.stream,
            mediaConstraints: { audio: true, video: false },
            pcConfig: { iceServers: [] },
        };
    }

    #take(session, originator) {
        this.session = session;
        for (const name of ["progress", "accepted", "confirmed", "ended", "failed", "hold", "unhold"]) {
            session.on(name, (data) => this.#tell(name, data?.cause));
        }
        session.on("sdp", (description) => this.#choose(description));
        session.on("newDTMF", ({ originator, dtmf }) => {
            if (originator === "remote") this.keys += dtmf.tone;
        });
        if (session.connection) this.#listen(session.connection);
        else session.on("peerconnection", ({ peerconnection }) => this.#listen(peerconnection));
        if (originator === "remote") session.answer(this.#options());
    }

    // Leaves one codec of audio, and telephone events if keys go by them, in what either side offers.
    #choose(description) {
        if (description.type !== "offer") return;
        const numbers = [...description.sdp.matchAll(/^a=rtpmap:(\d+) ([\w-]+)\//gm)]
            .filter(([, , name]) => name === this.codec || (name === "telephone-event" && this.transport !== "INFO"))
            .map(([, number]) => number);
        description.sdp = description.sdp
            .replace(/^(m=audio \d+ \S+) .*$/m, `$1 ${numbers.join(" ")}`)
            .split("\r\n")
            .filter((line) => {
                const of = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line);
                return !of || numbers.includes(of[1]);
            })
            .join("\r\n");
    }

    #listen(connection) {
        connection.addEventListener("iceconnectionstatechange", () => this.#tell(connection.iceConnectionState));
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

    #tell(name, cause) {
        this.events.push(cause ? `${name}: ${cause}` : name);
    }
}

window.phone = new Phone();

// A telephone on JsSIP in a page of its own; everything that happens to its calls is told in `events`.
import JsSIP from "jssip";
import { only } from "./codecs.js";
import { Sound } from "./sound.js";

const PATIENCE_MS = 5000;

class Phone extends Sound {
    events = [];
    keys = "";
    sessions = [];

    async start({ socket, user, host, password, codec, transport }) {
        await super.start();
        this.codec = codec;
        this.transport = transport;
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
        this.hush();
        this.ua.call(uri, this.#options());
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

    // Sends the other side to somebody else, in the place of an `other` call of this phone if one is named by its
    // number, and is done with it when that has been reached.
    refer(uri, other) {
        const session = this.session;
        const replaces = other === undefined ? undefined : this.sessions[other];
        return new Promise((done, failed) => {
            const fails = (why) => () => failed(new Error(why));
            const accepted = () => {
                session.terminate();
                done();
            };
            const eventHandlers = { accepted, failed: fails("not reached"), requestFailed: fails("refused") };
            session.refer(uri, { replaces, eventHandlers });
        });
    }

    // Takes up another call of this phone.
    turnTo(number) {
        this.session = this.sessions[number];
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
            mediaStream: this.stream,
            mediaConstraints: { audio: true, video: false },
            pcConfig: { iceServers: [] },
        };
    }

    #take(session, originator) {
        this.session = session;
        this.sessions.push(session);
        for (const name of ["progress", "accepted", "confirmed", "ended", "failed", "hold", "unhold"]) {
            session.on(name, (data) => this.#tell(name, data?.cause));
        }
        session.on("sdp", (description) => {
            if (description.type === "offer") {
                description.sdp = only(description.sdp, this.codec, this.transport !== "INFO");
            }
        });
        session.on("newDTMF", ({ originator, dtmf }) => {
            if (originator === "remote") this.keys += dtmf.tone;
        });
        session.on("refer", ({ accept }) => {
            this.#tell("referred");
            accept(undefined, this.#options());
        });
        if (session.connection) this.listen(session.connection);
        else session.on("peerconnection", ({ peerconnection }) => this.listen(peerconnection));
        if (originator === "remote") session.answer(this.#options());
    }

    #tell(name, cause) {
        this.events.push(cause ? `${name}: ${cause}` : name);
    }
}

window.phone = new Phone();

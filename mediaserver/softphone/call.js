// One call: a peer connection and its WHIP session. It survives a change of network by ICE restarts; when that
// fails it is for the phone to call again.

import { fragmentOf, renewed } from "./sdp.js";
import { CallError, fault } from "./words.js";

const CONNECT_MS = 12_000;
const RESTART_AFTER_MS = 1_500; // a hiccup of the network heals itself within that
const RESTART_MS = 6_000;
const GIVE_UP_MS = 30_000;
const GATHER_MS = 400;
const TONE_MS = 120;
const TONE_GAP_MS = 80;

/**
 * Events: `track` {stream}, `told` {of the feed}, `interrupted`, `resumed`, `over` {reason, lost}: lost if the session
 * is gone though nobody hung up.
 */
export class Call extends EventTarget {
    #whip;
    #connection;
    #sender;
    #answer = "";
    #ended = new AbortController();
    #restarting = false;
    #timer = null;
    #seen = new Set();

    constructor(whip, { iceServers = [], iceTransportPolicy = "all" } = {}) {
        super();
        this.#whip = whip;
        const connection = (this.#connection = new RTCPeerConnection({
            iceServers,
            iceTransportPolicy,
            bundlePolicy: "max-bundle",
        }));
        connection.ontrack = ({ track, streams }) =>
            this.#tell("track", { stream: streams[0] ?? new MediaStream([track]) });
        connection.onconnectionstatechange = () => this.#changed();
    }

    /** The peer connection, to ask for its statistics. */
    get connection() {
        return this.#connection;
    }

    /** Whether keys can be told. */
    get takesKeys() {
        return this.#sender?.dtmf?.canInsertDTMF ?? false;
    }

    /** Connect, sending a track of a stream; done when media flow. Throws CallError; after that the call is over. */
    async begin(track, stream, signal) {
        signal.addEventListener("abort", () => this.end(), { once: true, signal: this.#ended.signal });
        try {
            await this.#begin(track, stream);
        } catch (error) {
            this.end();
            throw signal.aborted ? signal.reason : error;
        }
        window.addEventListener("online", () => this.#restart(), { signal: this.#ended.signal });
        navigator.connection?.addEventListener("change", () => this.#moved(), { signal: this.#ended.signal });
    }

    async #begin(track, stream) {
        const connection = this.#connection;
        this.#sender = connection.addTransceiver(track, { direction: "sendrecv", streams: [stream] }).sender;
        await connection.setLocalDescription();
        const { answer, iceServers } = await this.#whip.begin(connection.localDescription.sdp, this.#ended.signal);
        if (iceServers.length > 0) connection.setConfiguration({ ...connection.getConfiguration(), iceServers });
        this.#answer = answer;
        try {
            await connection.setRemoteDescription({ type: "answer", sdp: answer });
        } catch (error) {
            throw fault("answer", { detail: error.message, cause: error });
        }
        this.#follow();
        if (!(await this.#connected(CONNECT_MS, "failed"))) throw this.#ended.signal.reason ?? fault("media");
    }

    /** Send another microphone's track. */
    async use(track) {
        await this.#sender?.replaceTrack(track);
    }

    /** Press keys: 0-9, *, #, A-D. False if the server takes none. */
    press(keys) {
        if (!this.takesKeys) return false;
        const { dtmf } = this.#sender;
        dtmf.insertDTMF(dtmf.toneBuffer + keys, TONE_MS, TONE_GAP_MS);
        return true;
    }

    /** End it, at both ends. Tells nothing: who ends it knows. */
    end() {
        clearTimeout(this.#timer);
        this.#ended.abort();
        this.#whip.end();
        this.#connection.close();
    }

    #over(reason, lost) {
        if (this.#ended.signal.aborted) return;
        this.end();
        this.#tell("over", { reason, lost });
    }

    #tell(type, detail) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }

    // --- the feed ----------------------------------------------------------------------------------------------------

    async #follow() {
        const { signal } = this.#ended;
        for (let pause = 500; !signal.aborted; pause = Math.min(pause * 2, 8_000)) {
            try {
                for await (const told of this.#whip.feed(signal)) {
                    pause = 500;
                    this.#heard(told);
                }
            } catch (error) {
                // A call goes on without its captions; one that is over tells by its media or by the next PATCH.
                if (signal.aborted || (error instanceof CallError && error.status >= 400 && error.status < 500)) return;
            }
            await elapsed(pause, signal);
        }
    }

    #heard(told) {
        // Whoever reads the feed again is told everything again.
        const key = JSON.stringify(told);
        if (this.#seen.has(key)) return;
        if (told.event !== "quality") this.#seen.add(key);
        this.#tell("told", told);
        if (told.event === "state" && told.state === "over") this.#over(told.reason ?? "", false);
    }

    // --- the network -------------------------------------------------------------------------------------------------

    #changed() {
        clearTimeout(this.#timer);
        switch (this.#connection.connectionState) {
            case "disconnected":
                this.#timer = setTimeout(() => this.#restart(), RESTART_AFTER_MS);
                break;
            case "failed":
                // Closed by the other end, maybe: then the feed says why in a moment.
                this.#timer = setTimeout(() => this.#restart(), RESTART_AFTER_MS / 3);
                break;
        }
    }

    #moved() {
        // Another network, or only another guess of how fast this one is: what still connects is left alone.
        if (this.#connection.connectionState !== "connected") this.#restart();
    }

    async #restart() {
        const { signal } = this.#ended;
        if (this.#restarting || signal.aborted || this.#answer === "" || this.#connection.connectionState === "new")
            return;
        this.#restarting = true;
        this.#tell("interrupted");
        const until = performance.now() + GIVE_UP_MS;
        for (let pause = 250; performance.now() < until && !signal.aborted; pause = Math.min(pause * 2, 4_000)) {
            try {
                await this.#renew();
                if (await this.#connected(RESTART_MS)) {
                    this.#restarting = false;
                    this.#tell("resumed");
                    return;
                }
            } catch (error) {
                if (error instanceof CallError && gone(error.status)) break;
                if (this.#connection.signalingState === "have-local-offer") {
                    await this.#connection.setLocalDescription({ type: "rollback" }).catch(() => {});
                }
            }
            await elapsed(pause, signal);
        }
        this.#over("lost", true);
    }

    async #renew() {
        const connection = this.#connection;
        await connection.setLocalDescription(await connection.createOffer({ iceRestart: true }));
        await this.#gathered();
        const fragment = await this.#whip.restart(fragmentOf(connection.localDescription.sdp), this.#ended.signal);
        const answer = renewed(this.#answer, fragment);
        if (answer === null) throw fault("answer");
        await connection.setRemoteDescription({ type: "answer", sdp: answer });
        this.#answer = answer;
    }

    /** Until there are candidates. None is waited for long: the server learns them by what comes from there. */
    #gathered() {
        return settled(this.#connection, "icegatheringstatechange", GATHER_MS, this.#ended.signal, (connection) =>
            connection.iceGatheringState === "complete" ? true : null,
        );
    }

    /** Whether media flow within so many ms; sooner not where the connection is in a `hopeless` state. */
    #connected(withinMs, ...hopeless) {
        const verdict = ({ connectionState }) =>
            connectionState === "connected" ? true : hopeless.includes(connectionState) ? false : null;
        return settled(this.#connection, "connectionstatechange", withinMs, this.#ended.signal, verdict);
    }
}

/** Whether asking again would get the same refusal. */
function gone(status) {
    return status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
}

/** What `verdict` says of a target as soon as it says something; false when that takes too long or it is all over. */
function settled(target, event, withinMs, signal, verdict) {
    return new Promise((resolve) => {
        const done = new AbortController();
        const finish = (value) => {
            done.abort();
            clearTimeout(timer);
            resolve(value);
        };
        const look = () => {
            const value = verdict(target);
            if (value !== null) finish(value);
        };
        const timer = setTimeout(() => finish(false), withinMs);
        target.addEventListener(event, look, { signal: done.signal });
        signal.addEventListener("abort", () => finish(false), { signal: done.signal });
        if (signal.aborted) finish(false);
        else look();
    });
}

/** Some time, or less if a signal aborts. */
export function elapsed(ms, signal) {
    return new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
}

// The phone without its looks: microphone, loudspeaker, and one call after the other. What is seen of it is the view's.

import { Call, elapsed } from "./call.js";
import { Meter, STEP_S, context } from "./meter.js";
import { list, open, release } from "./microphone.js";
import { Quality } from "./quality.js";
import { Whip } from "./whip.js";
import { CallError, fault } from "./words.js";

const LEVELS_MS = 40;
const AGAIN_MS = 20_000;
const ASLEEP_MS = 20_000;
const RUNNING = new Set(["asking", "connecting", "talking", "reconnecting"]);

/**
 * Events: `state` {state, reason, error}, `told` {of the feed}, `levels` {at, step, caller, agent}, `quality`, `muted`
 * {on}, `pressed` {keys}, `devices`, `silent`: the browser wants a click before it plays, `anew`: a new call replaces a
 * lost one.
 *
 * `options` is read at each call: endpoint() gives WHIP's address; token(fresh) a bearer token or null; iceServers,
 * iceTransportPolicy and audio (constraints) may be set.
 */
export class Phone extends EventTarget {
    #options;
    #attempt = null;
    #call = null;
    #stream = null;
    #player = null;
    #meters = null;
    #timers = [];
    #quality = null;
    #begun = 0;
    #ended = 0;
    #speaker = "";
    #ticked = 0;
    #slept = false;

    constructor(options) {
        super();
        this.#options = options;
        this.state = "idle";
        this.muted = false;
        this.microphone = "";
        navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#tell("devices"));
    }

    /** Whether there is a call, or one on its way. */
    get running() {
        return RUNNING.has(this.state);
    }

    /** Seconds since the agent answered. */
    get seconds() {
        return this.#begun === 0 ? 0 : ((this.#ended || performance.now()) - this.#begun) / 1000;
    }
    /** Whether the agent can be told keys. */
    get takesKeys() {
        return this.#call?.takesKeys ?? false;
    }

    /** The loudspeaker in use; "" is the browser's own choice. */
    get speaker() {
        return this.#speaker;
    }

    /** Microphones and loudspeakers to choose from. */
    devices() {
        return list();
    }

    /** Call the agent. Done when it has answered or the call has failed: `state` tells which. */
    async call() {
        if (this.running) return;
        const attempt = (this.#attempt = new AbortController());
        this.#begun = this.#ended = this.#ticked = 0;
        this.#slept = false;
        this.muted = false;
        this.#enter("asking");
        try {
            context(); // while the click that calls still counts
            const stream = await open(this.microphone, this.#options.audio);
            if (attempt.signal.aborted) return void release(stream);
            this.#take(stream);
            this.#tell("devices");
            this.#enter("connecting");
            await this.#connect(attempt.signal);
        } catch (error) {
            if (!attempt.signal.aborted) this.#over("failed", known(error));
        }
    }

    /** End the call. */
    hangUp() {
        if (this.running) this.#over("hung-up");
    }

    /** Press a key, or several. False if there is no call that takes keys. */
    press(keys) {
        if (!/^[0-9*#A-Da-d]+$/.test(keys) || !this.#call?.press(keys)) return false;
        this.#tell("pressed", { keys });
        return true;
    }

    /** Send silence, or speak again; without an argument the other of the two. */
    mute(on = !this.muted) {
        this.muted = on;
        for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !on;
        this.#tell("muted", { on });
    }

    /** Speak into another microphone, in this call and those to come. Throws CallError. */
    async useMicrophone(deviceId) {
        this.microphone = deviceId;
        if (this.#stream === null) return;
        const stream = await open(deviceId, this.#options.audio);
        if (!this.running) return void release(stream);
        await this.#call?.use(stream.getAudioTracks()[0]);
        release(this.#stream);
        this.#take(stream);
    }

    /** Hear the agent from another loudspeaker. */
    async useSpeaker(deviceId) {
        this.#speaker = deviceId;
        await this.#player?.setSinkId?.(deviceId);
    }

    /** Play what the browser would not play before it was clicked. */
    async listen() {
        context();
        await this.#player?.play();
    }

    // --- the call ----------------------------------------------------------------------------------------------------

    async #connect(signal) {
        const call = new Call(new Whip(this.#options.endpoint(), this.#options.token), this.#options);
        this.#call = call;
        const mine = (listener) => (event) => this.#call === call && listener(event.detail);
        call.addEventListener(
            "track",
            mine(({ stream }) => this.#hear(stream)),
        );
        call.addEventListener(
            "told",
            mine((told) => this.#tell("told", told)),
        );
        call.addEventListener(
            "interrupted",
            mine(() => this.#enter("reconnecting")),
        );
        call.addEventListener(
            "resumed",
            mine(() => this.#enter("talking")),
        );
        call.addEventListener(
            "over",
            mine(({ reason, lost }) => (lost ? this.#again() : this.#over(reason))),
        );
        await call.begin(this.#stream.getAudioTracks()[0], this.#stream, signal);
        if (this.#begun === 0) this.#begun = performance.now();
        this.#quality = new Quality(call.connection);
        this.#enter("talking");
    }

    /** The session is gone: call again, as often as it takes to get through within some time. */
    async #again() {
        // A computer that wakes up is not to begin to talk with whoever is near it.
        if (this.#slept) return this.#over("lost");
        const { signal } = this.#attempt;
        const until = performance.now() + AGAIN_MS;
        let error = null;
        this.#enter("reconnecting");
        for (let pause = 250; performance.now() < until && !signal.aborted; pause *= 2) {
            try {
                await this.#connect(signal);
                this.#tell("anew");
                return;
            } catch (failed) {
                error = failed;
                if (error.kind === "token" || error.kind === "refused") break;
            }
            await elapsed(pause, signal);
        }
        if (!signal.aborted) this.#over("lost", known(error));
    }

    #over(reason, error = null) {
        this.#ended = performance.now();
        this.#attempt?.abort();
        const call = this.#call;
        this.#call = null;
        call?.end();
        this.#quality = null;
        for (const timer of this.#timers) clearInterval(timer);
        this.#timers = [];
        this.#meters?.caller.close();
        this.#meters?.agent.close();
        this.#meters = null;
        release(this.#stream);
        this.#stream = null;
        this.#player?.pause();
        this.#player = null;
        this.#enter("over", reason, error);
    }

    #enter(state, reason = "", error = null) {
        this.state = state;
        this.#tell("state", { state, reason, error });
    }

    #tell(type, detail = null) {
        this.dispatchEvent(new CustomEvent(type, { detail }));
    }

    // --- sound -------------------------------------------------------------------------------------------------------

    #take(stream) {
        this.#stream = stream;
        const [track] = stream.getAudioTracks();
        track.enabled = !this.muted;
        this.microphone = track.getSettings().deviceId ?? this.microphone;
        // Pulled out in the middle of the call: whatever microphone is left takes over.
        track.addEventListener("ended", () => this.#stream === stream && this.#unplugged());
        if (this.#meters === null) {
            this.#meters = { caller: new Meter(), agent: new Meter() };
            this.#timers = [setInterval(() => this.#levels(), LEVELS_MS), setInterval(() => this.#look(), 1000)];
        }
        this.#meters.caller.listen(stream);
    }

    async #unplugged() {
        try {
            await this.useMicrophone("");
        } catch (error) {
            this.#over("failed", known(error));
        }
    }

    #hear(stream) {
        this.#player ??= new Audio();
        this.#player.srcObject = stream;
        if (this.#speaker) this.#player.setSinkId?.(this.#speaker).catch(() => {});
        this.#player.play().catch((error) => error.name === "NotAllowedError" && this.#tell("silent"));
        this.#meters?.agent.listen(stream);
    }

    #levels() {
        if (this.#meters === null) return;
        const now = Date.now();
        if (this.#ticked !== 0 && now - this.#ticked > ASLEEP_MS) this.#slept = true;
        this.#ticked = now;
        const caller = this.#meters.caller.take();
        const agent = this.#meters.agent.take();
        if (caller.length + agent.length > 0) this.#tell("levels", { at: this.seconds, step: STEP_S, caller, agent });
    }

    async #look() {
        const quality = await this.#quality?.look().catch(() => null);
        if (quality) this.#tell("quality", quality);
    }
}

function known(error) {
    if (error instanceof CallError) return error;
    return fault("unsupported", { detail: error?.message ?? "", cause: error });
}

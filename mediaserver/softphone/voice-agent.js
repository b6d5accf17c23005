// <voice-agent>: a telephone in a page, whose other end is an agent of a media server.
//
//     <script type="module" src="https://voice.example/softphone/voice-agent.js"></script>
//     <voice-agent agent="clinic" token-url="/voice-token"></voice-agent>
//
// The server is the one this module came from, unless the attribute `server` names another.

import { Phone } from "./phone.js";
import { sheet } from "./style.js";
import { View } from "./view.js";
import { fault } from "./words.js";

const HOME = new URL("..", import.meta.url);

/**
 * Attributes: `agent`; `token`, or `token-url`, which is asked for one before each call; `server`; `label`, the name
 * that is shown; `theme` (light, dark, auto); `captions="announce"` has screen readers read them.
 *
 * Events: `callstate` {state, reason, error}, `caption` {who, item, text, final, interrupted, heard_text, at},
 * `callevent` {event, at, …}: all that the server tells of the call; `quality`; `levels` {at, step, caller, agent},
 * which does not bubble.
 */
export class VoiceAgent extends HTMLElement {
    static observedAttributes = ["agent", "label", "captions", "token"];

    /** An async function (agent) => token: instead of the attributes. */
    tokenSource = null;
    /** RTCIceServer entries, for networks that need TURN. */
    iceServers = [];
    /** "relay" to go by TURN only. */
    iceTransportPolicy = "all";
    /** Constraints of the microphone, over echo cancellation, noise suppression and automatic gain. */
    audio = {};

    #phone;
    #view;
    #fetched = null;

    constructor() {
        super();
        const element = this;
        this.#phone = new Phone({
            endpoint: () => new URL(`whip/${encodeURIComponent(element.agent)}`, element.server).href,
            token: (fresh) => element.#token(fresh),
            get iceServers() {
                return element.iceServers;
            },
            get iceTransportPolicy() {
                return element.iceTransportPolicy;
            },
            get audio() {
                return element.audio;
            },
        });
        this.#view = new View(this.#phone);
        const root = this.attachShadow({ mode: "open" });
        root.adoptedStyleSheets = [sheet()];
        root.append(this.#view.element);
        this.#tell();
    }

    connectedCallback() {
        this.#describe();
        window.addEventListener("pagehide", this.#leave);
    }

    disconnectedCallback() {
        window.removeEventListener("pagehide", this.#leave);
        // Moved within the page, it is back in a moment.
        queueMicrotask(() => this.isConnected || this.hangUp());
    }

    attributeChangedCallback(name, before, now) {
        if (name === "token" && before !== now) this.#fetched = null;
        this.#describe();
    }

    /** The agent to call. */
    get agent() {
        return this.getAttribute("agent") ?? "";
    }
    set agent(name) {
        this.setAttribute("agent", name);
    }

    /** The bearer token to call with. */
    get token() {
        return this.getAttribute("token") ?? "";
    }
    set token(token) {
        this.setAttribute("token", token);
    }

    /** The server's address, with a slash at its end. */
    get server() {
        const named = this.getAttribute("server");
        return named ? new URL(named.endsWith("/") ? named : `${named}/`, document.baseURI) : HOME;
    }

    /** idle, asking (for the microphone), connecting, talking, reconnecting or over. */
    get state() {
        return this.#phone.state;
    }

    /** Seconds since the agent answered. */
    get seconds() {
        return this.#phone.seconds;
    }

    get muted() {
        return this.#phone.muted;
    }

    /** Call the agent. Best from a click: browsers let no page play sound by itself. */
    call() {
        return this.#phone.call();
    }

    /** End the call. */
    hangUp() {
        this.#phone.hangUp();
    }

    /** Press keys of a telephone: 0-9, *, #. False if the call takes none. */
    press(keys) {
        return this.#phone.press(String(keys));
    }

    /** Send silence, or speak again. */
    mute(on) {
        this.#phone.mute(on);
    }

    /** The microphones and loudspeakers there are, for a choice of one's own: {microphones, speakers} of {id, name}. */
    devices() {
        return this.#phone.devices();
    }

    /** Speak into another microphone, now and in calls to come; "" is the browser's choice. Throws CallError. */
    useMicrophone(id) {
        return this.#phone.useMicrophone(id);
    }

    /** Hear the agent from another loudspeaker; "" is the system's. */
    useSpeaker(id) {
        return this.#phone.useSpeaker(id);
    }

    /** Go to the button that calls, or that hangs up. */
    focus(options) {
        this.#view.focus(options);
    }

    #leave = () => this.hangUp();

    #describe() {
        this.#view.describe({
            name: this.getAttribute("label") || this.agent,
            callable: this.agent !== "",
            announces: this.getAttribute("captions") === "announce",
        });
    }

    /** The token in use, or a fresh one; null if there is no other. */
    async #token(fresh) {
        const url = this.getAttribute("token-url");
        if (!this.tokenSource && !url) return fresh ? null : this.token || null;
        if (fresh || this.#fetched === null)
            this.#fetched = await (this.tokenSource ? this.tokenSource(this.agent) : asked(url, this.agent));
        return this.#fetched;
    }

    #tell() {
        const pass = (type, as, bubbles = true) =>
            this.#phone.addEventListener(type, ({ detail }) =>
                this.dispatchEvent(new CustomEvent(as, { detail, bubbles, composed: bubbles })),
            );
        // A token is for a call, not for a day: each call begins with one of its own.
        this.#phone.addEventListener("state", ({ detail }) => detail.state === "asking" && (this.#fetched = null));
        pass("state", "callstate");
        pass("told", "callevent");
        pass("quality", "quality");
        pass("levels", "levels", false);
        this.#phone.addEventListener("told", ({ detail }) => {
            if (detail.event === "transcript")
                this.dispatchEvent(new CustomEvent("caption", { detail, bubbles: true, composed: true }));
        });
    }
}

/** Ask the page's own server for a token: it is sent {agent}, and answers {token}. */
async function asked(url, agent) {
    const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ agent }),
    });
    const { token } = response.ok ? await response.json() : {};
    if (!token)
        throw fault("token", { status: response.status, detail: `${url} answered ${response.status} without a token` });
    return token;
}

if (!customElements.get("voice-agent")) customElements.define("voice-agent", VoiceAgent);

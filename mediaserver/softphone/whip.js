// A session of the server by HTTP: WHIP (RFC 9725), and the feed of what happens in the call as server-sent events.

import { events } from "./feed.js";
import { CallError, fault, refusal } from "./words.js";

const PATIENCE_MS = 10_000;
const ANSWER_MS = 30_000; // the server answers a call when its model is ready, which may have to be loaded
const FEED_RELATION = "urn:ietf:params:whip:ext:core:server-sent-events";

/** One session. `token` is an async function: it gives the token in use, or with `true` a fresh one, or null. */
export class Whip {
    #endpoint;
    #token;
    #session = null;
    #feed = null;

    constructor(endpoint, token) {
        this.#endpoint = endpoint;
        this.#token = token;
    }

    /** Send an offer; the answer, and the ICE servers to use with it. Throws CallError. */
    async begin(offer, signal) {
        const response = await this.#ask(this.#endpoint, "POST", { "Content-Type": "application/sdp" }, offer, signal);
        const location = response.headers.get("Location");
        if (!location) throw fault("answer", { status: response.status });
        this.#session = new URL(location, response.url || this.#endpoint);
        const links = parsed(response.headers.get("Link") ?? "");
        const feed = links.find((each) => each.rel === FEED_RELATION);
        this.#feed = feed ? new URL(feed.target, this.#session) : new URL(`${this.#session.href}/events`);
        return {
            answer: await response.text(),
            iceServers: links.filter((each) => each.rel === "ice-server").map(iceServer),
        };
    }

    /** Tell the server new ICE credentials; its own ones. Throws CallError: status 404 or 410 if the call is over. */
    async restart(fragment, signal) {
        const headers = { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" };
        const response = await this.#ask(this.#session, "PATCH", headers, fragment, signal);
        if (response.status !== 200) throw fault("answer", { status: response.status });
        return response.text();
    }

    /** End the session. Nothing waits for the answer: the page may be about to close. */
    end() {
        const session = this.#session;
        this.#session = null;
        if (session === null) return;
        const gone = async () =>
            fetch(session, { method: "DELETE", headers: await this.#authorization(false), keepalive: true });
        gone().catch(() => {});
    }

    /** What happens in the call, from its beginning on: {event, …fields}. Throws CallError when it cannot be read. */
    async *feed(signal) {
        const response = await this.#ask(this.#feed, "GET", { Accept: "text/event-stream" }, undefined, signal);
        yield* events(response.body);
    }

    async #ask(url, method, headers, body, signal) {
        const patience = new AbortController();
        const timer = setTimeout(() => patience.abort(), method === "POST" ? ANSWER_MS : PATIENCE_MS);
        try {
            const signals = AbortSignal.any([signal, patience.signal]);
            let shown = false;
            const request = async (fresh) => {
                const authorization = await this.#authorization(fresh);
                shown = "Authorization" in authorization;
                return fetch(url, {
                    method,
                    headers: { ...headers, ...authorization },
                    body,
                    signal: signals,
                    cache: "no-store",
                    credentials: "omit",
                });
            };
            let response = await request(false);
            if (response.status === 401 && (await this.#token(true)) !== null) response = await request(false);
            if (!response.ok) throw await refused(response, shown);
            return response;
        } catch (error) {
            if (error instanceof CallError || signal.aborted) throw error;
            throw fault(patience.signal.aborted ? "timeout" : "unreachable", { cause: error });
        } finally {
            // What follows the headers is bounded by the caller's signal: a feed lasts as long as its call.
            clearTimeout(timer);
        }
    }

    async #authorization(fresh) {
        const token = await this.#token(fresh);
        return token ? { Authorization: `Bearer ${token}` } : {};
    }
}

/** `shown`: whether a token went with the request. */
async function refused(response, shown) {
    let problem = null;
    try {
        problem = await response.json();
    } catch {
        // A proxy may have answered in its own way.
    }
    if (response.status === 401 && !shown) return fault("token", { status: 401, detail: problem?.detail ?? "" });
    const after = Number.parseFloat(response.headers.get("Retry-After") ?? "");
    return refusal(response.status, problem, Number.isFinite(after) ? after : null);
}

/** The links of a Link header field (RFC 8288): {target, rel, …parameters}. */
function parsed(field) {
    return [...field.matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;]*))*)/g)].map(([, target, rest]) => {
        const parameters = [...rest.matchAll(/;\s*([\w*-]+)\s*=\s*(?:"([^"]*)"|([^",;]*))/g)];
        return {
            target,
            ...Object.fromEntries(parameters.map(([, name, quoted, plain]) => [name, quoted ?? plain.trim()])),
        };
    });
}

function iceServer({ target, username, credential }) {
    return username ? { urls: target, username, credential } : { urls: target };
}

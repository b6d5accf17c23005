// What the softphone says in words: states, why a call ended, what went wrong and what to do about it.

export const STATES = {
    idle: "Ready",
    asking: "Waiting for your microphone",
    connecting: "Connecting",
    talking: "In call",
    reconnecting: "Reconnecting",
    over: "Call ended",
};

const ENDS = {
    "hung-up": "You hung up.",
    "caller-hung-up": "You hung up.",
    "agent-hung-up": "The agent hung up.",
    "max-duration": "The call reached its longest time.",
    "max-cost": "The call reached its limit of cost.",
    "media-timeout": "The server heard nothing from this browser any more.",
    "media-security": "No encrypted connection came about.",
    "shutting-down": "The server is shutting down.",
    transferred: "The call was passed on.",
    "internal-error": "The server made a mistake. Please call again.",
    lost: "The connection was lost and did not come back.",
};

/** Why a call ended, for a person. `reason` is the server's word, or one of ours. */
export function ending(reason) {
    if (!reason) return "";
    if (reason.startsWith("model-")) return "The agent's model cannot go on. Please call again later.";
    return ENDS[reason] ?? `The server ended the call: ${reason.replaceAll("-", " ")}.`;
}

/** Something that keeps a call from coming about or going on. The message is a sentence for a person. */
export class CallError extends Error {
    /** `kind` is a word to decide by, `status` the server's HTTP status if it answered, `detail` what it said. */
    constructor(kind, message, { status = 0, detail = "", retryAfterS = null, cause } = {}) {
        super(message, { cause });
        this.name = "CallError";
        this.kind = kind;
        this.status = status;
        this.detail = detail;
        this.retryAfterS = retryAfterS;
    }
}

const FAULTS = {
    insecure: "A browser gives the microphone to secure pages only. Open this page by https, or on localhost.",
    unsupported: "This browser cannot make calls. Please use a current Chrome, Edge, Firefox or Safari.",
    "microphone-refused":
        "The microphone is blocked for this page. Allow it by the icon in the address bar, then call again.",
    "microphone-dismissed": "The call needs your microphone. Call again and choose Allow when the browser asks.",
    "microphone-missing": "No microphone was found. Connect one, then call again.",
    "microphone-busy":
        "The microphone cannot be used: another program may have it. Close that program, then call again.",
    unreachable: "The server does not answer. Check your connection, then call again.",
    timeout: "The server took too long to answer. Please call again.",
    media: "No audio gets through between this browser and the server. A firewall may block UDP: try another network.",
    answer: "The server gave an answer that this browser does not understand.",
    token: "This page has no token for a call. The page's owner has to give it one.",
};

/** An error of ours, by its kind. */
export function fault(kind, options) {
    return new CallError(kind, FAULTS[kind], options);
}

const STATUSES = {
    401: "The server does not take this page's token: it may have expired. Reload the page to get another one.",
    403: "This page may not call this agent.",
    404: "There is no such agent here.",
    409: "The call is being changed already. Please try again.",
    413: "This browser describes itself at too great a length for the server.",
    415: "The server does not take calls of this kind.",
    422: "This browser and the server have no way of sending audio in common.",
    429: "Too many calls from here in a short time.",
    503: "All lines are busy.",
};

/** The error that an HTTP response of the server tells. `problem` is its problem+json, or null (RFC 9457). */
export function refusal(status, problem, retryAfterS) {
    const sentence = STATUSES[status] ?? (status >= 500 ? "The server has a problem." : "The server refused the call.");
    const later = status === 429 || status === 503 ? ` Try again in ${wait(retryAfterS)}.` : "";
    const kind = status === 401 || status === 403 ? "token" : status === 429 || status === 503 ? "busy" : "refused";
    return new CallError(kind, sentence + later, {
        status,
        detail: problem?.detail ?? problem?.title ?? "",
        retryAfterS,
    });
}

function wait(seconds) {
    if (seconds === null || !(seconds > 0)) return "a moment";
    if (seconds < 90) return `${Math.ceil(seconds)} s`;
    return `${Math.ceil(seconds / 60)} minutes`;
}

/** Seconds as m:ss. */
export function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// The page of the server itself: it gets the softphone its tokens, and draws the call beside it.

import { Recording } from "./recording.js";
import { Strip } from "./strip.js";
import { Turns } from "./turns.js";
import "./voice-agent.js";
import { refusal } from "./words.js";

const by = (id) => document.getElementById(id);
const phone = by("phone");
const strip = new Strip(by("strip"));
const turns = new Turns(by("rows"), by("no-turns"));
let recording = new Recording();

// --- agents and tokens ---------------------------------------------------------------------------------------------

async function asked(path, options) {
    const response = await fetch(path, options);
    if (response.ok) return response.json();
    const problem = await response.json().catch(() => null);
    throw refusal(response.status, problem, null);
}

phone.tokenSource = async (agent) => {
    const headers = { "Content-Type": "application/json" };
    return (await asked("/api/page-token", { method: "POST", headers, body: JSON.stringify({ agent }) })).token;
};

async function agents() {
    try {
        const told = await asked("/api/agents");
        const names = (told.agents ?? told).map((each) => each.name ?? each);
        by("agent").replaceChildren(...names.map((name) => new Option(name)));
        by("choose").hidden = names.length < 2;
        choose(told.default ?? names[0] ?? "");
    } catch (error) {
        by("problem").textContent = error.detail
            ? `${error.message} ${error.detail}`
            : "The server does not say which agents it has. Reload the page to try again.";
        by("problem").hidden = false;
    }
}

function choose(name) {
    phone.agent = name;
    by("agent").value = name;
    by("snippet").textContent = [
        `<script type="module" src="${location.origin}/softphone/voice-agent.js"></script>`,
        `<voice-agent agent="${name}"`,
        `             token-url="/voice-token"></voice-agent>`,
    ].join("\n");
}

by("agent").addEventListener("change", ({ target }) => choose(target.value));
by("copy").addEventListener("click", async () => {
    try {
        await navigator.clipboard.writeText(by("snippet").textContent);
        by("copy").textContent = "Copied";
    } catch {
        // Not on a page that is not secure: then it is marked, to be copied by hand.
        getSelection().selectAllChildren(by("snippet"));
        by("copy").textContent = "Marked";
    }
    setTimeout(() => (by("copy").textContent = "Copy"), 2000);
});

// --- the call ------------------------------------------------------------------------------------------------------

phone.addEventListener("callstate", ({ detail: { state } }) => {
    by("agent").disabled = !["idle", "over"].includes(state);
    if (state === "asking") {
        recording = new Recording();
        turns.show([]);
        figures();
        strip.follow(recording);
    } else if (state === "over") {
        strip.finish();
        describe();
    }
});
phone.addEventListener("levels", ({ detail }) => recording.hear(detail));
phone.addEventListener("callevent", ({ detail }) => {
    if (!recording.tell(detail)) return;
    if (detail.event === "turn") turns.show(recording.turns);
    figures();
    describe();
});
phone.addEventListener("quality", ({ detail }) => {
    by("round-trip").textContent = `${Math.round(detail.rttMs)} ms`;
    by("lost").textContent = `${(detail.lost * 100).toFixed(1)} %`;
});

function figures() {
    const times = recording.turns.map((each) => each.totalMs).sort((one, other) => one - other);
    const ms = (value) => (value === undefined ? "–" : `${Math.round(value)} ms`);
    by("typical").textContent = ms(times[times.length >> 1]);
    by("fastest").textContent = ms(times[0]);
    by("interruptions").textContent = recording.end > 0 ? String(recording.bargeIns.length) : "–";
    if (recording.end === 0) by("round-trip").textContent = by("lost").textContent = "–";
}

function describe() {
    const { turns: answers, bargeIns, end } = recording;
    const told = `${Math.round(end)} seconds, ${answers.length} answers, ${bargeIns.length} interruptions`;
    by("strip").setAttribute("aria-label", `Both voices over time: ${told}`);
}

figures();
strip.draw();
agents();

// Server-sent events read by fetch, since an EventSource cannot say who it is (HTML Standard, section 9.2.6).

/** The events of a response's body: {event, …} with the fields of the JSON object each carries. */
export async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let event = "";
    let lines = [];
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            const parts = (rest + value).split(/\r\n|\n|\r(?!$)/);
            rest = parts.pop();
            for (const line of parts) {
                if (line === "") {
                    const told = lines.length > 0 ? parsed(event, lines.join("\n")) : null;
                    if (told !== null) yield told;
                    event = "";
                    lines = [];
                } else if (line.startsWith("event:")) {
                    event = line.slice(6).trim();
                } else if (line.startsWith("data:")) {
                    lines.push(line.slice(5).replace(/^ /, ""));
                }
            }
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

function parsed(event, text) {
    try {
        return { ...JSON.parse(text), event };
    } catch {
        return null; // what cannot be read is nothing to end a call for
    }
}

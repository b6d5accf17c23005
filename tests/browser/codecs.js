// An offer with one codec of audio in it, and telephone events if keys go by them.
export function only(sdp, codec, events) {
    const numbers = [...sdp.matchAll(/^a=rtpmap:(\d+) ([\w-]+)\//gm)]
        .filter(([, , name]) => name === codec || (name === "telephone-event" && events))
        .map(([, number]) => number);
    return sdp
        .replace(/^(m=audio \d+ \S+) .*$/m, `$1 ${numbers.join(" ")}`)
        .split("\r\n")
        .filter((line) => {
            const of = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+)/.exec(line);
            return !of || numbers.includes(of[1]);
        })
        .join("\r\n");
}

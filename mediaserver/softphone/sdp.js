// The few things done to session descriptions: fragments for an ICE restart by WHIP (RFC 8840 section 9, RFC 9725).

function lines(text) {
    return text.split(/\r?\n/).filter((line) => line !== "");
}

function value(all, name) {
    return all.find((line) => line.startsWith(`a=${name}:`))?.slice(name.length + 3);
}

/** What a PATCH says of a local description: credentials and candidates of its first media. */
export function fragmentOf(description) {
    const all = lines(description);
    const media = all.findIndex((line) => line.startsWith("m="));
    const next = all.findIndex((line, at) => at > media && line.startsWith("m="));
    const first = all.slice(media, next < 0 ? undefined : next);
    const group = all.find((line) => line.startsWith("a=group:BUNDLE"));
    const candidates = first.filter((line) => line.startsWith("a=candidate:"));
    return [
        ...(group ? [group] : []),
        first[0],
        `a=mid:${value(first, "mid") ?? "0"}`,
        `a=ice-ufrag:${value(first, "ice-ufrag") ?? value(all, "ice-ufrag")}`,
        `a=ice-pwd:${value(first, "ice-pwd") ?? value(all, "ice-pwd")}`,
        ...candidates,
        ...(candidates.length ? ["a=end-of-candidates"] : []),
        "",
    ].join("\r\n");
}

/** An earlier answer with the credentials of a fragment, and its candidates if it has any; null if it lacks some. */
export function renewed(answer, fragment) {
    const told = lines(fragment);
    const ufrag = value(told, "ice-ufrag");
    const pwd = value(told, "ice-pwd");
    if (!ufrag || !pwd) return null;
    const candidates = told.filter((line) => line.startsWith("a=candidate:"));
    const kept = lines(answer)
        .filter((line) => candidates.length === 0 || !/^a=(candidate:|end-of-candidates)/.test(line))
        .map((line) =>
            line.replace(/^a=ice-ufrag:.*/, `a=ice-ufrag:${ufrag}`).replace(/^a=ice-pwd:.*/, `a=ice-pwd:${pwd}`),
        );
    const media = kept.findIndex((line) => line.startsWith("m="));
    const next = kept.findIndex((line, at) => at > media && line.startsWith("m="));
    kept.splice(next < 0 ? kept.length : next, 0, ...candidates);
    return kept.join("\r\n") + "\r\n";
}

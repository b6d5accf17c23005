// A phone that calls an agent by WHIP, with nothing but what a browser has; its sound is that of `Sound`.
const GATHERING_MS = 5000;

export const whip = (Sound) => class extends Sound {
    events = [];
    keys = "";

    // `ice` and `policy` are those of the connection. `port`: the server is reached by this one of this machine's only.
    async call({ url, token, ice = [], policy = "all", port }) {
        this.token = token;
        this.port = port;
        const connection = (this.connection = new RTCPeerConnection({ iceServers: ice, iceTransportPolicy: policy }));
        for (const what of ["iceconnectionstatechange", "connectionstatechange"]) {
            connection.addEventListener(what, () =>
                this.events.push(`${what}: ${connection.iceConnectionState} ${connection.connectionState}`),
            );
        }
        this.listen(connection);
        const stream = this.stream;
        for (const track of stream.getTracks()) connection.addTrack(track, stream);
        await this.#offer();
        const response = await this.#ask(url, "POST", "application/sdp", connection.localDescription.sdp);
        if (response.status !== 201) throw new Error(`refused: ${response.status} ${await response.text()}`);
        this.resource = new URL(response.headers.get("Location"), url);
        this.etag = response.headers.get("ETag");
        this.answer = await response.text();
        await connection.setRemoteDescription({ type: "answer", sdp: this.#through(this.answer) });
    }

    // A new ICE session for the same call (RFC 9725 4.3.3).
    async restart() {
        await this.#offer({ iceRestart: true });
        const fragment = fragmentOf(this.connection.localDescription.sdp);
        const response = await this.#ask(this.resource, "PATCH", "application/trickle-ice-sdpfrag", fragment, {
            "If-Match": `"*"`,
        });
        if (response.status !== 200) throw new Error(`refused: ${response.status} ${await response.text()}`);
        this.etag = response.headers.get("ETag");
        this.answer = restarted(this.answer, await response.text());
        await this.connection.setRemoteDescription({ type: "answer", sdp: this.#through(this.answer) });
    }

    press(key) {
        this.connection.getSenders()[0].dtmf.insertDTMF(key);
    }

    async end() {
        const response = await this.#ask(this.resource, "DELETE");
        this.connection.close();
        if (response.status !== 200) throw new Error(`refused: ${response.status} ${await response.text()}`);
    }

    // Which way packets go: both ends of the chosen pair of candidates.
    async path() {
        const stats = await this.connection.getStats();
        const transport = [...stats.values()].find(({ type }) => type === "transport");
        const pair = stats.get(transport.selectedCandidatePairId);
        const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)].map(
            ({ candidateType, address, port, usernameFragment }) => ({ candidateType, address, port, usernameFragment }),
        );
        return { local, remote, state: pair.state };
    }

    async #offer(options) {
        const connection = this.connection;
        await connection.setLocalDescription(await connection.createOffer(options));
        for (const began = Date.now(); connection.iceGatheringState !== "complete"; ) {
            if (Date.now() - began > GATHERING_MS) throw new Error("candidates are not gathered in time");
            await new Promise((done) => setTimeout(done, 20));
        }
    }

    #ask(url, method, type, body, headers = {}) {
        const told = { Authorization: `Bearer ${this.token}`, ...(type && { "Content-Type": type }), ...headers };
        return fetch(url, { method, headers: told, body });
    }

    #through(sdp) {
        return this.port ? sdp.replace(/^(a=candidate:\S+ 1 udp \d+) \S+ \d+/gim, `$1 127.0.0.1 ${this.port}`) : sdp;
    }
};

// What of a description is told of ICE (RFC 8840 9).
function fragmentOf(sdp) {
    const wanted = /^(a=(group|ice-options|ice-ufrag|ice-pwd|mid|candidate|end-of-candidates)\b|m=)/;
    return sdp
        .split("\r\n")
        .filter((line) => wanted.test(line))
        .concat("")
        .join("\r\n");
}

// An answer with the credentials and candidates of a fragment.
function restarted(sdp, fragment) {
    const lines = fragment.split(/\r?\n/);
    const of = (name) => lines.find((line) => line.startsWith(`a=${name}:`));
    const candidates = lines.filter((line) => line.startsWith("a=candidate:"));
    const before = sdp.split("\r\n").filter((line) => line && !(candidates.length && /^a=candidate:/.test(line)));
    const after = before.map((line) => {
        const name = /^a=(ice-ufrag|ice-pwd):/.exec(line)?.[1];
        return (name && of(name)) || line;
    });
    const end = after.indexOf("a=end-of-candidates");
    after.splice(end < 0 ? after.length : end, 0, ...candidates);
    return after.concat("").join("\r\n");
}

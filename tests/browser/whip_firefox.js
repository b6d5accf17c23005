// A page that calls by WHIP in a browser that has no device for sound, so that its AudioContext stays suspended: the
// microphone is a file that an element plays, what is heard is recorded as Opus in a container.
import { whip } from "./whip.js";

class Sound {
    #pieces = [];

    async start({ says }) {
        this.source = new Audio(says);
        this.source.loop = false;
        await new Promise((done, failed) => {
            this.source.oncanplaythrough = done;
            this.source.onerror = () => failed(new Error("the file cannot be played"));
        });
        this.stream = this.source.mozCaptureStream();
    }

    async say() {
        await this.source.play();
    }

    listen(connection) {
        connection.addEventListener("track", ({ track }) => {
            this.recorder = new MediaRecorder(new MediaStream([track]));
            this.recorder.ondataavailable = ({ data }) => this.#pieces.push(data);
            this.recorder.start(200);
        });
    }

    // All that was heard, in a data URL.
    heard() {
        return new Promise((done) => {
            const reader = new FileReader();
            reader.onload = () => done(reader.result);
            reader.readAsDataURL(new Blob(this.#pieces));
        });
    }
}

window.phone = new (whip(Sound))();

// A telephone on SIP.js in a page of its own; everything that happens to its calls is told in `events`.
import { Inviter, Registerer, SessionState, UserAgent, Web } from "sip.js";
import { only } from "./codecs.js";
import { Sound } from "./sound.js";

class Phone extends Sound {
    events = [];
    keys = "";

    async start({ socket, user, host, password, codec, transport }) {
        await super.start();
        this.transport = transport;
        this.modifiers = [
            async (description) => {
                if (description.type !== "offer") return description;
                return { type: "offer", sdp: only(description.sdp, codec, transport !== "INFO") };
            },
        ];
        this.ua = new UserAgent({
            uri: UserAgent.makeURI(`sip:${user}@${host}`),
            authorizationUsername: user,
            authorizationPassword: password,
            transportOptions: { server: socket },
            logLevel: "error",
            sessionDescriptionHandlerFactory: Web.defaultSessionDescriptionHandlerFactory(async () => this.stream),
            sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] } },
            delegate: { onInvite: (invitation) => this.#rings(invitation) },
        });
        await this.ua.start();
        const registerer = new Registerer(this.ua);
        registerer.stateChange.addListener((state) => this.#tell(state.toLowerCase()));
        await registerer.register();
    }

    async dial(uri) {
        this.hush();
        const options = { sessionDescriptionHandlerModifiers: this.modifiers };
        await this.#take(new Inviter(this.ua, UserAgent.makeURI(uri), options)).invite();
    }

    async press(key) {
        if (this.transport !== "INFO") {
            this.session.sessionDescriptionHandler.sendDtmf(key);
            return;
        }
        const content = `Signal=${key}\r\nDuration=160\r\n`;
        const body = { contentDisposition: "render", contentType: "application/dtmf-relay", content };
        await this.session.info({ requestOptions: { body } });
    }

    hold() {
        return this.#change(true);
    }

    resume() {
        return this.#change(false);
    }

    // Sends the other side to somebody else, and is done with it when that has been reached.
    refer(uri) {
        const session = this.session;
        return new Promise((done, failed) => {
            const onNotify = async (notification) => {
                await notification.accept();
                const [, status] = /^SIP\/2\.0 (\d+)/.exec(notification.request.body) ?? [];
                if (status >= 300) failed(new Error(`not reached: ${status}`));
                if (status < 200 || status >= 300) return;
                await session.bye();
                done();
            };
            const onReject = ({ message }) => failed(new Error(`refused: ${message.statusCode}`));
            session.refer(UserAgent.makeURI(uri), { onNotify, requestDelegate: { onReject } });
        });
    }

    async end() {
        await this.session.bye();
    }

    #change(hold) {
        return new Promise((done, failed) => {
            this.session.sessionDescriptionHandlerOptionsReInvite = { hold };
            const onReject = () => failed(new Error("the change of the call is refused"));
            this.session.invite({
                requestDelegate: { onAccept: done, onReject },
                sessionDescriptionHandlerModifiers: this.modifiers,
            });
        });
    }

    async #rings(invitation) {
        await this.#take(invitation).accept({ sessionDescriptionHandlerModifiers: this.modifiers });
    }

    #take(session) {
        this.session = session;
        session.stateChange.addListener((state) => {
            this.#tell({ [SessionState.Established]: "confirmed", [SessionState.Terminated]: "ended" }[state] ?? state);
        });
        session.delegate = {
            onSessionDescriptionHandler: (handler) => this.listen(handler.peerConnection),
            onInfo: (info) => this.#informed(info),
            onRefer: (referral) => this.#referred(referral),
        };
        return session;
    }

    async #informed(info) {
        await info.accept();
        this.keys += /Signal=\s*(\S)/.exec(info.request.body)?.[1] ?? "";
    }

    async #referred(referral) {
        this.#tell("referred");
        await referral.accept();
        const options = { sessionDescriptionHandlerModifiers: this.modifiers };
        await this.#take(referral.makeInviter(options)).invite();
    }

    #tell(name) {
        this.events.push(name);
    }
}

window.phone = new Phone();

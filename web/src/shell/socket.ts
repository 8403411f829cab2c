/** Performs what `core/connection.ts` decides, on a real WebSocket, a real clock and the page's events. */

import {
  type ConnectionEffect,
  type ConnectionInput,
  type ConnectionState,
  START,
  step,
} from "../core/connection";
import type { ClientFrame, ServerFrame } from "../protocol/types";
import { ApiError } from "./api";
import { uuid } from "./ids";

const SUBPROTOCOL = "kaftalk.v1";

export interface SocketPorts {
  ticket(): Promise<string>;
  /** The frames that open the session: `hello`, and more `resume` after `welcome`. */
  greeting(ticket: string): ClientFrame[];
  frame(frame: ServerFrame): void;
  state(state: ConnectionState): void;
  /** Take a new stream, since another connection took this one. */
  renewStream(): Promise<void>;
  signedOut(): void;
}

export class Socket {
  #state: ConnectionState = START;
  #socket: WebSocket | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #afterWelcome: ClientFrame[] = [];
  #stream: Promise<void> = Promise.resolve();

  constructor(
    readonly ports: SocketPorts,
    readonly url: string,
  ) {}

  start = (): void => this.#step({ kind: "start" });
  /** The network came back, or the page is looked at again. */
  wake = (): void => this.#step({ kind: "wake" });
  /** The network may be gone. */
  doubt = (): void => this.#step({ kind: "doubt" });
  /** Reconnect under the stream that the outbox now has. */
  renew = (): void => this.#step({ kind: "renew" });
  end = (): void => this.#step({ kind: "end" });

  get isLive(): boolean {
    return this.#state.at === "live" || this.#state.at === "probing";
  }

  /** Send one frame; false if there is no session to send it in. */
  send(frame: ClientFrame): boolean {
    if (!this.isLive || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #step(input: ConnectionInput): void {
    const [state, effects] = step(this.#state, input, { now: Date.now(), random: Math.random() });
    const changed = state.at !== this.#state.at || state.attempt !== this.#state.attempt;
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    if (changed) this.ports.state(state);
  }

  #perform(effect: ConnectionEffect): void {
    switch (effect.kind) {
      case "get_ticket":
        void this.#getTicket();
        break;
      case "open":
        this.#open();
        break;
      case "greet":
        this.#greet(effect.ticket);
        break;
      case "ping":
        this.#write({ t: "ping", id: uuid() });
        break;
      case "timer":
        clearTimeout(this.#timer);
        if (effect.ms !== null) this.#timer = setTimeout(() => this.#step({ kind: "timeout" }), effect.ms);
        break;
      case "close":
        this.#close();
        break;
      case "new_stream":
        this.#stream = this.ports.renewStream();
        break;
      case "sign_out":
        this.ports.signedOut();
        break;
    }
  }

  async #getTicket(): Promise<void> {
    await this.#stream;
    const answer = await this.ports.ticket().then(
      (ticket): ConnectionInput => ({ kind: "ticket", ticket }),
      (error): ConnectionInput => ({
        kind: "no_ticket",
        signedOut: error instanceof ApiError && error.status === 401,
      }),
    );
    if (this.#state.at === "ticket") this.#step(answer);
  }

  #open(): void {
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    this.#socket = socket;
    // A socket that was given up may still report; nobody listens to it any more.
    const current = (input: () => void) => () => socket === this.#socket && input();
    socket.onopen = current(() => this.#step({ kind: "opened" }));
    socket.onmessage = (message) => socket === this.#socket && this.#receive(String(message.data));
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#step({ kind: "closed", code: event.code });
    };
  }

  #greet(ticket: string): void {
    const [hello, ...rest] = this.ports.greeting(ticket);
    this.#afterWelcome = rest;
    if (hello) this.#write(hello);
  }

  #receive(data: string): void {
    const frame = JSON.parse(data) as ServerFrame;
    if (frame.t === "welcome") {
      this.#step({ kind: "welcome", heartbeatMs: frame.heartbeat_ms });
      for (const more of this.#afterWelcome) this.#write(more);
    } else {
      this.#step({ kind: "heard" });
    }
    if (frame.t === "drain") this.#step({ kind: "drain", afterMs: frame.after_ms });
    else this.ports.frame(frame);
  }

  #write(frame: ClientFrame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  #close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }
}

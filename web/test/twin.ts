/** A gateway's end of the socket, in memory: it keeps the order and the close codes of the real one. */

import type { ClientFrame, ServerFrame } from "../src/protocol/types";
import { person } from "./samples";

export class TwinSocket {
  static readonly OPEN = 1;
  static all: TwinSocket[] = [];

  readyState = 0;
  received: ClientFrame[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    TwinSocket.all.push(this);
  }

  static get last(): TwinSocket {
    const last = TwinSocket.all.at(-1);
    if (!last) throw new Error("nobody has connected");
    return last;
  }

  send(data: string): void {
    this.received.push(JSON.parse(data) as ClientFrame);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = TwinSocket.OPEN;
    this.onopen?.();
  }

  welcome(): void {
    const limits = {
      text: 4_000,
      media: 10,
      frame_bytes: 65_536,
      server_frame_bytes: 1_048_576,
      resume_events: 5_000,
      sends_per_s: 10,
    };
    const user = person("me");
    this.say({ t: "welcome", user, gateway: "g", now: 0, heartbeat_ms: 25_000, limits, features: [] });
  }

  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

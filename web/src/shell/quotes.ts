/** Messages that replies quote and that are not loaded with the room: asked for once each. */

import type { KnownRecord, RoomEvent, RoomId, Seq } from "../protocol/types";
import { Store } from "./store";

/** `null`: it is gone, or one may not read it. */
export type Quoted = KnownRecord | null;

export class Quotes {
  readonly known = new Store<Record<string, Quoted>>({});
  #asked = new Set<string>();

  constructor(readonly ask: (room: RoomId, seq: Seq) => Promise<RoomEvent>) {}

  /** See to it that a message is known some time. */
  need(room: RoomId, seq: Seq): void {
    const key = quoteKey(room, seq);
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    this.ask(room, seq).then(
      (event) => this.#note(key, event.e),
      () => this.#note(key, null),
    );
  }

  #note(key: string, quoted: Quoted): void {
    this.known.value = { ...this.known.value, [key]: quoted };
  }
}

export function quoteKey(room: RoomId, seq: Seq): string {
  return `${room} ${seq}`;
}

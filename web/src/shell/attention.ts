/** What the server is told about the person's attention: open room, activity, typing, reading, whom to watch. */

import type { ClientFrame, RoomId, Seq, UserId } from "../protocol/types";

const TYPING_EVERY_MS = 3_000;
const READ_EVERY_MS = 500;
const ACTIVE_EVERY_MS = 120_000;
const WATCHED_MAX = 200;

export class Attention {
  #room: RoomId | null = null;
  #watched: UserId[] = [];
  #typedAt = 0;
  #activeAt = 0;
  #reads = new Map<RoomId, Seq>();
  /** Sent; there is no answer, so a new connection gets them again. */
  #sentReads = new Map<RoomId, Seq>();
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly send: (frame: ClientFrame) => boolean) {}

  /** Say everything again: the connection is new. */
  renew(): void {
    this.#focus();
    this.active(!document.hidden, true);
    if (this.#watched.length > 0) this.send({ t: "watch", users: this.#watched });
    for (const [room, seq] of this.#sentReads) if (!this.#reads.has(room)) this.#reads.set(room, seq);
    this.#sentReads.clear();
    this.#sendReads();
  }

  open(room: RoomId | null): void {
    this.#room = room;
    this.#focus();
  }

  /** The page was shown or hidden. */
  seen(): void {
    this.#focus();
    this.active(!document.hidden, true);
  }

  active(on: boolean, now = false): void {
    if (!now && Date.now() - this.#activeAt < ACTIVE_EVERY_MS) return;
    this.#activeAt = Date.now();
    this.send({ t: "active", on });
  }

  watch(users: readonly UserId[]): void {
    const wanted = [...new Set(users)].sort().slice(0, WATCHED_MAX);
    if (wanted.join() === this.#watched.join()) return;
    this.#watched = wanted;
    this.send({ t: "watch", users: wanted });
  }

  typing(room: RoomId, kind: "text" | "voice" | "none"): void {
    const now = Date.now();
    const on = kind !== "none";
    if (on && now - this.#typedAt < TYPING_EVERY_MS) return;
    if (!on && this.#typedAt === 0) return;
    this.#typedAt = on ? now : 0;
    this.send({ t: "typing", room, kind });
  }

  /** Read up to `seq`; the cursor goes out at most twice a second, and again after an interruption. */
  read(room: RoomId, seq: Seq): void {
    this.#reads.set(room, seq);
    this.#readTimer ??= setTimeout(() => this.#sendReads(), READ_EVERY_MS);
  }

  #sendReads(): void {
    clearTimeout(this.#readTimer);
    this.#readTimer = undefined;
    for (const [room, seq] of this.#reads) {
      if (!this.send({ t: "read", room, seq })) continue;
      this.#reads.delete(room);
      this.#sentReads.set(room, seq);
    }
  }

  #focus(): void {
    this.send({ t: "focus", room: document.hidden ? null : this.#room });
  }
}

/**
 * The stream of this tab. No two tabs share one: each holds a lock on its own for as long as it lives.
 *
 * A reload keeps the stream; a duplicated tab finds it locked and takes another. Streams that closed tabs
 * left with unsent messages are adopted, so that these are sent under their own numbers.
 */

import { type Entry, GIVE_UP_AFTER_MS, STREAM_AGE_MAX_MS, type Stream } from "../core/outbox";
import type { UserId } from "../protocol/types";
import { uuid } from "./ids";
import type { Kept, Storage } from "./storage";

const KEY = "kaftalk.stream";
/** A page that goes, by a reload or because its tab is closed, may hold its lock for a moment longer. */
const OWN_TRIES = 10;
const OTHER_TRIES = 4;
const PAUSE_MS = 100;

export class TabStream {
  #release: () => void = () => undefined;

  constructor(readonly storage: Storage) {}

  /** Take this tab's stream, an abandoned one, or a new one; with the messages that it still has to send. */
  async claim(user: UserId): Promise<Kept> {
    const own = sessionStorage.getItem(KEY);
    const kept = await this.storage.kept(user, own);
    const ordered = [...kept].sort((a, b) => Number(b.stream.id === own) - Number(a.stream.id === own));
    for (const candidate of ordered) {
      const tries = candidate.stream.id === own ? OWN_TRIES : OTHER_TRIES;
      if (!isUsable(candidate) || !(await this.#lock(candidate.stream.id, tries))) continue;
      // Read again under the lock: its last owner may have given out more numbers meanwhile.
      return this.#mine((await this.storage.stream(candidate.stream.id)) ?? candidate);
    }
    return this.fresh();
  }

  /** Take a new stream in place of the one that is worn or was taken over. */
  async fresh(): Promise<Kept> {
    const stream: Stream = { id: uuid(), created: Date.now(), next: {} };
    this.#release();
    await this.#lock(stream.id, 1);
    return this.#mine({ stream, entries: [], parcels: [] });
  }

  /** Let others have it: the person signs out. */
  release(): void {
    this.#release();
    sessionStorage.removeItem(KEY);
  }

  #mine(kept: Kept): Kept {
    sessionStorage.setItem(KEY, kept.stream.id);
    return kept;
  }

  async #lock(id: string, tries: number): Promise<boolean> {
    if (!navigator.locks) return sessionStorage.getItem(KEY) === id;
    for (let left = tries; left > 0; left--) {
      if (await this.#tryLock(id)) return true;
      if (left > 1) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return false;
  }

  #tryLock(id: string): Promise<boolean> {
    return new Promise((taken) => {
      const hold = (lock: Lock | null) => {
        taken(lock !== null);
        return lock && new Promise<void>((release) => (this.#release = release));
      };
      navigator.locks.request(`kaftalk-stream-${id}`, { ifAvailable: true }, hold).catch(() => taken(false));
    });
  }
}

function isUsable({ stream, entries }: Kept): boolean {
  const age = Date.now() - stream.created;
  const waits = (entry: Entry) => entry.status === "waiting";
  return age < STREAM_AGE_MAX_MS || (age < GIVE_UP_AFTER_MS + STREAM_AGE_MAX_MS && entries.some(waits));
}

/** Frames that are answered: each waits for the `ack`, `page` or `error` with its id. */

import type { ClientFrame, ServerFrame } from "../protocol/types";
import { ApiError } from "./api";
import { uuid } from "./ids";

const ANSWER_MS = 10_000;

type Asking = Extract<ClientFrame, { t: "edit" | "delete" | "react" | "history" }>;
type Unnamed<F> = F extends { id: string } ? Omit<F, "id"> : never;
type Answer = Extract<ServerFrame, { t: "ack" | "page" }>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: ApiError): void;
  timer: ReturnType<typeof setTimeout>;
}

export class Requests {
  #waiting = new Map<string, Waiting>();

  constructor(readonly send: (frame: ClientFrame) => boolean) {}

  /** Ask and wait. Raises ApiError: "offline" if nothing was sent, "unknown_outcome" if no answer came. */
  ask(frame: Unnamed<Asking>): Promise<Answer> {
    const id = uuid();
    if (!this.send({ ...frame, id } as Asking)) return Promise.reject(new ApiError(0, "offline"));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(id, "unknown_outcome"), ANSWER_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  /** Take a server frame; true if it answers a request. */
  take(frame: ServerFrame): boolean {
    if (frame.t !== "ack" && frame.t !== "page" && frame.t !== "error") return false;
    if (!frame.id || !this.#waiting.has(frame.id)) return false;
    if (frame.t === "error") this.#fail(frame.id, frame.code);
    else this.#done(frame.id)?.resolve(frame);
    return true;
  }

  /** The connection is gone: nobody knows what became of them. */
  lose(): void {
    for (const id of [...this.#waiting.keys()]) this.#fail(id, "unknown_outcome");
  }

  #fail(id: string, code: string): void {
    this.#done(id)?.reject(new ApiError(0, code));
  }

  #done(id: string): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting) clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }
}

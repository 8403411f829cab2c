/** Background work of a session: one thing of a name at a time, repeated while its failure may pass. */

import { ApiError } from "./api";

const AGAIN_MS = 1_500;
const MAY_PASS = new Set(["offline", "unavailable", "unknown_outcome", "rate_limited"]);

export class Tasks {
  #running = new Map<string, Promise<void>>();
  #ended = false;

  /** Whoever asks while the work runs gets the one that runs. */
  once(name: string, work: () => Promise<void>): Promise<void> {
    const running = this.#running.get(name);
    if (running) return running;
    const promise = work().finally(() => this.#running.delete(name));
    this.#running.set(name, promise);
    return promise;
  }

  /** Start the work after the one of its name that runs: that one may have begun too early. */
  async anew(name: string, work: () => Promise<void>): Promise<void> {
    await this.#running.get(name);
    await this.once(name, work);
  }

  /** Repeat until it is done, it can never be done, or the session ends. */
  async keepTrying(work: () => Promise<void>): Promise<void> {
    while (!this.#ended) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!MAY_PASS.has(error.code)) return;
        await pause(AGAIN_MS);
      }
    }
  }

  end(): void {
    this.#ended = true;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

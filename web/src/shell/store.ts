/** A value that the views follow; they are told once per frame, however often it changes. */

import { useSyncExternalStore } from "react";

const LATEST_MS = 50;

export class Store<T> {
  #value: T;
  #shown: T;
  #listeners = new Set<() => void>();
  #scheduled = false;

  constructor(value: T) {
    this.#value = value;
    this.#shown = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    if (value === this.#value) return;
    this.#value = value;
    if (!this.#scheduled) this.#schedule();
  }

  /** Show what has changed now, before the next frame; for what a person does herself. */
  flush = (): void => {
    this.#scheduled = false;
    if (this.#shown === this.#value) return;
    this.#shown = this.#value;
    for (const listener of this.#listeners) listener();
  };

  #schedule(): void {
    this.#scheduled = true;
    // A page that is hidden, or will be before its next frame, gets no animation frames.
    setTimeout(this.flush, LATEST_MS);
    if (typeof document !== "undefined" && !document.hidden) requestAnimationFrame(this.flush);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  get shown(): T {
    return this.#shown;
  }
}

/** Follow the part of a store that `select` picks; it must return the same value for the same state. */
export function useStore<T, S>(store: Store<T>, select: (value: T) => S): S {
  return useSyncExternalStore(store.subscribe, () => select(store.shown));
}

/** Addresses of media: each holds for a minute at most, and is asked for when it is needed. */

import type { MediaId, MediaUrl, MediaVariant } from "../protocol/media";

const AT_ONCE = 6;
/** An address is not used in its last seconds, whatever the clock of this machine says. */
const SPARE_MS = 5_000;
const LIFE_MIN_MS = 5_000;
const LIFE_MAX_MS = 50_000;
const KNOWN_MAX = 500;

export class MediaUrls {
  #known = new Map<string, { url: string; until: number }>();
  #asking = new Map<string, Promise<string>>();
  #free = AT_ONCE;
  #waiting: (() => void)[] = [];

  constructor(readonly ask: (id: MediaId, variant: MediaVariant) => Promise<MediaUrl>) {}

  /** Get an address that holds for some seconds more. Raises ApiError. */
  get(id: MediaId, variant: MediaVariant): Promise<string> {
    const key = `${id} ${variant}`;
    const known = this.#known.get(key);
    if (known && known.until > Date.now()) return Promise.resolve(known.url);
    const asking = this.#asking.get(key) ?? this.#fetch(key, id, variant);
    this.#asking.set(key, asking);
    return asking;
  }

  /** Get a new address: the last one did not work. Raises ApiError. */
  renew(id: MediaId, variant: MediaVariant): Promise<string> {
    this.#known.delete(`${id} ${variant}`);
    return this.get(id, variant);
  }

  async #fetch(key: string, id: MediaId, variant: MediaVariant): Promise<string> {
    await this.#turn();
    try {
      const { url, expires_at } = await this.ask(id, variant);
      const life = Date.parse(expires_at) - Date.now() - SPARE_MS;
      if (this.#known.size >= KNOWN_MAX) this.#known.clear();
      this.#known.set(key, { url, until: Date.now() + Math.min(LIFE_MAX_MS, Math.max(LIFE_MIN_MS, life)) });
      return url;
    } finally {
      this.#asking.delete(key);
      this.#free++;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#free <= 0) await new Promise<void>((go) => this.#waiting.push(go));
    this.#free--;
  }
}

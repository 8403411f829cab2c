/** One's own quiet hours: what the server has, what is being changed here, and the digests of past holds. */

import { deviceZone } from "../core/zone-time";
import type {
  Alert,
  PastRelease,
  PiercePolicy,
  QuietHours,
  QuietInterval,
  QuietProfile,
  Release,
} from "../protocol/quiet";
import type { UserId } from "../protocol/types";
import { type Api, ApiError, type Snooze } from "./api";
import { Store } from "./store";

export interface QuietSettings {
  /** Null until it has come. */
  saved: QuietHours | null;
  etag: string | null;
  /** What is changed and not saved yet; kept while one looks elsewhere. */
  draft: QuietProfile | null;
  /** Somebody, perhaps oneself elsewhere, saved in between. */
  conflict: boolean;
  busy: boolean;
  fault: unknown;
}

const NOTHING: QuietSettings = {
  saved: null,
  etag: null,
  draft: null,
  conflict: false,
  busy: false,
  fault: null,
};
/** A release that is older than this is no news to somebody who comes back. */
const NEWS_MS = 24 * 3_600_000;
export const PREVIEW_DAYS = 14;

export class QuietDesk {
  readonly settings = new Store<QuietSettings>(NOTHING);
  readonly releases = new Store<Release[]>([]);
  readonly preview = new Store<QuietInterval[] | null>(null);

  constructor(
    readonly api: Api,
    readonly user: UserId,
  ) {}

  /** Read what the server has; what is being changed stays. Raises ApiError. */
  async load(): Promise<void> {
    const { value: saved, etag } = await this.api.quietHours();
    const known = this.settings.value;
    // A draft is compared with what it was made from: saving it over something newer is a conflict.
    this.#set(known.draft && known.etag !== null ? { saved } : { saved, etag });
  }

  /** Read which intervals the next days have. Raises ApiError. */
  async loadPreview(): Promise<void> {
    this.preview.value = (await this.api.preview(PREVIEW_DAYS)).items;
  }

  /** Begin or go on changing; back at what is saved, nothing is left to save. */
  edit(draft: QuietProfile): void {
    const { saved } = this.settings.value;
    const same = saved !== null && saved.origin === "user" && isSame(draft, profileOf(saved));
    this.#set({ draft: same ? null : draft, fault: null });
    this.settings.flush();
  }

  /** Let the changes go, for what the server has now. */
  revert(): void {
    this.#set({ draft: null, conflict: false, fault: null });
    void this.load().catch(() => undefined);
  }

  /** Save the draft, with `over` also over what somebody saved in between; false if it was not taken. */
  async save(over = false): Promise<boolean> {
    const { draft, etag } = this.settings.value;
    return draft !== null && this.put(draft, over ? null : etag);
  }

  /** Save a profile. Tells failures in `settings`. */
  async put(profile: QuietProfile, tag: string | null = this.settings.value.etag): Promise<boolean> {
    this.#set({ busy: true, fault: null });
    try {
      const { value: saved, etag } = await this.api.setQuietHours(tidied(profile), tag);
      this.#set({ saved, etag, draft: null, conflict: false });
      void this.loadPreview().catch(() => undefined);
      return true;
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      if (fault.code === "precondition_failed") await this.#meet(profile);
      else this.#set({ fault });
      return false;
    } finally {
      this.#set({ busy: false });
    }
  }

  /** The server has something newer: keep one's own as a draft and show both. */
  async #meet(mine: QuietProfile): Promise<void> {
    const { value: saved } = await this.api.quietHours();
    this.#set({ saved, draft: mine, conflict: true });
  }

  /** Change what is saved by one step, outside of the page; a draft is not touched. Raises ApiError. */
  async change(step: (profile: QuietProfile) => QuietProfile): Promise<void> {
    const { value, etag: read } = await this.api.quietHours();
    const { value: saved, etag } = await this.api.setQuietHours(step(startOf(value)), read);
    const { draft } = this.settings.value;
    this.#set(draft ? { saved, etag, draft: step(draft) } : { saved, etag });
  }

  /** Let no more of this kind through: from this VIP, or by this way. Raises ApiError. */
  refuse({ by, reason }: Alert): Promise<void> {
    return this.change((profile) => ({ ...profile, pierce: without(profile.pierce, by, reason) }));
  }

  snooze = async (length: Snooze): Promise<void> => this.#take(await this.api.snooze(length));
  endSnooze = async (): Promise<void> => this.#take(await this.api.endSnooze());
  /** End the hold and have everything now. */
  resumeNow = async (): Promise<void> => this.#take(await this.api.resumeNow());
  /** Raises ApiError. */
  confirmZone = async (zone: string): Promise<void> => {
    await this.api.deviceZone(zone, true);
    await this.load();
  };

  /** Tell where this device is, if quiet hours follow it. Raises ApiError. */
  async reportZone(): Promise<void> {
    const { saved } = this.settings.value;
    const zone = deviceZone();
    if (saved?.zone_mode !== "follow_device" || saved.zone === zone || saved.origin !== "user") return;
    await this.api.deviceZone(zone, false);
    await this.load();
  }

  /** A release has come in, with previews. */
  add(release: Release): void {
    const others = this.releases.value.filter((one) => one.release_id !== release.release_id);
    this.releases.value = [release, ...others].sort((a, b) => b.window[1] - a.window[1]);
    this.#note(release);
  }

  /** Read the digests of the last days; those that came in here keep their previews. Raises ApiError. */
  async loadReleases(): Promise<void> {
    const { items } = await this.api.releases();
    const here = new Map(this.releases.value.map((one) => [one.release_id, one]));
    for (const past of items.map(ofRest)) if (!here.has(past.release_id)) here.set(past.release_id, past);
    this.releases.value = [...here.values()].sort((a, b) => b.window[1] - a.window[1]);
  }

  /** The newest release that ended while this browser was away, once. Raises ApiError. */
  async missed(): Promise<Release | null> {
    const seen = this.#seen();
    if (seen === null) {
      localStorage.setItem(this.#key, String(Date.now()));
      return null;
    }
    await this.loadReleases();
    const [newest] = this.releases.value;
    if (!newest || newest.window[1] <= seen || Date.now() - newest.window[1] > NEWS_MS) return null;
    this.#note(newest);
    return newest;
  }

  #take(saved: QuietHours): void {
    this.#set({ saved });
  }

  #note(release: Release): void {
    localStorage.setItem(this.#key, String(Math.max(release.window[1], this.#seen() ?? 0)));
  }

  #seen(): number | null {
    const stored = localStorage.getItem(this.#key);
    return stored === null ? null : Number(stored);
  }

  get #key(): string {
    return `kaftalk.release.${this.user}`;
  }

  #set(fields: Partial<QuietSettings>): void {
    this.settings.value = { ...this.settings.value, ...fields };
  }
}

function ofRest(past: PastRelease): Release {
  const [from, to] = past.window;
  return { ...past, window: [Date.parse(from), Date.parse(to)] };
}

/** What one's changes begin with: one's own profile, or the organisation's in the zone where one is. */
export function startOf(saved: QuietHours): QuietProfile {
  const profile = profileOf(saved);
  return saved.origin === "user" ? profile : { ...profile, zone: deviceZone() };
}

/** The fields of a profile, in one order, as PUT takes them. */
export function profileOf(saved: QuietProfile): QuietProfile {
  const { zone, zone_mode, windows, holidays, exceptions, away, deliver, pierce, share } = saved;
  return {
    zone,
    zone_mode,
    windows: windows.map(({ days, start, end, label }) => ({
      days,
      start,
      end: end === "24:00" ? "00:00" : end,
      ...(label ? { label } : {}),
    })),
    holidays,
    exceptions,
    away,
    deliver,
    pierce,
    share,
  };
}

function without(pierce: PiercePolicy, by: UserId, reason: Alert["reason"]): PiercePolicy {
  switch (reason) {
    case "vip":
      return { ...pierce, vip: pierce.vip.filter((id) => id !== by) };
    case "dm":
      return { ...pierce, direct_send_anyway: false };
    case "urgent":
      return { ...pierce, urgent_rooms: false };
  }
}

/** Names as they are kept: NFC, without blank ends, and none rather than an empty one. */
function tidied(profile: QuietProfile): QuietProfile {
  const windows = profile.windows.map(({ label, ...window }) => {
    const name = label?.normalize("NFC").trim();
    return name ? { ...window, label: name } : window;
  });
  return { ...profile, windows };
}

function isSame(a: QuietProfile, b: QuietProfile): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

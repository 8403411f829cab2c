/** REST below `/api/v1`, with an access token that is renewed by the refresh cookie when needed. */

import type {
  MediaId,
  MediaUrl,
  MediaVariant,
  NewMedia,
  PartPlace,
  Placed,
  StoredPart,
} from "../protocol/media";
import type {
  PastRelease,
  PeerQuiet,
  Pierced,
  QuietHours,
  QuietInterval,
  QuietProfile,
} from "../protocol/quiet";
import type {
  Invite,
  InvitePreview,
  Listing,
  Me,
  Member,
  Page,
  Problem,
  Role,
  Room,
  RoomEntry,
  RoomEvent,
  RoomId,
  Seq,
  SignedIn,
  SignedInAt,
  User,
  UserId,
} from "../protocol/types";

/** An answer that is not 2xx; `code` is "offline" where there was none, and never the server's text for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly fields: Record<string, string> = {},
    readonly retryAfterS: number | null = null,
  ) {
    super(code);
  }
}

/** An object and the version of it that was read. */
export interface Tagged<T> {
  value: T;
  etag: string | null;
}

/** How long a snooze is: by the server's clock, or until a moment (RFC 3339). */
export type Snooze = { minutes: number } | { until: string };

interface Options {
  headers?: Record<string, string>;
  seen?: (answer: Response) => void;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

const ONCE_MORE = new Set(["unavailable", "unknown_outcome"]);

export class Api {
  #token: string | null = null;
  #renewal: Promise<void> | null = null;
  #user: UserId | null = null;

  constructor(readonly onSignedOut: () => void) {}

  register = (fields: { username: string; password: string; display_name?: string; locale: string }) =>
    this.#send<{ user: User }>("POST", "/auth/register", fields);

  async login(username: string, password: string): Promise<User> {
    const answer = await this.#send<SignedIn>("POST", "/auth/login", { username, password });
    this.#token = answer.access_token;
    this.#user = answer.user.id;
    return answer.user;
  }

  async logout(): Promise<void> {
    await this.call("POST", "/auth/logout");
  }

  /** Nobody is signed in here any more. */
  forget(): void {
    this.#token = null;
    this.#user = null;
  }

  /** Get a new access token by the refresh cookie. Raises ApiError (401: signed out, or somebody else is in). */
  renew(): Promise<void> {
    this.#renewal ??= this.#alone(async () => {
      const answer = await this.#send<SignedIn>("POST", "/auth/refresh");
      // Another tab may have signed somebody else in: the cookie is hers now.
      if (this.#user !== null && this.#user !== answer.user.id) throw new ApiError(401, "unauthenticated");
      this.#token = answer.access_token;
      this.#user = answer.user.id;
    }).finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  me = () => this.call<Me>("GET", "/me");
  change = (fields: { display_name?: string | null; locale?: string }) =>
    this.call<Me>("PATCH", "/me", fields);
  deleteMe = () => this.call("DELETE", "/me");
  /** Raises ApiError: `forbidden` if the old one is wrong. */
  changePassword = (old: string, fresh: string) => this.call("PUT", "/me/password", { old, new: fresh });
  sessions = () => this.#all<SignedInAt>("/me/sessions?limit=100");
  endSession = (id: string) => this.call("DELETE", `/me/sessions/${id}`);
  ticket = async () => (await this.call<{ ticket: string }>("POST", "/auth/ws-ticket")).ticket;
  users = (ids: readonly UserId[]) =>
    this.call<Listing<User>>("GET", `/users?${ids.map((id) => `id=${id}`).join("&")}`);
  findUsers = (text: string) =>
    this.call<Listing<User>>("GET", `/users?q=${encodeURIComponent(text)}&limit=20`);

  rooms = () => this.#all<RoomEntry>("/rooms?limit=200");
  directory = (text: string, cursor?: string) =>
    this.call<Listing<Room>>(
      "GET",
      `/rooms/directory?limit=50&q=${encodeURIComponent(text)}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
    );
  createRoom = (fields: { name: string; kind: "public" | "private"; topic?: string }, key: string) =>
    this.call<Room>("POST", "/rooms", fields, key);
  direct = (user: UserId) => this.call<Room>("POST", "/rooms/direct", { user_id: user });
  rename = (id: RoomId, fields: { name?: string; topic?: string }) =>
    this.call<Room>("PATCH", `/rooms/${id}`, fields);
  join = (id: RoomId) => this.call<Room>("POST", `/rooms/${id}/join`);
  leave = (id: RoomId, successor?: UserId) =>
    this.call("POST", `/rooms/${id}/leave`, successor ? { successor } : {});
  deleteRoom = (id: RoomId) => this.call("DELETE", `/rooms/${id}`);
  members = (id: RoomId) => this.#all<Member>(`/rooms/${id}/members?limit=200`);
  addMember = (id: RoomId, user: UserId) => this.call("POST", `/rooms/${id}/members`, { user_ids: [user] });
  setRole = (id: RoomId, user: UserId, role: Role) =>
    this.call("PATCH", `/rooms/${id}/members/${user}`, { role });
  kick = (id: RoomId, user: UserId, ban: boolean) =>
    this.call("DELETE", `/rooms/${id}/members/${user}${ban ? "?ban=true" : ""}`);
  mute = (id: RoomId, until: string | null) => this.call("PUT", `/rooms/${id}/mute`, { until });
  archive = (id: RoomId, on: boolean) => this.call("POST", `/rooms/${id}/${on ? "archive" : "unarchive"}`);
  createInvite = (id: RoomId) => this.call<Invite>("POST", `/rooms/${id}/invites`, {});
  invite = (code: string) => this.call<InvitePreview>("GET", `/invites/${encodeURIComponent(code)}`);
  acceptInvite = (code: string) => this.call<Room>("POST", `/invites/${encodeURIComponent(code)}`);
  history = (id: RoomId, range: { before?: Seq; after?: Seq; limit: number }) =>
    this.call<Page>(
      "GET",
      `/rooms/${id}/messages?${Object.entries(range)
        .map(([name, value]) => `${name}=${value}`)
        .join("&")}`,
    );

  message = (id: RoomId, seq: Seq) => this.call<RoomEvent>("GET", `/rooms/${id}/messages/${seq}`);

  quietHours = () => this.#tagged<QuietHours>("GET", "/me/quiet-hours");
  setQuietHours = (profile: QuietProfile, tag: string | null) =>
    this.#tagged<QuietHours>("PUT", "/me/quiet-hours", profile, tag);
  snooze = (length: Snooze) => this.call<QuietHours>("POST", "/me/snooze", length);
  endSnooze = () => this.call<QuietHours>("DELETE", "/me/snooze");
  resumeNow = () => this.call<QuietHours>("POST", "/me/quiet-hours/resume");
  deviceZone = (zone: string, confirmed: boolean) =>
    this.call<QuietHours>("POST", "/me/quiet-hours/device-zone", { zone, confirmed });
  preview = (days: number) =>
    this.call<Listing<QuietInterval>>("GET", `/me/quiet-hours/preview?days=${days}`);
  releases = () => this.call<Listing<PastRelease>>("GET", "/me/releases?limit=50");
  pierced = () => this.call<Listing<Pierced>>("GET", "/me/quiet-hours/pierced?limit=20");
  peerQuiet = (user: UserId) => this.call<PeerQuiet>("GET", `/users/${user}/quiet`);

  placeMedia = (media: NewMedia, key: string) => this.call<Placed>("POST", "/media", media, key);
  placeParts = (id: MediaId, parts: { n: number; size: number; sha256: string }[]) =>
    this.call<{ items: PartPlace[] }>("POST", `/media/${id}/parts`, { parts });
  storedParts = (id: MediaId) => this.call<{ items: StoredPart[] }>("GET", `/media/${id}/parts`);
  completeMedia = (id: MediaId, parts: { n: number; etag: string }[]) =>
    this.call<unknown>("POST", `/media/${id}/complete`, { parts });
  dropMedia = (id: MediaId) => this.call("DELETE", `/media/${id}`);
  mediaUrl = (id: MediaId, variant: MediaVariant) =>
    this.call<MediaUrl>("GET", `/media/${id}/url?variant=${variant}`);

  async #tagged<T>(method: Method, path: string, body?: unknown, tag?: string | null): Promise<Tagged<T>> {
    let etag: string | null = null;
    const extra = tag ? { "If-Match": tag } : {};
    const value = await this.call<T>(method, path, body, undefined, {
      headers: extra,
      seen: (answer) => (etag = answer.headers.get("ETag")),
    });
    return { value, etag };
  }

  async #all<T>(path: string): Promise<T[]> {
    const out: T[] = [];
    let cursor: string | null = null;
    do {
      const page: Listing<T> = await this.call(
        "GET",
        cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path,
      );
      out.push(...page.items);
      cursor = page.next_cursor;
    } while (cursor);
    return out;
  }

  /** Call as the signed-in person; a 401 renews the token once. Raises ApiError. */
  async call<T = void>(
    method: Method,
    path: string,
    body?: unknown,
    key?: string,
    options?: Options,
  ): Promise<T> {
    if (!this.#token) await this.#renewOrSignOut();
    try {
      return await this.#send<T>(method, path, body, key, options);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) await this.#renewOrSignOut();
      else if (ONCE_MORE.has(error.code) && (method === "GET" || key))
        await pause((error.retryAfterS ?? 1) * 1_000);
      else throw error;
      return this.#send<T>(method, path, body, key, options);
    }
  }

  async #renewOrSignOut(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.onSignedOut();
      throw error;
    }
  }

  /** Two tabs share the cookie: one renews at a time. */
  #alone(work: () => Promise<void>): Promise<void> {
    return navigator.locks ? navigator.locks.request("kaftalk-refresh", work) : work();
  }

  async #send<T>(
    method: Method,
    path: string,
    body?: unknown,
    key?: string,
    options: Options = {},
  ): Promise<T> {
    const headers: Record<string, string> = { ...options.headers };
    if (this.#token) headers["Authorization"] = `Bearer ${this.#token}`;
    if (body !== undefined)
      headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const init: RequestInit = { method, headers, body: body === undefined ? null : JSON.stringify(body) };
    const answer = await fetch(`/api/v1${path}`, init).catch(() => {
      throw new ApiError(0, "offline");
    });
    if (!answer.ok) throw await problem(answer);
    options.seen?.(answer);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }
}

async function problem(answer: Response): Promise<ApiError> {
  const body: Partial<Problem> = await answer.json().catch(() => ({}));
  const fields = Object.fromEntries((body.errors ?? []).map((error) => [error.field, error.detail]));
  const retryAfter = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  return new ApiError(
    answer.status,
    body.code ?? "unavailable",
    fields,
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

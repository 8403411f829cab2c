import { beforeEach, expect, it, vi } from "vitest";
import { blank } from "../src/core/week";
import type { QuietHours, QuietProfile, Release } from "../src/protocol/quiet";
import { type Api, ApiError } from "../src/shell/api";
import { profileOf, QuietDesk } from "../src/shell/quiet-desk";

/** The server's end, in memory: one profile with a version. */
class TwinQuiet {
  version = 1;
  saved: QuietHours = {
    ...blank("Asia/Seoul"),
    origin: "user",
    active: false,
    until: null,
    next_start: null,
    snooze_until: null,
    resume_until: null,
    zone_change: null,
    updated_at: null,
    minimum: [],
  };
  past: { release_id: string; window: [string, string]; digest: Release["digest"] }[] = [];

  api(): Api {
    const tagged = () => ({ value: this.saved, etag: `"${this.version}"` });
    return {
      quietHours: async () => tagged(),
      setQuietHours: async (profile: QuietProfile, tag: string | null) => {
        if (tag !== null && tag !== `"${this.version}"`) throw new ApiError(412, "precondition_failed");
        this.save(profile);
        return tagged();
      },
      preview: async () => ({ items: [], next_cursor: null }),
      releases: async () => ({ items: this.past, next_cursor: null }),
    } as unknown as Api;
  }

  save(profile: QuietProfile): void {
    this.version += 1;
    this.saved = { ...this.saved, ...profile };
  }
}

const WINDOW = { days: ["mon"], start: "22:00", end: "07:00" } as const;
let twin: TwinQuiet;
let desk: QuietDesk;

beforeEach(async () => {
  const stored = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => stored.set(key, value),
  });
  twin = new TwinQuiet();
  desk = new QuietDesk(twin.api(), "me");
  await desk.load();
});

function withWindow(): QuietProfile {
  return { ...profileOf(twin.saved), windows: [{ ...WINDOW, days: [...WINDOW.days] }] };
}

it("has something to save only where it differs from what is saved", () => {
  desk.edit(withWindow());
  expect(desk.settings.value.draft?.windows).toHaveLength(1);
  desk.edit(profileOf(twin.saved));
  expect(desk.settings.value.draft).toBeNull();
});

it("saves over what it was made from", async () => {
  desk.edit(withWindow());
  expect(await desk.save()).toBe(true);
  expect(twin.saved.windows).toHaveLength(1);
  expect(desk.settings.value).toMatchObject({ draft: null, conflict: false, etag: '"2"' });
});

it("keeps one's changes where somebody saved in between, until one decides", async () => {
  desk.edit(withWindow());
  twin.save({ ...profileOf(twin.saved), deliver: "silent" });
  expect(await desk.save()).toBe(false);
  expect(desk.settings.value).toMatchObject({ conflict: true, busy: false });
  expect(desk.settings.value.draft?.windows).toHaveLength(1);
  expect(twin.saved.windows).toHaveLength(0);
  expect(await desk.save(true)).toBe(true);
  expect(twin.saved.windows).toHaveLength(1);
});

it("goes on from what somebody else saved, and then saves without a conflict", async () => {
  desk.edit(withWindow());
  twin.save({ ...profileOf(twin.saved), deliver: "silent" });
  await desk.save();
  desk.revert();
  await vi.waitFor(() => expect(desk.settings.value.etag).toBe('"2"'));
  desk.edit({ ...withWindow(), deliver: "silent" });
  expect(await desk.save()).toBe(true);
});

it("does not lose a draft when the settings are read again, and still sees the conflict", async () => {
  desk.edit(withWindow());
  twin.save({ ...profileOf(twin.saved), share: false });
  await desk.load();
  expect(desk.settings.value.draft?.windows).toHaveLength(1);
  expect(await desk.save()).toBe(false);
});

it("lets a VIP through no more, and nobody else is touched", async () => {
  twin.save({ ...profileOf(twin.saved), pierce: { ...twin.saved.pierce, vip: ["ann", "bob"] } });
  await desk.refuse({ room: "r", seq: 1, by: "ann", reason: "vip" });
  expect(twin.saved.pierce).toEqual({ vip: ["bob"], direct_send_anyway: true, urgent_rooms: false });
  await desk.refuse({ room: "r", seq: 1, by: "bob", reason: "dm" });
  expect(twin.saved.pierce.direct_send_anyway).toBe(false);
});

it("tells of a release that was missed, once, and of none from before this browser", async () => {
  const digest = { total: 1, mentions: 0, rooms: [{ room: "r", count: 1, mentions: 0 }] };
  const release = (id: string, end: number) => ({
    release_id: id,
    window: [new Date(end - 1_000).toISOString(), new Date(end).toISOString()] as [string, string],
    digest,
  });
  twin.past = [release("old", Date.now() - 60_000)];
  expect(await desk.missed()).toBeNull();
  twin.past = [release("new", Date.now() + 1), ...twin.past];
  expect((await desk.missed())?.release_id).toBe("new");
  expect(await desk.missed()).toBeNull();
});

it("keeps the previews of a release that came in here", async () => {
  const rooms = [{ room: "r", count: 1, mentions: 0 }];
  const digest = {
    total: 1,
    mentions: 0,
    rooms: [{ ...rooms[0], room: "r", count: 1, mentions: 0, preview: "hi" }],
  };
  desk.add({ release_id: "a", window: [1_000, 2_000], digest });
  const window: [string, string] = [new Date(1_000).toISOString(), new Date(2_000).toISOString()];
  twin.past = [{ release_id: "a", window, digest: { total: 1, mentions: 0, rooms } }];
  await desk.loadReleases();
  expect(desk.releases.value).toMatchObject([{ digest: { rooms: [{ preview: "hi" }] } }]);
});

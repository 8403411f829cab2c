import { describe, expect, it } from "vitest";
import {
  blank,
  blocks,
  dayRuns,
  drawn,
  endsNextDay,
  hasHours,
  lengthOf,
  moved,
  windowError,
  withoutHours,
  withPreset,
} from "../src/core/week";
import { DAYS, type QuietWindow } from "../src/protocol/quiet";

const night: QuietWindow = { days: ["fri"], start: "22:00", end: "07:00" };

describe("a window", () => {
  it("over midnight has a piece on each of its two days", () => {
    expect(blocks([night])).toEqual([
      { window: 0, day: 4, from: 1_320, to: 1_440, hasStart: true, hasEnd: false },
      { window: 0, day: 5, from: 0, to: 420, hasStart: false, hasEnd: true },
    ]);
    expect(blocks([{ ...night, days: ["sun"] }])[1]?.day).toBe(0);
  });

  it("with equal times lasts a day, and one that ends at midnight stays on its day", () => {
    expect(lengthOf({ start: "09:00", end: "09:00" })).toBe(1_440);
    expect(blocks([{ days: ["mon"], start: "00:00", end: "00:00" }])).toHaveLength(1);
    expect(endsNextDay({ start: "22:00", end: "00:00" })).toBe(false);
    expect(lengthOf({ start: "22:00", end: "24:00" })).toBe(120);
  });

  it("is moved with its days, around the week", () => {
    expect(moved(night, "both", 60, 2)).toEqual({ days: ["sun"], start: "23:00", end: "08:00" });
    expect(moved(night, "both", 0, 3).days).toEqual(["mon"]);
    expect(moved(night, "both", -2_000, 0)).toMatchObject({ start: "00:00", end: "09:00" });
  });

  it("is made longer and shorter at its ends, never to nothing and never over a day", () => {
    expect(moved(night, "end", 30, 0).end).toBe("07:30");
    expect(moved(night, "end", -2_000, 0).end).toBe("22:15");
    expect(lengthOf(moved(night, "end", 2_000, 0))).toBe(1_440);
    expect(moved(night, "start", -60, 0)).toMatchObject({ start: "21:00", end: "07:00" });
    expect(moved({ days: ["mon"], start: "09:00", end: "10:00" }, "start", 300, 0).start).toBe("09:45");
  });

  it("is drawn over several days in any direction", () => {
    expect(drawn({ day: 4, minutes: 600 }, { day: 2, minutes: 540 })).toEqual({
      days: ["wed", "thu", "fri"],
      start: "09:00",
      end: "10:00",
    });
  });

  it("says what is missing", () => {
    expect(windowError({ ...night, days: [] })).toBe("days");
    expect(windowError({ ...night, end: "" })).toBe("times");
    expect(windowError(night)).toBeNull();
  });
});

it("days that follow each other are one run", () => {
  expect(dayRuns(["mon", "tue", "wed", "fri"])).toEqual([
    ["mon", "wed"],
    ["fri", "fri"],
  ]);
});

describe("a preset", () => {
  it("for nights is every day", () => {
    const profile = withPreset(blank("Asia/Seoul"), "nights", ["밤", ""]);
    expect(profile.windows).toEqual([{ days: [...DAYS], start: "22:00", end: "07:00", label: "밤" }]);
  });

  it("for the time outside work leaves no hole in the weekend, and knows the holidays of the zone", () => {
    const profile = withPreset(blank("Asia/Seoul"), "work", ["저녁", "주말"]);
    const quiet = new Set<number>();
    for (const { day, from, to } of blocks(profile.windows))
      for (let minute = from; minute < to; minute++) quiet.add(day * 1_440 + minute);
    const isQuiet = (day: number, hour: number) => quiet.has(day * 1_440 + hour * 60);
    expect([isQuiet(0, 8), isQuiet(0, 9), isQuiet(4, 18), isQuiet(4, 19), isQuiet(5, 12)]).toEqual([
      true,
      false,
      false,
      true,
      true,
    ]);
    for (let minute = 4 * 1_440 + 1_140; minute < 7 * 1_440; minute++) expect(quiet.has(minute)).toBe(true);
    expect(profile.holidays).toBe("KR");
  });

  it("can be turned off, and who may pierce stays", () => {
    const on = withPreset(blank("Asia/Seoul"), "work", ["", ""]);
    const off = withoutHours({ ...on, pierce: { ...on.pierce, vip: ["ann"] } });
    expect([hasHours(on), hasHours(off), off.pierce.vip]).toEqual([true, false, ["ann"]]);
  });
});

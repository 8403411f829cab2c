import { describe, expect, it } from "vitest";
import {
  dateText,
  daysFrom,
  instantOf,
  offsetText,
  partsIn,
  startOfDay,
  wallTime,
} from "../src/core/zone-time";
import { findZones, zoneChoices } from "../src/core/zones";

const HOUR = 3_600_000;

describe("local time", () => {
  it("is read in any zone", () => {
    expect(wallTime("Asia/Seoul", Date.parse("2027-03-14T15:00:00Z"))).toMatchObject({ day: 15, hour: 0 });
    expect(dateText(wallTime("America/New_York", Date.parse("2027-03-14T03:00:00Z")))).toBe("2027-03-13");
    expect(offsetText("Asia/Kathmandu", 0)).toBe("UTC+5:30");
    expect(offsetText("America/New_York", Date.parse("2027-07-01T00:00:00Z"))).toBe("UTC−4");
  });

  it("that is skipped is counted on over the gap, and a repeated one is its first", () => {
    const skipped = { year: 2027, month: 3, day: 14, hour: 2, minute: 30 };
    expect(new Date(instantOf("America/New_York", skipped)).toISOString()).toBe("2027-03-14T07:30:00.000Z");
    const repeated = { year: 2027, month: 11, day: 7, hour: 1, minute: 30 };
    expect(new Date(instantOf("America/New_York", repeated)).toISOString()).toBe("2027-11-07T05:30:00.000Z");
  });

  it("has days of 23, 24 and 25 hours", () => {
    const lengths = (zone: string, at: string) =>
      daysFrom(zone, Date.parse(at), 3).map(({ start, end }) => (end - start) / HOUR);
    expect(lengths("America/New_York", "2027-03-13T17:00:00Z")).toEqual([24, 23, 24]);
    expect(lengths("America/New_York", "2027-11-06T17:00:00Z")).toEqual([24, 25, 24]);
    expect(lengths("Australia/Lord_Howe", "2027-04-03T00:00:00Z")).toEqual([24, 24.5, 24]);
    expect(lengths("Asia/Seoul", "2027-03-13T17:00:00Z")).toEqual([24, 24, 24]);
  });

  it("begins days whose midnight is skipped when they begin", () => {
    const start = startOfDay("Africa/Cairo", 2027, 4, 30);
    expect(wallTime("Africa/Cairo", start)).toMatchObject({ day: 30, hour: 1 });
  });
});

it("an interval over midnight lies in two days", () => {
  const [first, second] = daysFrom("Asia/Seoul", Date.parse("2027-01-04T03:00:00Z"), 2);
  const night = { start: Date.parse("2027-01-04T13:00:00Z"), end: Date.parse("2027-01-04T22:00:00Z") };
  if (!first || !second) throw new Error("two days");
  expect(partsIn(first, [night])).toMatchObject([{ left: 22 / 24, width: expect.closeTo(2 / 24) }]);
  expect(partsIn(second, [night])).toMatchObject([{ left: 0, width: expect.closeTo(7 / 24) }]);
});

describe("zones", () => {
  const found = (text: string, locale = "ko") =>
    findZones(zoneChoices(locale, Date.parse("2027-01-01T00:00:00Z")), text).map(({ zone }) => zone);

  it("are found by city, in Korean too, and by what their time is called", () => {
    expect(found("서울")).toEqual(["Asia/Seoul"]);
    expect(found("new york")).toEqual(["America/New_York"]);
    expect(found("유럽 파리")).toEqual(["Europe/Paris"]);
    expect(found("eastern time", "en")).toContain("America/New_York");
    expect(found("UTC+5:45")).toEqual(["Asia/Kathmandu"]);
  });
});

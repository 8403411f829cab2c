import { expect, it } from "vitest";
import { fill } from "../src/i18n";
import { en } from "../src/i18n/en";
import { ko } from "../src/i18n/ko";
import { day } from "../src/views/words";

function names(text: string): string[] {
  return [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
}

it("has the same names to fill in in Korean and English", () => {
  for (const [key, text] of Object.entries(en))
    expect([key, names(ko[key as keyof typeof en])]).toEqual([key, names(text)]);
});

it("chooses the form by the count", () => {
  expect(fill("{count} room|{count} rooms", { count: 1 })).toBe("1 room");
  expect(fill("{count} room|{count} rooms", { count: 0 })).toBe("0 rooms");
  expect(fill("{count}명", { count: 1 })).toBe("1명");
});

it("calls days as people do", () => {
  const now = new Date(2026, 2, 1, 0, 5).getTime();
  const at = (...date: [number, number, number]) => new Date(...date, 23, 59).getTime();
  expect(day("ko", now, now)).toBe("오늘");
  expect(day("en", at(2026, 1, 28), now)).toBe("Yesterday");
  expect(day("ko", at(2026, 1, 27), now)).toBe("2월 27일 금요일");
  expect(day("en", at(2025, 11, 31), now)).toBe("Wednesday, December 31, 2025");
});

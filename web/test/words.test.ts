import { expect, it } from "vitest";
import { fill } from "../src/i18n";
import { en } from "../src/i18n/en";
import { ko } from "../src/i18n/ko";

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

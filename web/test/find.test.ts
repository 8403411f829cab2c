import { expect, it } from "vitest";
import { find } from "../src/core/find";

const names = ["점심 뭐 먹지", "Backend on-call", "기획 회의", "프론트 backend", "김민지"];
const found = (text: string) => find(names, text, (name) => name);

it("finds parts of names whatever their case and spaces, what begins with them first", () => {
  expect(found("BACK")).toEqual(["Backend on-call", "프론트 backend"]);
  expect(found("회의")).toEqual(["기획 회의"]);
  expect(found("기획회")).toEqual(["기획 회의"]);
  expect(found("")).toEqual(names);
  expect(found("없음")).toEqual([]);
});

it("finds Korean names by their initial consonants, and by what is half typed", () => {
  expect(found("ㄱㅎㅎㅇ")).toEqual(["기획 회의"]);
  expect(found("ㄱ")).toEqual(["기획 회의", "김민지"]);
  expect(found("김ㅁ")).toEqual(["김민지"]);
  expect(found("회의".normalize("NFD"))).toEqual(["기획 회의"]);
});

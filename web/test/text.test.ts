import { describe, expect, it } from "vitest";
import { length, mentionsIn, normalise, suggest, withoutDirections } from "../src/core/text";
import { person } from "./samples";

describe("text", () => {
  it("is sent in NFC, without blank ends, and keeps its lines", () => {
    expect(normalise("\n 안녕 \n\n")).toBe(" 안녕");
    expect(normalise("a\n\nb")).toBe("a\n\nb");
  });

  it("is counted in code points after NFC", () => {
    expect(length("안녕")).toBe(2);
    expect(length("😀")).toBe(1);
  });

  it("names people by their usernames", () => {
    const people = [person("ann"), person("ann.lee")];
    expect(mentionsIn("@ann.lee, @ANN. 그리고 @nobody mail@ann", people)).toEqual(["ann.lee", "ann"]);
    expect(mentionsIn("@annabel", people)).toEqual([]);
  });

  it("suggests whom a name that is being typed may mean, until it is complete", () => {
    const people = [person("ann"), { ...person("minji"), display_name: "김민지" }];
    expect(suggest("안녕 @민", people)).toEqual({ typed: "민", people: [people[1]] });
    expect(suggest("@an", people).people).toEqual([people[0]]);
    expect(suggest("@ann", people).people).toEqual([]);
    expect(suggest("mail@an", people).people).toEqual([]);
    expect(suggest("@ann hello", people).people).toEqual([]);
  });

  it("is read as it is written, where it is a name", () => {
    expect(withoutDirections("photo\u202egnp.exe")).toBe("photognp.exe");
  });
});

import { describe, expect, it } from "vitest";
import { length, mentionsIn, normalise, spans, suggest } from "../src/core/text";
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

  it("shows links and names, and leaves the punctuation to the sentence", () => {
    expect(spans("봐 https://kaftalk.dev/a(b)?c=1. @ann!", new Set(["ann"]))).toEqual([
      { kind: "text", text: "봐 " },
      { kind: "link", text: "https://kaftalk.dev/a(b)?c=1" },
      { kind: "text", text: ". " },
      { kind: "mention", text: "@ann" },
      { kind: "text", text: "!" },
    ]);
    expect(spans("(https://a.b/c)", new Set())[1]).toEqual({ kind: "link", text: "https://a.b/c" });
    expect(spans("javascript:alert(1)", new Set())).toEqual([{ kind: "text", text: "javascript:alert(1)" }]);
  });
});

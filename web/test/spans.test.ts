import { describe, expect, it } from "vitest";
import { spans } from "../src/core/spans";

const link = (text: string, href = text) => ({ kind: "link", text, href });
const plain = (text: string) => ({ kind: "text", text });
const nobody = new Set<string>();

function linksIn(text: string): string[] {
  return spans(text, nobody).flatMap((span) => (span.kind === "link" ? [span.href] : []));
}

describe("what a message shows", () => {
  it("is links and names, and the punctuation is left to the sentence", () => {
    expect(spans("봐 https://kaftalk.dev/a(b)?c=1. @ann!", new Set(["ann"]))).toEqual([
      plain("봐 "),
      link("https://kaftalk.dev/a(b)?c=1"),
      plain(". "),
      { kind: "mention", text: "@ann" },
      plain("!"),
    ]);
    expect(spans("(https://a.b/c)", nobody)[1]).toEqual(link("https://a.b/c"));
    expect(spans("(https://a.b/c).", nobody)[1]).toEqual(link("https://a.b/c"));
    expect(spans("javascript:alert(1)", nobody)).toEqual([plain("javascript:alert(1)")]);
    expect(spans("https://", nobody)).toEqual([plain("https://")]);
  });

  it("is a link without the particle that Korean puts after it", () => {
    expect(linksIn("https://example.com을 보세요")).toEqual(["https://example.com"]);
    expect(linksIn("https://example.com/에서 받으세요")).toEqual(["https://example.com/"]);
    expect(linksIn("https://example.com/docs?q=1에서는요.")).toEqual(["https://example.com/docs?q=1"]);
    expect(linksIn("‘https://example.com/a’라고")).toEqual(["https://example.com/a"]);
    expect(linksIn("http://127.0.0.1:8000/rooms로 오세요")).toEqual(["http://127.0.0.1:8000/rooms"]);
  });

  it("keeps the Hangul that an address has of its own", () => {
    const own = [
      "https://ko.wikipedia.org/wiki/서울의",
      "https://ko.wikipedia.org/wiki/한글",
      "https://namu.wiki/w/C언어",
      "https://한국.한국/길",
    ];
    for (const url of own) expect(linksIn(url)).toEqual([url]);
  });

  it("is a link from www. on, and not in the middle of something else", () => {
    expect(spans("www.kaftalk.dev도 있어요", nobody)).toEqual([
      link("www.kaftalk.dev", "https://www.kaftalk.dev"),
      plain("도 있어요"),
    ]);
    expect(linksIn("me@www.example.org notwww.example.org")).toEqual([]);
  });

  it("is a link up to what would turn its writing around", () => {
    expect(linksIn("https://a.b/\u202egnp.exe")).toEqual(["https://a.b/"]);
  });

  it("is code between backticks, in which nothing is a link or a name", () => {
    expect(spans("run `curl https://a.b` @ann", new Set(["ann"]))).toEqual([
      plain("run "),
      { kind: "code", text: "curl https://a.b" },
      plain(" "),
      { kind: "mention", text: "@ann" },
    ]);
    expect(spans("봐\n```ts\nlet a = `b`;\n\nb();\n```\n끝", nobody)).toEqual([
      plain("봐\n"),
      { kind: "block", text: "let a = `b`;\n\nb();" },
      plain("끝"),
    ]);
    expect(spans("one ` only", nobody)).toEqual([plain("one ` only")]);
    expect(spans("``` open", nobody)).toEqual([plain("``` open")]);
  });
});

/** Text as it is shown: what in it is a link, a name, or code. */

export type Span =
  | { kind: "text" | "mention" | "code" | "block"; text: string }
  | { kind: "link"; text: string; href: string };

/** The closing part is what a quotation or a sentence adds around a link. */
const TOKEN =
  /```(?:[\w+#.-]*\n)?([\s\S]+?)```|`([^`\n]+)`|((?:https?:\/\/|(?<![\p{L}\p{N}_.@/-])www\.)[^\s\u200e\u200f\u202a-\u202e\u2066-\u2069<>"'`“”‘’「」『』《》〈〉]+)|(?<![\p{L}\p{N}_])@([a-z0-9][a-z0-9._-]*)/giu;

/** Cut a message into plain text, links, names and code; `names` are the usernames that it mentions. */
export function spans(text: string, names: ReadonlySet<string>): Span[] {
  const out: Span[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const found = spanOf(match, names);
    if (!found) continue;
    const [span, length] = found;
    if (match.index > at) out.push({ kind: "text", text: text.slice(at, match.index) });
    out.push(span);
    at = match.index + length;
    // A block is a paragraph of its own: the line break after it is that of the block.
    if (span.kind === "block" && text[at] === "\n") at += 1;
  }
  if (at < text.length) out.push({ kind: "text", text: text.slice(at) });
  return out;
}

function spanOf(match: RegExpMatchArray, names: ReadonlySet<string>): [Span, number] | null {
  const [whole, block, code, url] = match;
  if (block !== undefined) return [{ kind: "block", text: block.replace(/\n$/, "") }, whole.length];
  if (code !== undefined) return [{ kind: "code", text: code }, whole.length];
  if (url !== undefined) {
    const text = trimLink(url);
    const href = /^www\./i.test(text) ? `https://${text}` : text;
    return URL.canParse(href) ? [{ kind: "link", text, href }, text.length] : null;
  }
  const text = mentioned(whole, names);
  return text === undefined ? null : [{ kind: "mention", text }, text.length];
}

/** Hangul that stands right after a host in ASCII belongs to the sentence. */
const HOST = /^(?:https?:\/\/|www\.)[a-z0-9.-]+\.[a-z]{2,}(?::\d+)?(?=\p{Script=Hangul})/iu;
/** So does a particle after an address that ends in ASCII; a path may end in Hangul of its own. */
const PARTICLE =
  /(?:에서|으로|에게|까지|부터|처럼|보다|하고|이나|이랑|이라고|라고|입니다|이에요|예요|인데|[은는이가을를의에로와과도만랑나요])+$/u;
const ROOT = /^https?:\/\/[^/]+\/$/i;

/** Punctuation that ends a sentence belongs to it and not to the link; so does a Korean particle. */
function trimLink(url: string): string {
  const [host] = HOST.exec(url) ?? [];
  if (host) return host;
  const plain = trimEnd(url);
  const bare = trimEnd(plain.replace(PARTICLE, ""));
  return /[a-z0-9=_~)-]$/i.test(bare) || ROOT.test(bare) ? bare : plain;
}

function trimEnd(url: string): string {
  const trimmed = url.replace(/[.,!?;:…。*]+$/u, "");
  return trimmed.endsWith(")") && !trimmed.includes("(") ? trimEnd(trimmed.slice(0, -1)) : trimmed;
}

function mentioned(token: string, names: ReadonlySet<string>): string | undefined {
  for (let end = token.length; end > 1; end--) {
    if (names.has(token.slice(1, end).toLowerCase())) return token.slice(0, end);
  }
  return undefined;
}

/** Text as it is sent and shown: normal form, lengths in code points, mentions, links. */

import type { User, UserId } from "../protocol/types";

export const TEXT_CHARS_MAX = 4_000;

/** Bring what was typed into the form that is sent: NFC, no blank ends. */
export function normalise(text: string): string {
  return text.normalize("NFC").replace(/^\s*\n|\s+$/g, "");
}

/** Count code points after NFC. */
export function length(text: string): number {
  return [...text.normalize("NFC")].length;
}

const MENTION = /(^|[^\p{L}\p{N}_])@([a-z0-9][a-z0-9._-]*)/giu;

/** Find the ids of the people whom `@username` names, each once. */
export function mentionsIn(text: string, people: readonly User[]): UserId[] {
  const byName = new Map(people.map((user) => [user.username, user.id]));
  const found = new Set<UserId>();
  for (const [, , name = ""] of text.matchAll(MENTION)) {
    const id = longestName(name.toLowerCase(), byName);
    if (id) found.add(id);
  }
  return [...found].slice(0, 50);
}

/** A sentence may end right after a name, and `.` and `-` may be part of one. */
function longestName(name: string, byName: Map<string, UserId>): UserId | undefined {
  for (let end = name.length; end > 0; end--) {
    const id = byName.get(name.slice(0, end));
    if (id && (end === name.length || /[._-]/.test(name[end] ?? ""))) return id;
  }
  return undefined;
}

const UNFINISHED = /(?:^|[^\p{L}\p{N}_])@([\p{L}\p{N}._-]*)$/u;
const SUGGESTED_MAX = 6;

/** Find whom the name that is being typed before the caret may mean; nobody once it is complete. */
export function suggest(beforeCaret: string, people: readonly User[]): { typed: string; people: User[] } {
  const typed = UNFINISHED.exec(beforeCaret.normalize("NFC"))?.[1]?.toLowerCase();
  if (typed === undefined || people.some((user) => user.username === typed)) return { typed: "", people: [] };
  const fits = (user: User) =>
    user.username.startsWith(typed) || user.display_name.normalize("NFC").toLowerCase().includes(typed);
  return { typed, people: people.filter(fits).slice(0, SUGGESTED_MAX) };
}

export type Span = { kind: "text" | "link" | "mention"; text: string };

const TOKEN = /(https?:\/\/[^\s<>"']+)|(?<![\p{L}\p{N}_])@([a-z0-9][a-z0-9._-]*)/giu;

/** Cut a message into plain text, links and names; `names` are the usernames that it mentions. */
export function spans(text: string, names: ReadonlySet<string>): Span[] {
  const out: Span[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    const token = match[1] ? trimLink(match[1]) : mentioned(match[0], names);
    if (!token) continue;
    if (match.index > at) out.push({ kind: "text", text: text.slice(at, match.index) });
    out.push({ kind: match[1] ? "link" : "mention", text: token });
    at = match.index + token.length;
  }
  if (at < text.length) out.push({ kind: "text", text: text.slice(at) });
  return out;
}

/** Punctuation that ends a sentence belongs to it and not to the link. */
function trimLink(url: string): string {
  const trimmed = url.replace(/[.,!?;:…。]+$/u, "");
  return trimmed.endsWith(")") && !trimmed.includes("(") ? trimmed.slice(0, -1) : trimmed;
}

function mentioned(token: string, names: ReadonlySet<string>): string | undefined {
  for (let end = token.length; end > 1; end--) {
    if (names.has(token.slice(1, end).toLowerCase())) return token.slice(0, end);
  }
  return undefined;
}

/** Text as it is written and sent: normal form, lengths in code points, mentions. */

import type { User, UserId } from "../protocol/types";

export const TEXT_CHARS_MAX = 4_000;

/** Bring what was typed into the form that is sent: NFC, no blank ends. */
export function normalise(text: string): string {
  return text.normalize("NFC").replace(/^\s*\n|\s+$/g, "");
}

const DIRECTIONS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Take out what turns the direction of writing: with it a name reads as another, `exe.png` for `gnp.exe`. */
export function withoutDirections(name: string): string {
  return name.replace(DIRECTIONS, "");
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

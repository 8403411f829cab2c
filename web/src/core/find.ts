/** Find names as one types: parts of them, and in Korean their initial consonants (ㄱㅎ finds 기획 회의). */

const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
/** So many syllables begin with each consonant. */
const SYLLABLES = 588;

/** Keep what `text` fits, what begins with it first; otherwise the order stays. */
export function find<T>(items: readonly T[], text: string, nameOf: (item: T) => string): T[] {
  const wanted = plain(text);
  const ranked = items.map((item) => ({ item, at: place(plain(nameOf(item)), wanted) }));
  const found = ranked.filter(({ at }) => at >= 0);
  return [...found.filter(({ at }) => at === 0), ...found.filter(({ at }) => at > 0)].map(({ item }) => item);
}

function plain(text: string): string {
  return text.normalize("NFC").toLowerCase().replace(/\s+/gu, "");
}

function place(name: string, wanted: string): number {
  for (let at = 0; at + wanted.length <= name.length; at++)
    if ([...wanted].every((char, index) => fits(name.charAt(at + index), char))) return at;
  return -1;
}

function fits(char: string, wanted: string): boolean {
  return char === wanted || (INITIALS.includes(wanted) && initial(char) === wanted);
}

function initial(char: string): string | undefined {
  const code = char.charCodeAt(0);
  if (!(code >= FIRST_SYLLABLE && code <= LAST_SYLLABLE)) return undefined;
  return INITIALS[Math.floor((code - FIRST_SYLLABLE) / SYLLABLES)];
}

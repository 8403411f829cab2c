/** Words in Korean and English. The key and the names to fill in are checked by the compiler. */

import { Store, useStore } from "../shell/store";
import { en } from "./en";
import { ko } from "./ko";

export type Key = keyof typeof en;
export type Catalogue = Record<Key, string>;
export type Locale = "en" | "ko";

type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
type Params<K extends Key> = Record<Names<(typeof en)[K]>, string | number>;
type Rest<K extends Key> = [Names<(typeof en)[K]>] extends [never] ? [] : [Params<K>];

/** Give the words of `key` in one language. */
export type Translate = <K extends Key>(key: K, ...params: Rest<K>) => string;

const CATALOGUES: Record<Locale, Catalogue> = { en, ko };
const STORED = "kaftalk.locale";

function translator(locale: Locale): Translate {
  return (key, ...[params]) => fill(CATALOGUES[locale][key], params ?? {});
}

/** Choose the form by `count`, and put the names in. */
export function fill(pattern: string, params: Record<string, string | number>): string {
  const [one = "", many = one] = pattern.split("|");
  const form = params["count"] === 1 ? one : many;
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}

/** Whether a code from the server has words of its own. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

const TRANSLATORS: Record<Locale, Translate> = { en: translator("en"), ko: translator("ko") };

export const locale = new Store<Locale>("en");

/** Start with what was chosen here before, else with the browser's language. */
export function startLocale(): void {
  const stored = localStorage.getItem(STORED);
  const browser = navigator.languages.find((tag) => /^(ko|en)\b/.test(tag))?.startsWith("ko") ? "ko" : "en";
  show(stored === "ko" || stored === "en" ? stored : browser);
}

export function chooseLocale(chosen: Locale): void {
  localStorage.setItem(STORED, chosen);
  show(chosen);
}

function show(chosen: Locale): void {
  document.documentElement.lang = chosen;
  locale.value = chosen;
  locale.flush();
}

export function useLocale(): Locale {
  return useStore(locale, (value) => value);
}

export function useT(): Translate {
  return TRANSLATORS[useLocale()];
}

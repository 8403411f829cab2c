/** The zones one can choose from, and finding one by what people call it. */

import { offsetMs, offsetText } from "./zone-time";

export interface ZoneChoice {
  zone: string;
  /** `New York`. */
  city: string;
  /** What the language calls its time, `Eastern Standard Time`. */
  name: string;
  offset: string;
}

/** Cities as Koreans type them; the browser knows zones by English names only. */
const CITIES_KO: Record<string, string> = {
  "Asia/Seoul": "서울",
  "Asia/Tokyo": "도쿄",
  "Asia/Shanghai": "상하이 베이징",
  "Asia/Hong_Kong": "홍콩",
  "Asia/Taipei": "타이베이",
  "Asia/Singapore": "싱가포르",
  "Asia/Bangkok": "방콕",
  "Asia/Ho_Chi_Minh": "호찌민",
  "Asia/Manila": "마닐라",
  "Asia/Jakarta": "자카르타",
  "Asia/Dubai": "두바이",
  "Asia/Kolkata": "뉴델리 콜카타",
  "Asia/Kathmandu": "카트만두",
  "Europe/London": "런던",
  "Europe/Dublin": "더블린",
  "Europe/Paris": "파리",
  "Europe/Berlin": "베를린",
  "Europe/Madrid": "마드리드",
  "Europe/Rome": "로마",
  "Europe/Amsterdam": "암스테르담",
  "Europe/Moscow": "모스크바",
  "Europe/Istanbul": "이스탄불",
  "America/New_York": "뉴욕",
  "America/Chicago": "시카고",
  "America/Denver": "덴버",
  "America/Los_Angeles": "로스앤젤레스 샌프란시스코",
  "America/Toronto": "토론토",
  "America/Vancouver": "밴쿠버",
  "America/Sao_Paulo": "상파울루",
  "America/Mexico_City": "멕시코시티",
  "Pacific/Honolulu": "호놀룰루 하와이",
  "Pacific/Auckland": "오클랜드",
  "Australia/Sydney": "시드니",
  "Australia/Melbourne": "멜버른",
  "Africa/Cairo": "카이로",
  "Africa/Johannesburg": "요하네스버그",
};

/** Browsers list a zone under an older name than the database has. */
const RENAMED: Record<string, string> = {
  "Asia/Calcutta": "Asia/Kolkata",
  "Asia/Katmandu": "Asia/Kathmandu",
};

export function cityOf(zone: string, locale: string): string {
  const korean = locale === "ko" ? CITIES_KO[zone]?.split(" ")[0] : undefined;
  return korean ?? (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

const made = new Map<string, ZoneChoice[]>();

/** All zones, as they are named in a language and stand at `at`, from west to east; made once. */
export function zoneChoices(locale: string, at: number): ZoneChoice[] {
  const known = made.get(locale);
  if (known) return known;
  const zones = new Set(Intl.supportedValuesOf("timeZone").map((zone) => RENAMED[zone] ?? zone));
  const choices = ["UTC", ...zones]
    .map((zone) => ({ zone, at: offsetMs(zone, at) }))
    .sort((a, b) => a.at - b.at || (a.zone < b.zone ? -1 : 1))
    .map(({ zone }) => ({
      zone,
      city: cityOf(zone, locale),
      name: longName(zone, locale, at),
      offset: offsetText(zone, at),
    }));
  made.set(locale, choices);
  return choices;
}

function longName(zone: string, locale: string, at: number): string {
  const parts = new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    timeZoneName: "longGeneric",
  }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** Find the zones that every word of the text fits: by id, city, Korean city, name or offset. */
export function findZones(choices: readonly ZoneChoice[], text: string): ZoneChoice[] {
  const words = text
    .normalize("NFC")
    .toLowerCase()
    .split(/[\s,/]+/)
    .filter(Boolean);
  return choices.filter((choice) => {
    const all =
      `${choice.zone} ${choice.city} ${CITIES_KO[choice.zone] ?? ""} ${choice.name} ${choice.offset}`.toLowerCase();
    return words.every((word) => all.replaceAll("_", " ").includes(word));
  });
}

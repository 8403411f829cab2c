import { useCallback, useEffect, useState } from "react";
import { type Translate, useLocale, useT } from "../../i18n";
import type { SignedInAt } from "../../protocol/types";
import { useApp } from "../context";
import { moment } from "../words";

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/Whale\//, "Whale"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux|X11/, "Linux"],
];

/** Where one is signed in; each place but this one can be signed out. */
export function Sessions() {
  const t = useT();
  const { account } = useApp();
  const [sessions, setSessions] = useState<readonly SignedInAt[]>([]);
  const load = useCallback(
    () => void account.api.sessions().then(setSessions).catch(account.tell),
    [account],
  );
  useEffect(load, [load]);
  const end = (id: string) => void account.api.endSession(id).then(load, account.tell);
  return (
    <section className="panel">
      <h2>{t("account.sessions")}</h2>
      <ul className="results" data-testid="sessions">
        {sessions.map((session) => (
          <SessionLine key={session.id} session={session} onEnd={() => end(session.id)} />
        ))}
      </ul>
    </section>
  );
}

function SessionLine({ session, onEnd }: { session: SignedInAt; onEnd: () => void }) {
  const t = useT();
  const locale = useLocale();
  const device = deviceName(t, session.user_agent);
  const seen = t("account.lastSeen", { time: moment(locale, Date.parse(session.last_seen_at)) });
  return (
    <li className="member">
      <span className="member-name">
        {device}
        <small>
          {session.current ? t("account.current") : seen} · {session.address}
        </small>
      </span>
      {!session.current && (
        <button
          type="button"
          className="plain"
          aria-label={t("account.endSession", { device })}
          onClick={onEnd}
        >
          {t("auth.signOut")}
        </button>
      )}
    </li>
  );
}

function deviceName(t: Translate, agent: string): string {
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  if (browser && system) return t("account.browserOn", { browser, system });
  return browser ?? (agent.slice(0, 40) || t("account.unknownDevice"));
}

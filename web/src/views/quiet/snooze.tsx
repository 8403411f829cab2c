import { type FormEvent, useState } from "react";
import { dateText, deviceZone, pad, wallTime } from "../../core/zone-time";
import { type Key, useLocale, useT } from "../../i18n";
import type { Snooze } from "../../shell/api";
import { useStore } from "../../shell/store";
import { useApp, useChat, useSession } from "../context";
import { Dialog } from "../dialog";
import { Field } from "../field";
import { Icon, IconButton } from "../icons";
import { MenuList } from "../menu";
import { until } from "./words";

const MINUTE_MS = 60_000;
const LONGEST_MS = 30 * 24 * 60 * MINUTE_MS;
/** Before this hour, "tomorrow" is this morning. */
const NIGHT_ENDS = 5;

interface Choice {
  key: Key;
  length: () => Snooze;
}

function choices(now: number): Choice[] {
  const isNight = new Date(now).getHours() < NIGHT_ENDS;
  return [
    { key: "quiet.snooze.30", length: () => ({ minutes: 30 }) },
    { key: "quiet.snooze.60", length: () => ({ minutes: 60 }) },
    {
      key: isNight ? "quiet.snooze.morning" : "quiet.snooze.tomorrow",
      length: () => until8(isNight),
    },
  ];
}

function until8(isNight: boolean): Snooze {
  const at = new Date();
  at.setDate(at.getDate() + (isNight ? 0 : 1));
  at.setHours(8, 0, 0, 0);
  return { until: at.toISOString() };
}

/** The moon in the header: snooze, the settings, what one missed. */
export function QuietMenu() {
  const t = useT();
  const { router } = useApp();
  const [open, setOpen] = useState(false);
  const [custom, setCustom] = useState(false);
  const active = useChat((chat) => chat.hold.active);
  const go = (at: "quiet-hours" | "digests") => {
    setOpen(false);
    router.go({ at });
  };
  return (
    <div className="menu quiet-menu">
      <IconButton
        icon="moon"
        className={active ? "on" : ""}
        label={t("quiet.menu")}
        expanded={open}
        onClick={() => setOpen(!open)}
      />
      {open && (
        <MenuList onClose={() => setOpen(false)}>
          <h2 role="presentation">{t("quiet.snooze")}</h2>
          <SnoozeItems onDone={() => setOpen(false)} onCustom={() => setCustom(true)} />
          <hr />
          <button type="button" role="menuitem" onClick={() => go("quiet-hours")}>
            <Icon name="moon" />
            {t("quiet.settings")}
          </button>
          <button type="button" role="menuitem" onClick={() => go("digests")}>
            <Icon name="bell" />
            {t("quiet.digests")}
          </button>
        </MenuList>
      )}
      {custom && <CustomSnooze onClose={() => setCustom(false)} />}
    </div>
  );
}

function SnoozeItems({ onDone, onCustom }: { onDone: () => void; onCustom: () => void }) {
  const t = useT();
  const snooze = useSnooze();
  const choose = (choice: Choice) => {
    onDone();
    snooze(choice.length());
  };
  return (
    <>
      {choices(Date.now()).map((choice) => (
        <button key={choice.key} type="button" role="menuitem" onClick={() => choose(choice)}>
          {t(choice.key as "quiet.snooze.30")}
        </button>
      ))}
      <button
        type="button"
        role="menuitem"
        onClick={() => {
          onDone();
          onCustom();
        }}
      >
        {t("quiet.snooze.custom")}
      </button>
      <EndSnooze onDone={onDone} />
    </>
  );
}

/** A snooze that lies inside of a window ends without ending the quiet. */
function EndSnooze({ onDone }: { onDone: () => void }) {
  const t = useT();
  const locale = useLocale();
  const { account } = useApp();
  const session = useSession();
  const ends = useStore(session.quiet.settings, ({ saved }) => saved?.snooze_until ?? null);
  const now = Date.now();
  if (ends === null || Date.parse(ends) <= now) return null;
  const end = () => {
    onDone();
    void session.quiet.endSnooze().catch(account.tell);
  };
  return (
    <button type="button" role="menuitem" onClick={end}>
      {t("quiet.snooze.end")} <small>{until(locale, Date.parse(ends), now)}</small>
    </button>
  );
}

function useSnooze(): (length: Snooze) => void {
  const { account } = useApp();
  const session = useSession();
  return (length) => void session.quiet.snooze(length).catch(account.tell);
}

/** The same choices, side by side on the page. */
export function SnoozeButtons() {
  const t = useT();
  const snooze = useSnooze();
  const [custom, setCustom] = useState(false);
  return (
    <fieldset className="chips">
      <legend>{t("quiet.snooze")}</legend>
      {choices(Date.now()).map((choice) => (
        <button key={choice.key} type="button" className="plain" onClick={() => snooze(choice.length())}>
          {t(choice.key as "quiet.snooze.30")}
        </button>
      ))}
      <button type="button" className="plain" onClick={() => setCustom(true)}>
        {t("quiet.snooze.custom")}
      </button>
      {custom && <CustomSnooze onClose={() => setCustom(false)} />}
    </fieldset>
  );
}

function CustomSnooze({ onClose }: { onClose: () => void }) {
  const t = useT();
  const snooze = useSnooze();
  const [wrong, setWrong] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const ends = new Date(String(new FormData(event.currentTarget).get("until"))).getTime();
    const ahead = ends - Date.now();
    if (!(ahead > 0 && ahead <= LONGEST_MS)) return setWrong(true);
    snooze({ until: new Date(ends).toISOString() });
    onClose();
  };
  return (
    <Dialog title={t("quiet.snooze")} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Field
          label={t("quiet.snooze.until")}
          name="until"
          type="datetime-local"
          defaultValue={fieldText(Date.now() + 120 * MINUTE_MS)}
          error={wrong ? t("quiet.snooze.range") : undefined}
        />
        <div className="actions">
          <button type="submit" className="primary">
            {t("quiet.snooze.start")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A moment as date and time fields take it, in the device's zone. */
export function fieldText(at: number): string {
  const wall = wallTime(deviceZone(), at);
  return `${dateText(wall)}T${pad(wall.hour)}:${pad(wall.minute)}`;
}

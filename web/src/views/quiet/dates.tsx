import { type FormEvent, useState } from "react";
import { dateText, deviceZone, wallTime } from "../../core/zone-time";
import { useLocale, useT } from "../../i18n";
import type { QuietException, QuietProfile } from "../../protocol/quiet";
import { Field } from "../field";
import { IconButton } from "../icons";
import { fieldText } from "./snooze";
import { dateIn } from "./words";

const DAY_MS = 86_400_000;

interface DatesProps {
  profile: QuietProfile;
  onChange: (profile: QuietProfile) => void;
}

/** Dates that are different, and time off. */
export function Dates({ profile, onChange }: DatesProps) {
  const { exceptions } = profile;
  const t = useT();
  const locale = useLocale();
  const set = (next: QuietException[]) =>
    onChange({ ...profile, exceptions: next.sort((a, b) => (a.date < b.date ? -1 : 1)) });
  return (
    <>
      <ul className="exceptions">
        {exceptions.map(({ date, kind }) => {
          const shown = dateIn(locale, Date.parse(`${date}T12:00:00Z`), "UTC");
          return (
            <li key={date}>
              <span>{shown}</span>
              <span className="quiet-text">{t(`quiet.dates.${kind}`)}</span>
              <IconButton
                icon="trash"
                label={t("quiet.dates.remove", { date: shown })}
                onClick={() => set(exceptions.filter((one) => one.date !== date))}
              />
            </li>
          );
        })}
      </ul>
      <NewDate onAdd={(added) => set([...exceptions.filter((one) => one.date !== added.date), added])} />
      <Away profile={profile} onChange={onChange} />
    </>
  );
}

function NewDate({ onAdd }: { onAdd: (exception: QuietException) => void }) {
  const t = useT();
  const today = dateText(wallTime(deviceZone(), Date.now()));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const date = String(data.get("date") ?? "");
    if (date) onAdd({ date, kind: data.get("kind") === "no_quiet" ? "no_quiet" : "quiet" });
  };
  return (
    <form className="new-date" onSubmit={submit}>
      <Field label={t("quiet.dates.date")} name="date" type="date" defaultValue={today} required />
      <div className="field">
        <label>
          {t("quiet.dates.kind")}
          <select name="kind" defaultValue="quiet">
            <option value="quiet">{t("quiet.dates.quiet")}</option>
            <option value="no_quiet">{t("quiet.dates.no_quiet")}</option>
          </select>
        </label>
      </div>
      <button type="submit" className="plain">
        {t("quiet.dates.add")}
      </button>
    </form>
  );
}

function Away({ profile, onChange }: DatesProps) {
  const t = useT();
  const { away } = profile;
  const set = (next: QuietProfile["away"]) => onChange({ ...profile, away: next });
  if (!away) {
    const begin = () => {
      const now = Math.ceil(Date.now() / 3_600_000) * 3_600_000;
      set({ from: new Date(now).toISOString(), to: new Date(now + 7 * DAY_MS).toISOString() });
    };
    return (
      <div className="away">
        <button type="button" className="plain" onClick={begin}>
          {t("quiet.away.set")}
        </button>
      </div>
    );
  }
  return (
    <fieldset className="away">
      <legend>{t("quiet.away.label")}</legend>
      <p className="field-hint">{t("quiet.away.hint")}</p>
      <div className="away-fields">
        <Moment label={t("quiet.away.from")} at={away.from} onChange={(from) => set({ ...away, from })} />
        <Moment
          label={t("quiet.away.to")}
          at={away.to}
          error={isOrdered(away) ? undefined : t("quiet.away.order")}
          onChange={(to) => set({ ...away, to })}
        />
        <IconButton icon="trash" label={t("quiet.away.clear")} onClick={() => set(null)} />
      </div>
    </fieldset>
  );
}

export function isOrdered({ from, to }: { from: string; to: string }): boolean {
  return Date.parse(from) < Date.parse(to);
}

function Moment(props: {
  label: string;
  at: string;
  error?: string | undefined;
  onChange: (at: string) => void;
}) {
  const [text, setText] = useState(() => fieldText(Date.parse(props.at)));
  return (
    <Field
      label={props.label}
      type="datetime-local"
      value={text}
      error={props.error}
      onChange={(event) => {
        setText(event.target.value);
        const at = new Date(event.target.value).getTime();
        if (Number.isFinite(at)) props.onChange(new Date(at).toISOString());
      }}
    />
  );
}

import { type ReactNode, useEffect, useId, useState } from "react";
import { hasHours, type Preset, windowError, withoutHours, withPreset } from "../../core/week";
import { deviceZone, isZone } from "../../core/zone-time";
import { useLocale, useT } from "../../i18n";
import { CALENDARS, type HolidayCalendar, type QuietHours, type QuietProfile } from "../../protocol/quiet";
import { PREVIEW_DAYS, startOf } from "../../shell/quiet-desk";
import { useStore } from "../../shell/store";
import { useApp, useChat, useSession } from "../context";
import { Icon } from "../icons";
import { PageHead } from "../page-head";
import { useTick } from "../tick";
import { Dates, isOrdered } from "./dates";
import { Deliver, Pierce, PiercedList, Switch } from "./policy";
import { usePresetLabels } from "./presets";
import { Preview } from "./preview";
import { SaveBar } from "./save-bar";
import { SnoozeButtons } from "./snooze";
import { WeekGrid } from "./week-grid";
import { WindowRows } from "./window-rows";
import { until } from "./words";
import { ZonePicker } from "./zone-picker";
import "../../styles/quiet-page.css";
import "../../styles/week.css";

/** One's quiet hours on one page: what holds now, the week, and everything that belongs to it. */
export default function QuietPage() {
  const t = useT();
  const { router } = useApp();
  const session = useSession();
  const { saved, draft } = useStore(session.quiet.settings, (value) => value);
  useFreshness();
  const profile = draft ?? (saved ? startOf(saved) : null);
  return (
    <main className="room quiet-page" data-testid="quiet-page">
      <PageHead title={<h1>{t("quiet.title")}</h1>}>
        <button
          type="button"
          className="plain head-button"
          aria-label={t("quiet.digests")}
          onClick={() => router.go({ at: "digests" })}
        >
          <Icon name="bell" />
          <span>{t("quiet.digests")}</span>
        </button>
      </PageHead>
      <div className="quiet-scroll">
        {saved && profile ? (
          <Settings saved={saved} profile={profile} onChange={(next) => session.quiet.edit(next)} />
        ) : (
          <p className="quiet-text" role="status">
            {t("app.loading")}
          </p>
        )}
      </div>
      <SaveBar mayPut={profile !== null && isRight(profile)} />
    </main>
  );
}

/** Read again what the server has when the page comes into view, and when a hold begins or ends. */
function useFreshness(): void {
  const session = useSession();
  const { active, until: ends, nextStart } = useChat((chat) => chat.hold);
  const dirty = useStore(session.quiet.settings, (value) => value.draft !== null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a transition makes what was read old.
  useEffect(() => {
    void session.refreshQuiet();
  }, [session, active, ends, nextStart]);
  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [dirty]);
}

function isRight(profile: QuietProfile): boolean {
  const { windows, away, zone } = profile;
  return (
    windows.every((window) => windowError(window) === null) &&
    (away === null || isOrdered(away)) &&
    isZone(zone)
  );
}

interface SettingsProps {
  saved: QuietHours;
  profile: QuietProfile;
  onChange: (profile: QuietProfile) => void;
}

function Settings({ saved, profile, onChange }: SettingsProps) {
  const t = useT();
  const [active, setActive] = useState<number | null>(null);
  const refused = useRefused();
  const windows = (next: QuietProfile["windows"]) => onChange({ ...profile, windows: next });
  return (
    <>
      <Now saved={saved} />
      <Presets profile={profile} onChange={onChange} />
      <Panel title={t("quiet.week.title")} hint={t("quiet.week.hint")} wide>
        <WeekGrid windows={profile.windows} active={active} onActive={setActive} onChange={windows} />
        <WindowRows
          windows={profile.windows}
          active={active}
          refused={refused.windows}
          onActive={setActive}
          onChange={windows}
        />
      </Panel>
      <Panel title={t("quiet.zone.title")}>
        <ZonePicker
          zone={profile.zone}
          error={refused.fields.has("zone") ? t("field.other.invalid") : undefined}
          onChange={(zone) => onChange({ ...profile, zone })}
        />
        <Switch
          label={t("quiet.zone.follow")}
          checked={profile.zone_mode === "follow_device"}
          onChange={(on) => onChange({ ...profile, zone_mode: on ? "follow_device" : "fixed" })}
        />
        <ZoneMoved saved={saved} />
        <Holidays value={profile.holidays} onChange={(holidays) => onChange({ ...profile, holidays })} />
      </Panel>
      <NextDays zone={startOf(saved).zone} />
      <Panel title={t("quiet.dates.title")}>
        <Dates profile={profile} onChange={onChange} />
      </Panel>
      <Panel title={t("quiet.deliver.title")}>
        <Deliver profile={profile} onChange={onChange} />
      </Panel>
      <Panel title={t("quiet.pierce.title")}>
        <Pierce profile={profile} onChange={onChange} />
      </Panel>
      <Panel title={t("quiet.pierced.title")}>
        <PiercedList />
      </Panel>
    </>
  );
}

/** The fields that the server refused, by their path: `windows.3.start`. */
function useRefused(): { windows: Set<number>; fields: Set<string> } {
  const session = useSession();
  const fault = useStore(session.quiet.settings, (value) => value.fault);
  const paths = fault instanceof Object && "fields" in fault ? Object.keys(fault.fields as object) : [];
  const parts = paths.map((path) => path.split("."));
  return {
    windows: new Set(parts.filter(([first]) => first === "windows").map(([, index]) => Number(index))),
    fields: new Set(parts.map(([first = ""]) => first)),
  };
}

function Panel(props: { title: string; hint?: string; wide?: boolean; children: ReactNode }) {
  const id = useId();
  return (
    <section className={`panel ${props.wide ? "wide-panel" : ""}`} aria-labelledby={id}>
      <h2 id={id}>{props.title}</h2>
      {props.hint && <p className="field-hint">{props.hint}</p>}
      {props.children}
    </section>
  );
}

function Now({ saved }: { saved: QuietHours }) {
  const t = useT();
  const locale = useLocale();
  const { active, until: ends, nextStart } = useChat((chat) => chat.hold);
  const now = useTick(60_000);
  const next = nextStart ?? (saved.next_start ? Date.parse(saved.next_start) : null);
  let text = t("quiet.now.open");
  if (active)
    text = ends === null ? t("quiet.bannerOpen") : t("quiet.now.quiet", { time: until(locale, ends, now) });
  return (
    <section className="panel now" data-testid="quiet-now">
      <p className="calm-head">
        <Icon name={active ? "moon" : "bell"} />
        <strong>{text}</strong>
      </p>
      {next !== null && !active && <p>{t("quiet.now.next", { time: until(locale, next, now) })}</p>}
      {!hasHours(saved) && !active && <p className="quiet-text">{t("quiet.now.never")}</p>}
      {saved.origin === "org" && hasHours(saved) && <p className="quiet-text">{t("quiet.now.org")}</p>}
      <SnoozeButtons />
    </section>
  );
}

function Presets({
  profile,
  onChange,
}: {
  profile: QuietProfile;
  onChange: (profile: QuietProfile) => void;
}) {
  const t = useT();
  const labels = usePresetLabels();
  const take = (preset: Preset) => onChange(withPreset(profile, preset, labels(preset)));
  return (
    <fieldset className="presets">
      <legend>{t("quiet.preset.title")}</legend>
      {(["nights", "work"] as const).map((preset) => (
        <button key={preset} type="button" onClick={() => take(preset)}>
          <strong>{t(`quiet.preset.${preset}`)}</strong>
          <small>{t(`quiet.preset.${preset}Text`)}</small>
        </button>
      ))}
      <button type="button" disabled={!hasHours(profile)} onClick={() => onChange(withoutHours(profile))}>
        <strong>{t("quiet.preset.off")}</strong>
        <small>{t("quiet.preset.offText")}</small>
      </button>
    </fieldset>
  );
}

function ZoneMoved({ saved }: { saved: QuietHours }) {
  const t = useT();
  const { account } = useApp();
  const session = useSession();
  const zone = deviceZone();
  const moved = saved.zone_mode === "follow_device" && saved.origin === "user" && saved.zone !== zone;
  if (!moved) return null;
  return (
    <p className="notice" role="status">
      {t("quiet.zone.moved", { zone })}{" "}
      <button
        type="button"
        className="link"
        onClick={() => void session.quiet.confirmZone(zone).catch(account.tell)}
      >
        {t("quiet.zone.use", { zone })}
      </button>
    </p>
  );
}

function Holidays(props: {
  value: HolidayCalendar | null;
  onChange: (calendar: HolidayCalendar | null) => void;
}) {
  const t = useT();
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{t("quiet.holidays.label")}</label>
      <select
        id={id}
        value={props.value ?? ""}
        onChange={(event) =>
          props.onChange(CALENDARS.find((calendar) => calendar === event.target.value) ?? null)
        }
      >
        <option value="">{t("quiet.holidays.none")}</option>
        {CALENDARS.map((calendar) => (
          <option key={calendar} value={calendar}>
            {t(`quiet.holidays.${calendar}`)}
          </option>
        ))}
      </select>
    </div>
  );
}

function NextDays({ zone }: { zone: string }) {
  const t = useT();
  const session = useSession();
  const items = useStore(session.quiet.preview, (value) => value);
  const dirty = useStore(session.quiet.settings, (value) => value.draft !== null);
  const now = useTick(60_000);
  // A zone that this browser does not know cannot be drawn.
  if (!isZone(zone)) return null;
  return (
    <Panel title={t("quiet.preview.title")} hint={t("quiet.preview.zone", { zone })}>
      {dirty && <p className="field-hint">{t("quiet.preview.stale")}</p>}
      {items && <Preview items={items} zone={zone} days={PREVIEW_DAYS} now={now} />}
    </Panel>
  );
}

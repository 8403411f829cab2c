import { DAY_MINUTES, endsNextDay, lengthOf, WINDOWS_MAX, windowError } from "../../core/week";
import { useT } from "../../i18n";
import { DAYS, type Day, type QuietWindow } from "../../protocol/quiet";
import { Icon, IconButton } from "../icons";
import { daysText } from "./words";

interface WindowRowsProps {
  windows: readonly QuietWindow[];
  active: number | null;
  /** Rows that the server did not take. */
  refused: ReadonlySet<number>;
  onActive: (window: number | null) => void;
  onChange: (windows: QuietWindow[]) => void;
}

/** The windows as rows: the same as on the grid, to be read and typed. */
export function WindowRows({ windows, active, refused, onActive, onChange }: WindowRowsProps) {
  const t = useT();
  const add = () => {
    onChange([...windows, { days: ["mon", "tue", "wed", "thu", "fri"], start: "22:00", end: "07:00" }]);
    onActive(windows.length);
  };
  return (
    <>
      <ul className="window-rows" data-testid="window-rows">
        {windows.map((window, index) => (
          <WindowRow
            // biome-ignore lint/suspicious/noArrayIndexKey: a window is its place in the list.
            key={index}
            window={window}
            number={index + 1}
            isActive={active === index}
            isRefused={refused.has(index)}
            onActive={() => onActive(index)}
            onChange={(next) => onChange(windows.map((one, i) => (i === index ? next : one)))}
            onRemove={() => onChange(windows.filter((_, i) => i !== index))}
          />
        ))}
      </ul>
      <button type="button" className="plain add" disabled={windows.length >= WINDOWS_MAX} onClick={add}>
        <Icon name="plus" />
        {t("quiet.window.add")}
      </button>
      {windows.length >= WINDOWS_MAX && <small>{t("quiet.window.full")}</small>}
    </>
  );
}

interface WindowRowProps {
  window: QuietWindow;
  number: number;
  isActive: boolean;
  isRefused: boolean;
  onActive: () => void;
  onChange: (window: QuietWindow) => void;
  onRemove: () => void;
}

function WindowRow(props: WindowRowProps) {
  const t = useT();
  const { window, number, onChange } = props;
  const error = windowError(window);
  const label = `${number}. ${daysText(t, window.days)}`;
  return (
    <li className={`window-row ${props.isActive ? "active" : ""}`} onFocus={props.onActive}>
      <fieldset aria-invalid={error !== null || props.isRefused}>
        <legend className="visually-hidden">{label}</legend>
        <DayChips days={window.days} onChange={(days) => onChange({ ...window, days })} />
        <Times window={window} onChange={onChange} />
        <input
          className="window-name"
          aria-label={t("quiet.window.name")}
          placeholder={t("quiet.window.name")}
          maxLength={40}
          value={window.label ?? ""}
          onChange={(event) => onChange(named(window, event.target.value))}
        />
        <IconButton icon="trash" label={t("quiet.window.remove", { number })} onClick={props.onRemove} />
      </fieldset>
      {error && (
        <p className="field-error" role="alert">
          {t(error === "days" ? "quiet.window.daysMissing" : "quiet.window.timesMissing")}
        </p>
      )}
      {!error && props.isRefused && <p className="field-error">{t("field.other.invalid")}</p>}
    </li>
  );
}

function Times({ window, onChange }: { window: QuietWindow; onChange: (window: QuietWindow) => void }) {
  const t = useT();
  return (
    <span className="window-times">
      <input
        type="time"
        aria-label={t("quiet.window.start")}
        value={window.start}
        onChange={(event) => onChange({ ...window, start: event.target.value })}
      />
      <span aria-hidden="true">–</span>
      <input
        type="time"
        aria-label={t("quiet.window.end")}
        value={window.end}
        onChange={(event) => onChange({ ...window, end: event.target.value })}
      />
      <small>{remark(t, window)}</small>
    </span>
  );
}

function remark(t: ReturnType<typeof useT>, window: QuietWindow): string {
  if (windowError(window) === "times") return "";
  if (lengthOf(window) === DAY_MINUTES) return t("quiet.window.allDay");
  return endsNextDay(window) ? t("quiet.window.nextDay") : "";
}

function named({ label: _, ...window }: QuietWindow, label: string): QuietWindow {
  return label ? { ...window, label } : window;
}

function DayChips({ days, onChange }: { days: readonly Day[]; onChange: (days: Day[]) => void }) {
  const t = useT();
  return (
    <span className="day-chips">
      {DAYS.map((day) => (
        <label key={day} title={t(`day.${day}`)}>
          <input
            type="checkbox"
            className="visually-hidden"
            aria-label={t(`day.${day}`)}
            checked={days.includes(day)}
            onChange={(event) =>
              onChange(DAYS.filter((one) => (one === day ? event.target.checked : days.includes(one))))
            }
          />
          <span aria-hidden="true">{t(`day.short.${day}`)}</span>
        </label>
      ))}
    </span>
  );
}

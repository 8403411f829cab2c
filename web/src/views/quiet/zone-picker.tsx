import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { deviceZone, isZone, offsetText } from "../../core/zone-time";
import { cityOf, findZones, type ZoneChoice, zoneChoices } from "../../core/zones";
import { useLocale, useT } from "../../i18n";

const SHOWN_MAX = 60;

interface ZonePickerProps {
  zone: string;
  error?: string | undefined;
  onChange: (zone: string) => void;
}

/** Choose a zone: type a part of its name, walk with the arrow keys, Enter takes. */
export function ZonePicker({ zone, error, onChange }: ZonePickerProps) {
  const t = useT();
  const locale = useLocale();
  const id = useId();
  const list = useZoneList(zone, onChange);
  const offset = isZone(zone) ? ` (${offsetText(zone, Date.now())})` : "";
  const shown = cityOf(zone, locale) + offset;
  return (
    <div className="field zone">
      <label htmlFor={id}>{t("quiet.zone.label")}</label>
      <input
        ref={list.field}
        id={id}
        type="text"
        role="combobox"
        autoComplete="off"
        spellCheck={false}
        aria-expanded={list.found !== null}
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={list.found ? `${id}-${list.active}` : undefined}
        aria-invalid={error !== undefined}
        placeholder={t("quiet.zone.search")}
        value={list.text ?? shown}
        onFocus={list.open}
        onBlur={list.close}
        onChange={(event) => list.search(event.target.value)}
        onKeyDown={list.key}
      />
      {list.found && (
        <div id={`${id}-list`} className="zone-list" role="listbox" aria-label={t("quiet.zone.label")}>
          {list.found.map((choice, index) => (
            <ZoneOption
              key={choice.zone}
              id={`${id}-${index}`}
              choice={choice}
              isActive={index === list.active}
              onTake={() => list.take(choice)}
            />
          ))}
          {list.found.length === 0 && <p className="quiet-text">{t("app.nothing")}</p>}
        </div>
      )}
      <span className={error ? "field-error" : "field-hint"}>{error ?? zone}</span>
    </div>
  );
}

function ZoneOption(props: { id: string; choice: ZoneChoice; isActive: boolean; onTake: () => void }) {
  const t = useT();
  const { choice, isActive } = props;
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isActive) ref.current?.scrollIntoView({ block: "nearest" });
  }, [isActive]);
  return (
    <div
      ref={ref}
      id={props.id}
      role="option"
      tabIndex={-1}
      aria-selected={isActive}
      className="zone-option"
      // The field keeps the focus.
      onPointerDown={(event) => event.preventDefault()}
      onClick={props.onTake}
      onKeyDown={(event) => event.key === "Enter" && props.onTake()}
    >
      <span>
        {choice.city}
        {choice.zone === deviceZone() && <em>{t("quiet.zone.device")}</em>}
      </span>
      <small>
        {choice.name} · {choice.offset}
      </small>
    </div>
  );
}

function useZoneList(zone: string, onChange: (zone: string) => void) {
  const locale = useLocale();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState<string | null>(null);
  const [found, setFound] = useState<ZoneChoice[] | null>(null);
  const [active, setActive] = useState(0);

  function search(wanted: string): void {
    setText(wanted);
    const fits = findZones(zoneChoices(locale, Date.now()), wanted);
    setFound([...fits.filter(isNear), ...fits.filter((choice) => !isNear(choice))].slice(0, SHOWN_MAX));
    setActive(0);
  }

  /** This device's zone and the present one come first. */
  function isNear(choice: ZoneChoice): boolean {
    return choice.zone === deviceZone() || choice.zone === zone;
  }

  function close(): void {
    setText(null);
    setFound(null);
  }

  function take(choice: ZoneChoice): void {
    onChange(choice.zone);
    close();
    field.current?.blur();
  }

  function key(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing || !found) return;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const chosen = found[active];
    if (step !== 0) setActive((active + step + found.length) % Math.max(found.length, 1));
    else if (event.key === "Enter" && chosen) take(chosen);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }

  return { field, text, found, active, search, open: () => search(""), close, take, key };
}

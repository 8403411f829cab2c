import { type DayStrip, daysFrom, partsIn } from "../../core/zone-time";
import { isKey, type Translate, useLocale, useT } from "../../i18n";
import type { QuietInterval } from "../../protocol/quiet";
import { clockIn, dateIn } from "./words";

const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
const MARKS = [0, 6, 12, 18, 24];

interface Interval {
  start: number;
  end: number;
  sources: string[];
}

interface PreviewProps {
  items: readonly QuietInterval[];
  zone: string;
  days: number;
  now: number;
}

/** The next days as strips of local time, each as long as it is: a day on which clocks change is no mistake. */
export function Preview({ items, zone, days, now }: PreviewProps) {
  const intervals = items.map(({ start, end, sources }) => ({
    start: Date.parse(start),
    end: Date.parse(end),
    sources,
  }));
  return (
    <div className="preview" data-testid="quiet-preview">
      <div className="preview-hours" aria-hidden="true">
        {MARKS.map((hour) => (
          <span key={hour} style={{ left: `${(hour / DAY_HOURS) * 100}%` }}>
            {hour}
          </span>
        ))}
      </div>
      <ol>
        {daysFrom(zone, now, days).map((strip) => (
          <Strip key={strip.start} strip={strip} intervals={intervals} zone={zone} now={now} />
        ))}
      </ol>
      <Legend intervals={intervals} />
    </div>
  );
}

/** What the colours mean, of those that are there. */
function Legend({ intervals }: { intervals: readonly Interval[] }) {
  const t = useT();
  const sources = [...new Set(intervals.map(({ sources: [first = "window"] }) => first))];
  if (sources.length < 2) return null;
  return (
    <p className="preview-legend" aria-hidden="true">
      {sources.map((source) => (
        <span key={source}>
          <i className={`strip-part ${source}`} />
          {sourceName(t, source)}
        </span>
      ))}
    </p>
  );
}

function sourceName(t: Translate, source: string): string {
  const key = `quiet.source.${source}`;
  return isKey(key) ? t(key as "quiet.source.window") : source;
}

function Strip(props: { strip: DayStrip; intervals: readonly Interval[]; zone: string; now: number }) {
  const t = useT();
  const locale = useLocale();
  const { strip, zone, now } = props;
  const parts = partsIn(strip, props.intervals);
  const hours = Math.round((strip.end - strip.start) / HOUR_MS);
  const at = (ms: number) => (ms >= strip.end ? "24:00" : clockIn(locale, Math.max(ms, strip.start), zone));
  const texts = parts.map(({ whole }) => `${at(whole.start)}–${at(whole.end)}`);
  const isWeekend = [0, 6].includes(
    new Date(Date.UTC(strip.date.year, strip.date.month - 1, strip.date.day)).getUTCDay(),
  );
  return (
    <li className={`strip ${isWeekend ? "weekend" : ""}`}>
      <span className="strip-day">{dateIn(locale, strip.start, zone)}</span>
      <span className="strip-bar" aria-hidden="true">
        {parts.map(({ left, width, whole }) => (
          <span
            key={whole.start}
            className={`strip-part ${whole.sources[0] ?? ""}`}
            style={{ left: `${left * 100}%`, width: `${width * 100}%` }}
            title={partTitle(t, whole, (ms) => `${dateIn(locale, ms, zone)} ${clockIn(locale, ms, zone)}`)}
          />
        ))}
        {now >= strip.start && now < strip.end && (
          <span
            className="strip-now"
            style={{ left: `${((now - strip.start) / (strip.end - strip.start)) * 100}%` }}
          />
        )}
      </span>
      <span className="visually-hidden">{texts.join(", ") || t("quiet.preview.never")}</span>
      {hours !== DAY_HOURS && (
        <span className="strip-hours" title={t("quiet.preview.hours", { count: hours })}>
          {t("quiet.preview.shortHours", { count: hours })}
        </span>
      )}
    </li>
  );
}

function partTitle(t: Translate, { start, end, sources }: Interval, moment: (ms: number) => string): string {
  const names = sources.map((source) => sourceName(t, source));
  return `${moment(start)} – ${moment(end)}${names.length > 0 ? ` · ${names.join(", ")}` : ""}`;
}

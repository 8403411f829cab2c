import { chooseLocale, type Locale, useLocale, useT } from "../i18n";

const LANGUAGES: [Locale, string, string][] = [
  ["ko", "한국어", "한"],
  ["en", "English", "En"],
];

/** Choose the language; each is written in itself. */
export function LanguageSwitch(props: { short?: boolean; onChoose?: (locale: Locale) => void }) {
  const t = useT();
  const current = useLocale();
  return (
    <fieldset className="languages">
      <legend className="visually-hidden">{t("app.language")}</legend>
      {LANGUAGES.map(([locale, name, short]) => (
        <button
          key={locale}
          type="button"
          lang={locale}
          aria-label={props.short ? `${short} ${name}` : name}
          title={name}
          aria-pressed={locale === current}
          onClick={() => {
            chooseLocale(locale);
            props.onChoose?.(locale);
          }}
        >
          {props.short ? short : name}
        </button>
      ))}
    </fieldset>
  );
}

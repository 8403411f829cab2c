import { chooseLocale, type Locale, useLocale, useT } from "../i18n";

const LANGUAGES: [Locale, string][] = [
  ["ko", "한국어"],
  ["en", "English"],
];

/** Choose the language; each is written in itself. */
export function LanguageSwitch({ onChoose }: { onChoose?: (locale: Locale) => void }) {
  const t = useT();
  const current = useLocale();
  return (
    <fieldset className="languages">
      <legend className="visually-hidden">{t("app.language")}</legend>
      {LANGUAGES.map(([locale, name]) => (
        <button
          key={locale}
          type="button"
          lang={locale}
          aria-pressed={locale === current}
          onClick={() => {
            chooseLocale(locale);
            onChoose?.(locale);
          }}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}

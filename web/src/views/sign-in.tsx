import { type FormEvent, useState } from "react";
import { useLocale, useT } from "../i18n";
import { ApiError } from "../shell/api";
import { useApp, usePlace } from "./context";
import { Field } from "./field";
import { LanguageSwitch } from "./language-switch";
import { errorText, fieldErrors, invalidText } from "./words";

const USERNAME = /^[a-z0-9._-]{3,32}$/;

/** The page of one who is not signed in: sign in, or create an account. */
export function SignIn({ ended }: { ended: boolean }) {
  const t = useT();
  const place = usePlace();
  const [isNew, setNew] = useState(place.at === "invite");
  return (
    <main className="gate">
      <section className="card">
        <header className="brand">
          <img src="/icon.svg" alt="" width="44" height="44" />
          <h1>Kaftalk</h1>
          <p>{t("app.tagline")}</p>
        </header>
        {ended && <p className="notice">{t("auth.ended")}</p>}
        {place.at === "invite" && <p className="notice">{t("auth.forInvite")}</p>}
        <AccountForm key={String(isNew)} isNew={isNew} />
        <button type="button" className="link" onClick={() => setNew(!isNew)}>
          {isNew ? t("auth.toSignIn") : t("auth.toSignUp")}
        </button>
      </section>
      <LanguageSwitch />
    </main>
  );
}

function AccountForm({ isNew }: { isNew: boolean }) {
  const t = useT();
  const { busy, errors, failure, submit } = useAccountForm(isNew);
  return (
    <form onSubmit={submit} noValidate>
      <Field
        label={t("auth.username")}
        {...(isNew && { hint: t("auth.usernameHint") })}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        error={errors["username"]}
      />
      {isNew && (
        <Field
          label={t("auth.displayName")}
          hint={t("auth.displayNameHint")}
          name="display_name"
          autoComplete="nickname"
          error={errors["display_name"]}
        />
      )}
      <Field
        label={t("auth.password")}
        {...(isNew && { hint: t("auth.passwordHint") })}
        name="password"
        type="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        required
        error={errors["password"]}
      />
      {failure && (
        <p className="form-error" role="alert">
          {failure}
        </p>
      )}
      <button type="submit" className="primary wide" disabled={busy}>
        {isNew ? t("auth.signUp") : t("auth.signIn")}
      </button>
    </form>
  );
}

function useAccountForm(isNew: boolean) {
  const t = useT();
  const locale = useLocale();
  const { account } = useApp();
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = readFields(new FormData(event.currentTarget));
    const wrong = isNew ? checkFields(fields) : [];
    setErrors(Object.fromEntries(wrong.map((field) => [field, invalidText(t, field)])));
    setFailure(null);
    if (wrong.length > 0) return;
    setBusy(true);
    try {
      if (isNew) await account.signUp({ ...fields, locale });
      else await account.signIn(fields.username, fields.password);
    } catch (error) {
      setBusy(false);
      const byField = isNew ? fieldErrors(t, error, "username") : {};
      setErrors(byField);
      if (Object.keys(byField).length === 0)
        setFailure(isWrong(error) ? t("auth.wrong") : errorText(t, error));
    }
  }
  return { busy, errors, failure, submit };
}

function isWrong(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 401 || error.code === "invalid");
}

function readFields(data: FormData): { username: string; password: string; display_name?: string } {
  const username = String(data.get("username") ?? "")
    .trim()
    .toLowerCase();
  const name = String(data.get("display_name") ?? "")
    .normalize("NFC")
    .trim();
  return { username, password: String(data.get("password") ?? ""), ...(name && { display_name: name }) };
}

function checkFields(fields: { username: string; password: string; display_name?: string }): string[] {
  const wrong: string[] = [];
  if (!USERNAME.test(fields.username)) wrong.push("username");
  if ([...fields.password].length < 8) wrong.push("password");
  if ([...(fields.display_name ?? "")].length > 64) wrong.push("display_name");
  return wrong;
}

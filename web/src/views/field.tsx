import { type InputHTMLAttributes, useId } from "react";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: string;
  error?: string | undefined;
}

/** A labelled input with its hint and its error, which screen readers read with it. */
export function Field({ label, hint, error, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={error !== undefined} aria-describedby={`${id}-note`} />
      <span
        id={`${id}-note`}
        className={error ? "field-error" : "field-hint"}
        role={error ? "alert" : undefined}
      >
        {error ?? hint ?? ""}
      </span>
    </div>
  );
}

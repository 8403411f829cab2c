import { type KeyboardEvent, type RefObject, useLayoutEffect, useRef } from "react";
import { type Decision, enter, IDLE, type Input } from "../core/enter";

const HEIGHT_MAX_PX = 200;

interface TextFieldProps {
  fieldRef: RefObject<HTMLTextAreaElement | null>;
  label: string;
  placeholder?: string;
  initial: string;
  disabled?: boolean;
  onSubmit: () => void;
  onText: (text: string) => void;
  onKey?: (event: KeyboardEvent<HTMLTextAreaElement>) => void;
  /** The id of the suggestion that Enter would take. */
  activeSuggestion?: string | undefined;
}

/** A text area that grows, in which Enter submits once under every input method and Shift+Enter breaks the line. */
export function TextField({
  fieldRef,
  label,
  placeholder,
  initial,
  disabled,
  onSubmit,
  onText,
  onKey,
  activeSuggestion,
}: TextFieldProps) {
  const composition = useRef(IDLE);
  function take(input: Input): Decision {
    const [state, decision] = enter(composition.current, input);
    composition.current = state;
    return decision;
  }
  useLayoutEffect(() => grow(fieldRef.current), [fieldRef]);
  return (
    <textarea
      ref={fieldRef}
      rows={1}
      aria-label={label}
      placeholder={placeholder}
      defaultValue={initial}
      disabled={disabled}
      enterKeyHint="send"
      aria-activedescendant={activeSuggestion}
      onInput={(event) => {
        grow(event.currentTarget);
        onText(event.currentTarget.value);
      }}
      onCompositionStart={() => take({ kind: "compositionstart" })}
      onCompositionUpdate={(event) => take({ kind: "compositionupdate", data: event.data })}
      onCompositionEnd={(event) => {
        // The field has its final text only after this event.
        if (take({ kind: "compositionend", data: event.data }) === "send") setTimeout(onSubmit);
      }}
      onKeyUp={() => take({ kind: "keyup" })}
      onKeyDown={(event) => {
        if (isEnter(event)) {
          const decision = take({ kind: "enter", ...facts(event) });
          if (decision !== "none") event.preventDefault();
          if (decision === "send") onSubmit();
        } else {
          onKey?.(event);
        }
      }}
    />
  );
}

/** Under an input method some browsers name the key only by its place. */
function isEnter(event: KeyboardEvent): boolean {
  return event.key === "Enter" || (event.keyCode === 229 && /^(Numpad)?Enter$/.test(event.code));
}

function facts(event: KeyboardEvent) {
  const { keyCode, shiftKey: shift, repeat } = event;
  return { keyCode, shift, repeat, isComposing: event.nativeEvent.isComposing };
}

/** Fit the height to the text. */
export function grow(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, HEIGHT_MAX_PX)}px`;
}

/** Put a text into the field as if it had been typed. */
export function fillField(field: HTMLTextAreaElement, text: string): void {
  field.value = text;
  grow(field);
}

import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef } from "react";

/** The choices below a button: arrow keys walk, Escape, Tab and a click outside close. */
export function MenuList({ onClose, children }: { onClose: () => void; children: ReactNode }) {
  const ref = useRef<HTMLDivElement>(null);
  // The focus goes back before the list is taken away: a dialog that a choice opens gives it back to the button then.
  useLayoutEffect(() => {
    const list = ref.current;
    const before = document.activeElement;
    list?.querySelector("button")?.focus();
    return () => {
      if (list?.contains(document.activeElement) && before instanceof HTMLElement) before.focus();
    };
  }, []);
  useEffect(() => {
    const outside = (event: PointerEvent) => {
      if (!ref.current?.parentElement?.contains(event.target as Node)) onClose();
    };
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [onClose]);
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape" || event.key === "Tab") onClose();
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || !ref.current) return;
    event.preventDefault();
    const items = [...ref.current.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    items[(at + step + items.length) % items.length]?.focus();
  };
  return (
    <div ref={ref} className="menu-list" role="menu" tabIndex={-1} onKeyDown={key}>
      {children}
    </div>
  );
}

import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useT } from "../i18n";
import { IconButton } from "./icons";

/** A modal dialog: the browser keeps the focus inside and gives it back; Escape and a click outside close it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const t = useT();
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  /** A click ends where it began only if nothing was dragged: text that is selected outwards closes nothing. */
  const pressed = useRef<EventTarget | null>(null);
  const isLeft = useRef(false);
  useLayoutEffect(() => {
    const dialog = ref.current;
    isLeft.current = false;
    dialog?.showModal();
    // The browser would choose the button that closes it.
    dialog?.querySelector<HTMLElement>("input:not([readonly])")?.focus();
    return () => {
      // A dialog that is only taken away gives no focus back.
      isLeft.current = true;
      dialog?.close();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the dialog's own key.
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onClose={() => isLeft.current || onClose()}
      onPointerDown={(event) => {
        pressed.current = event.target;
      }}
      onClick={(event) =>
        event.target === ref.current && pressed.current === ref.current && ref.current.close()
      }
    >
      <div className="dialog-body">
        <header className="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="close" label={t("app.close")} onClick={() => ref.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Ask before something that cannot be undone. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  const t = useT();
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      {props.children}
      <div className="actions">
        <button type="button" className="plain" onClick={props.onClose}>
          {t("app.cancel")}
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => {
            props.onClose();
            props.onConfirm();
          }}
        >
          {props.action}
        </button>
      </div>
    </Dialog>
  );
}

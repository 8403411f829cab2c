import type { ReactNode } from "react";
import { useT } from "../i18n";
import { useApp } from "./context";
import { IconButton } from "./icons";

/** The head of what fills the main area: the way back on narrow screens, the title, and what one can do here. */
export function PageHead({ title, children }: { title: ReactNode; children?: ReactNode }) {
  const t = useT();
  const { router } = useApp();
  return (
    <header className="room-head">
      <IconButton
        className="back"
        icon="back"
        label={t("app.back")}
        onClick={() => router.go({ at: "home" })}
      />
      <div className="room-title">{title}</div>
      {children}
    </header>
  );
}

import { type ClipboardEvent, type RefObject, useEffect, useState } from "react";
import { useT } from "../../i18n";
import type { RoomId } from "../../protocol/types";
import { useApp, useSession } from "../context";
import { Icon } from "../icons";

/** Attach files, and say what could not be. */
export function useAttach(room: RoomId): (files: readonly File[]) => void {
  const session = useSession();
  const { account } = useApp();
  return (files) => {
    const left = session.uploads.attach(room, files);
    if (left > 0) account.say("media.tooMany", left);
  };
}

/** Take the files of a paste; text that comes with them, as from a table, is what was meant. */
export function takePaste(event: ClipboardEvent, attach: (files: readonly File[]) => void): void {
  const files = [...event.clipboardData.files];
  if (files.length === 0 || event.clipboardData.getData("text/plain")) return;
  event.preventDefault();
  attach(files);
}

/** Where files may be dropped: all of the room. Elsewhere the browser would leave the page for them. */
export function DropZone({
  room,
  name,
  area,
}: {
  room: RoomId;
  name: string;
  area: RefObject<HTMLElement | null>;
}) {
  const t = useT();
  const { account } = useApp();
  const attach = useAttach(room);
  const [over, setOver] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the listeners live as long as the room is open.
  useEffect(() => {
    const until = new AbortController();
    const { signal } = until;
    const inside = (event: DragEvent) => area.current?.contains(event.target as Node) ?? false;
    const hover = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = inside(event) ? "copy" : "none";
      setOver(inside(event));
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (!inside(event)) return;
      const { files, folders } = filesOf(event.dataTransfer);
      if (folders > 0) account.say("media.folder");
      if (files.length > 0) attach(files);
    };
    addEventListener("dragenter", hover, { signal });
    addEventListener("dragover", hover, { signal });
    addEventListener("dragleave", (event) => event.relatedTarget === null && setOver(false), { signal });
    addEventListener("drop", drop, { signal });
    return () => until.abort();
  }, [room, area]);
  if (!over) return null;
  return (
    <div className="drop-zone" data-testid="drop-zone">
      <div>
        <Icon name="clip" />
        <strong>{t("media.drop")}</strong>
        <span>{t("media.dropTo", { name })}</span>
      </div>
    </div>
  );
}

function filesOf(transfer: DataTransfer): { files: File[]; folders: number } {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const isFolder = (item: DataTransferItem) => item.webkitGetAsEntry()?.isDirectory ?? false;
  const files = items.filter((item) => !isFolder(item)).map((item) => item.getAsFile());
  return { files: files.filter((file) => file !== null), folders: items.filter(isFolder).length };
}

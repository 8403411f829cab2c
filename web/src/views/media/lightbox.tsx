import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { withoutDirections } from "../../core/text";
import { FIT } from "../../core/zoom";
import { useLocale, useT } from "../../i18n";
import type { MediaId } from "../../protocol/media";
import { download } from "../../shell/download";
import { useApp, useChat, useSession } from "../context";
import { IconButton } from "../icons";
import { moment, nameOf } from "../words";
import type { Shot } from "./gallery";
import { Stage, useZoom, type Zoom } from "./stage";
import "../../styles/lightbox.css";

interface LightboxProps {
  shots: readonly Shot[];
  opened: MediaId;
  onClose: () => void;
}

/**
 * The pictures of a room, one at a time, on all of the window.
 *
 * Arrow keys go from one to the next, or move an enlarged one; `+`, `-` and `0` zoom; Escape closes. The browser
 * keeps the focus inside and gives it back.
 */
export default function Lightbox({ shots, opened, onClose }: LightboxProps) {
  const t = useT();
  const dialog = useRef<HTMLDialogElement>(null);
  const [current, setCurrent] = useState(opened);
  const at = Math.max(
    0,
    shots.findIndex((shot) => shot.media.id === current),
  );
  const shot = shots[at];
  const zoom = useZoom(shot?.media ?? null);
  const go = (to: number) =>
    setCurrent(shots[Math.min(shots.length - 1, Math.max(0, to))]?.media.id ?? current);
  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal();
  }, []);
  if (!shot) return null;
  return (
    <dialog
      ref={dialog}
      className="lightbox"
      aria-label={t("lightbox.label")}
      onClose={onClose}
      onKeyDown={(event) => key(event, zoom, at, shots.length, go)}
      data-testid="lightbox"
      data-scale={zoom.view.scale.toFixed(2)}
    >
      <Head shot={shot} at={at} count={shots.length}>
        <Tools shot={shot} zoom={zoom} onClose={() => dialog.current?.close()} />
      </Head>
      <Stage
        key={shot.media.id}
        media={shot.media}
        zoom={zoom}
        onSwipe={(step) => go(at + step)}
        onOutside={() => dialog.current?.close()}
      />
      {at > 0 && (
        <IconButton
          className="go previous"
          icon="left"
          label={t("lightbox.previous")}
          onClick={() => go(at - 1)}
        />
      )}
      {at < shots.length - 1 && (
        <IconButton className="go next" icon="right" label={t("lightbox.next")} onClick={() => go(at + 1)} />
      )}
    </dialog>
  );
}

function Head(props: { shot: Shot; at: number; count: number; children: ReactNode }) {
  const t = useT();
  const locale = useLocale();
  const { shot, at, count } = props;
  const users = useChat((chat) => chat.users);
  return (
    <header className="lightbox-head">
      <p aria-live="polite">
        <strong>{withoutDirections(shot.media.name)}</strong>
        <small>
          {t("lightbox.by", { name: nameOf(users, shot.by), time: moment(locale, shot.ts) })}
          {count > 1 && ` · ${t("lightbox.count", { at: at + 1, count })}`}
        </small>
      </p>
      {props.children}
    </header>
  );
}

function Tools({ shot, zoom, onClose }: { shot: Shot; zoom: Zoom; onClose: () => void }) {
  const t = useT();
  const { urls } = useSession();
  const { account } = useApp();
  const { name } = shot.media;
  return (
    <div className="lightbox-tools">
      <IconButton icon="minus" label={t("lightbox.zoomOut")} onClick={() => zoom.by(1 / STEP)} />
      <button type="button" className="zoom-level" title={t("lightbox.fit")} onClick={() => zoom.set(FIT)}>
        {Math.round(zoom.view.scale * 100)}%<span className="visually-hidden"> {t("lightbox.fit")}</span>
      </button>
      <IconButton icon="plus" label={t("lightbox.zoomIn")} onClick={() => zoom.by(STEP)} />
      <IconButton
        icon="download"
        label={t("media.downloadOf", { name })}
        onClick={() => void download(urls, shot.media).catch(account.tell)}
      />
      <IconButton icon="close" label={t("app.close")} onClick={onClose} />
    </div>
  );
}

const STEP = 1.5;
const PAN_PX = 80;
const PANS: Record<string, [number, number]> = {
  ArrowLeft: [PAN_PX, 0],
  ArrowRight: [-PAN_PX, 0],
  ArrowUp: [0, PAN_PX],
  ArrowDown: [0, -PAN_PX],
};

function key(event: KeyboardEvent, zoom: Zoom, at: number, count: number, go: (to: number) => void): void {
  const pan = PANS[event.key];
  const places: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count - 1 };
  const to = places[event.key];
  if (event.key === "+" || event.key === "=") zoom.by(STEP);
  else if (event.key === "-" || event.key === "_") zoom.by(1 / STEP);
  else if (event.key === "0") zoom.set(FIT);
  else if (pan && zoom.view.scale > 1) zoom.move(...pan);
  else if (to !== undefined) go(to);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

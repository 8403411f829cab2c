/** How a picture lies in a frame while one zooms and moves it. */

export interface Size {
  width: number;
  height: number;
}

/** `scale` is relative to the picture that fits; `x` and `y` move it, in px from the middle. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export const FIT: View = { scale: 1, x: 0, y: 0 };
export const SCALE_MAX = 8;

/** The size at which a picture fits into the frame; it is never enlarged by this. */
export function fitted(picture: Size, frame: Size): Size {
  const scale = Math.min(1, frame.width / picture.width, frame.height / picture.height);
  return { width: picture.width * scale, height: picture.height * scale };
}

/** Zoom by a factor; the point `at`, in px from the middle of the frame, stays where it is. */
export function zoomed(view: View, factor: number, picture: Size, frame: Size, at = { x: 0, y: 0 }): View {
  const scale = Math.min(SCALE_MAX, Math.max(1, view.scale * factor));
  const ratio = scale / view.scale;
  return moved(
    { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio },
    0,
    0,
    picture,
    frame,
  );
}

/** Move the picture; its edges do not come further in than those of the frame. */
export function moved(view: View, dx: number, dy: number, picture: Size, frame: Size): View {
  const shown = fitted(picture, frame);
  const limit = (size: number, space: number) => Math.max(0, (size * view.scale - space) / 2);
  const clamp = (value: number, most: number) => Math.min(most, Math.max(-most, value)) || 0;
  return {
    scale: view.scale,
    x: clamp(view.x + dx, limit(shown.width, frame.width)),
    y: clamp(view.y + dy, limit(shown.height, frame.height)),
  };
}

import { useMemo } from "react";
import { barsPath } from "../../core/waveform";

/** Bars of loudness; the part up to `played`, 0–1, stands out. */
export function Waveform({ levels, played = 1 }: { levels: readonly number[]; played?: number }) {
  const path = useMemo(() => barsPath(levels), [levels]);
  const box = `0 0 ${levels.length * 3 - 1} 1`;
  return (
    <span className="waveform" aria-hidden="true">
      <svg viewBox={box} preserveAspectRatio="none" focusable="false" aria-hidden="true">
        <path d={path} />
      </svg>
      <svg
        viewBox={box}
        preserveAspectRatio="none"
        focusable="false"
        aria-hidden="true"
        className="played"
        style={{ clipPath: `inset(0 ${((1 - played) * 100).toFixed(2)}% 0 0)` }}
      >
        <path d={path} />
      </svg>
    </span>
  );
}

import { useEffect, useState } from "react";

/** The time, renewed every `ms`; null lets it stand. */
export function useTick(ms: number | null): number {
  const [, setTicks] = useState(0);
  useEffect(() => {
    if (ms === null) return;
    const timer = setInterval(() => setTicks((ticks) => ticks + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return Date.now();
}

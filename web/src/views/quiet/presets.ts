/** The suggested schedules, in words and as profiles. */

import { blank, type Preset, withPreset } from "../../core/week";
import { deviceZone } from "../../core/zone-time";
import { useT } from "../../i18n";
import type { QuietProfile } from "../../protocol/quiet";

/** How the windows of a preset are called. */
export function usePresetLabels(): (preset: Preset) => [string, string] {
  const t = useT();
  return (preset) =>
    preset === "nights"
      ? [t("quiet.preset.nights"), ""]
      : [t("quiet.preset.evenings"), t("quiet.preset.weekend")];
}

/** The profile of somebody who has none and takes the one-tap offer. */
export function offered(preset: Preset, labels: [string, string]): QuietProfile {
  return withPreset(blank(deviceZone()), preset, labels);
}

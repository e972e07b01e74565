// What the config says of the access log, in the terms of the data plane. Which reasons count as errors is said once,
// where metrics say it.

import type { AccessLogSettings } from '../config/config.ts';
import type { Recording } from '../engine/engine.ts';
import { IS_ERROR } from '../metrics/reasons.ts';

export function recordingOf({ sample, errors_only }: AccessLogSettings): Recording {
  return {
    perMillion: Math.round(sample * 10_000),
    reasons: IS_ERROR.flatMap((isError, reason) => (isError || !errors_only ? [reason] : [])),
  };
}

// Configs for explanations: as short as the question allows.

import assert from 'node:assert/strict';

import type { Config } from '#src/config/config.js';
import { loadConfigText } from '#src/config/load.js';
import type { ConfigInput } from '#src/index.js';

export function configOf(input: ConfigInput): Config {
  const loaded = loadConfigText('test', JSON.stringify(input));
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

type Settings = Readonly<Record<string, unknown>>;

/** One pool of `10.0.0.1:80`, `10.0.0.2:80`, …, each with these settings. */
export function flat(backends: readonly Settings[], settings: Settings = {}): Config {
  return configOf({
    listen: 8080,
    ...settings,
    backends: backends.map((each, at) => ({ host: `10.0.0.${at + 1}`, port: 80, ...each })),
  });
}

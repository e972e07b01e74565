// A probe that asks a module of the user's: its default export is async (backend) => boolean, and only `true` is
// success. Where and how it runs is module-host.ts's business.

import type { Probe } from './health.ts';
import type { ModuleHost } from './module-host.ts';

export interface ModuleProbeOptions {
  readonly timeout: number;
  readonly host: ModuleHost;
}

export function createModuleProbe({ timeout, host }: ModuleProbeOptions): Probe {
  return (target, signal) =>
    host.ask({ host: target.host, address: target.address, port: target.port }, timeout, signal);
}

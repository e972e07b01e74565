// What the log says of names that change and backends that come and go. Lines and fields alone.

import type { BalancerLog } from './balancer.ts';
import type { DiscoveryEvent } from './discovery/dns.ts';
import type { EngineEvent } from './engine/engine.ts';
import type { Transition } from './health/health.ts';

export function tellTransition(t: Transition, log: BalancerLog): void {
  const why = t.detail === '' ? t.code : `${t.code}: ${t.detail}`;
  const fields = {
    event: t.up ? 'backend-up' : 'backend-down',
    pool: t.pool,
    backend: t.backend,
    code: t.code,
  };
  if (t.up) log.info(`backend ${t.backend} of pool ${t.pool} is up (${why})`, fields);
  else log.warn(`backend ${t.backend} of pool ${t.pool} is down (${why})`, fields);
}

export function tellAccepting(
  event: Extract<EngineEvent, { readonly type: 'accept-paused' | 'accept-resumed' }>,
  listenerName: (slot: number) => string | undefined,
  log: BalancerLog,
): void {
  if (event.type === 'accept-resumed') {
    log.info(`worker ${event.worker} accepts again`);
    return;
  }
  log.warn(
    `listener ${listenerName(event.listener) ?? event.listener}: worker ${event.worker} accepts nobody for now (${event.cause}): out of descriptors or memory`,
  );
}

export function tellName(event: DiscoveryEvent, log: BalancerLog): void {
  switch (event.type) {
    case 'changed':
      if (event.previous !== undefined)
        log.info(`${event.name} is now ${event.address}, was ${event.previous}`);
      break;
    case 'failed':
      log.warn(
        `${event.name} does not resolve (${event.reason}): ${event.address === undefined ? 'out of rotation until it does' : `${event.address} is kept`}`,
      );
      break;
    case 'recovered':
      log.info(`${event.name} resolves again, to ${event.address}`);
      break;
    default: {
      const unreachable: never = event;
      throw new TypeError(`no such event: ${JSON.stringify(unreachable)}`);
    }
  }
}

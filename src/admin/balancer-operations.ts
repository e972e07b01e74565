// Operations on a balancer of this process: views of its state by name, and its verbs with their refusals told apart.
// Knows no HTTP. What an operator changes wins over the file until the file changes it; backends that are added or
// removed here last until the next reload.

import type { Balancer, Outcome } from '../balancer.ts';
import { canonicalHost } from '../config/address.ts';
import type { Backend, Config, Pool } from '../config/config.ts';
import { recheck } from '../config/recheck.ts';
import { MOST_BACKENDS } from '../config/schema.ts';
import type { ProcessLog } from '../log.ts';
import type { OverrideOutcome, OverrideStore } from '../overrides.ts';
import type { DrainKeeper } from '../drain/keeper.ts';
import { type DrainWish, PATIENT } from '../drain/wish.ts';
import { backendKey } from '../snapshot/build.ts';
import type { AdminEvent, Answer, DrainOptions, NewBackend, Operations, Refusal } from './operations.ts';
import { createRecorder } from './series.ts';
import { listSessions } from './session-views.ts';
import { followedBackends, viewState } from './state-views.ts';

export interface BalancerOperationsParts {
  readonly balancer: Pick<Balancer, 'config' | 'engine' | 'slots' | 'health' | 'state' | 'reload'>;
  readonly store: OverrideStore;
  readonly keeper: Pick<DrainKeeper, 'drains' | 'holds'>;
  readonly log: ProcessLog;
  /** Of the product. */
  readonly version: string;
  /** Takes what is made of the config in force then, or leaves everything as it was. One at a time, reloads included. */
  readonly change: (make: (config: Config) => Config) => Promise<Outcome>;
}

const MOST_ID = 2n ** 64n;

export function createBalancerOperations(parts: BalancerOperationsParts): Operations {
  const { balancer, store, keeper, log, version } = parts;
  const recorder = createRecorder({
    read: () => ({ counters: balancer.engine().read(), backends: followedBackends(parts) }),
    turnBounds: () => balancer.engine().latencyBounds,
  });

  function find(pool: string, backend: string): Backend | undefined {
    return poolOf(balancer.config(), pool)?.backends.find((each) => backendKey(each) === backend);
  }

  /** What the store refuses for a backend that is there makes no sense in itself. */
  function onBackend(pool: string, backend: string, verb: () => OverrideOutcome): Answer {
    if (find(pool, backend) === undefined) return unknownBackend(pool, backend);
    const outcome = verb();
    return outcome.ok ? outcome : { ok: false, kind: 'invalid', message: outcome.message };
  }

  /** `make` may find that it cannot be done, looking at the config that is in force when its turn has come. */
  async function change(make: (config: Config) => Config | Refusal): Promise<Answer> {
    let refusal: Refusal | undefined;
    const outcome = await parts.change((config) => {
      const made = make(config);
      if ('ok' in made) {
        refusal = made;
        return config;
      }
      const problems = recheck(made);
      if (problems.length === 0) return made;
      refusal = refused(problems.join('\n'));
      return config;
    });
    return refusal ?? fromOutcome(outcome);
  }

  /** Refused, and as it was before, where the change cannot be applied: its address may be somebody else's by now. */
  async function holdListener(listener: string, held: boolean): Promise<Answer> {
    const known = balancer.config().listeners.some(({ name }) => name === listener);
    if (!known) return { ok: false, kind: 'unknown', message: `there is no listener ${listener}` };
    const set = (to: boolean): void => (to ? keeper.holds.hold(listener) : keeper.holds.release(listener));
    const before = keeper.holds.isHeld(listener);
    if (before === held) return { ok: true };
    set(held);
    const answer = await change((config) => ({ ...config }));
    if (!answer.ok) set(before);
    return answer;
  }

  return {
    state: () => viewState({ balancer, store, keeper, version, logLevel: log.level() }),
    series: (after) => recorder.view(after),
    sessions: (filter, limit) => listSessions(balancer, filter, limit),
    kill(id) {
      const [, worker, number] = /^(\d{1,4})-(\d{1,20})$/.exec(id) ?? [];
      if (worker === undefined || number === undefined || BigInt(number) >= MOST_ID) {
        return { ok: false, kind: 'invalid', message: 'an id is as GET /v1/sessions tells it' };
      }
      if (Number(worker) >= balancer.engine().read().workers.length) {
        return { ok: false, kind: 'unknown', message: `there is no worker ${worker}` };
      }
      balancer.engine().kill(Number(worker), BigInt(number));
      return { ok: true };
    },
    async reload() {
      const outcome = await balancer.reload();
      return outcome.ok ? { ok: true, generation: balancer.state().generation } : refused(outcome.message);
    },
    setWeight: (pool, backend, weight) =>
      onBackend(pool, backend, () => store.setWeight(pool, backend, weight)),
    hold(pool, backend, hold, drain) {
      const answer = onBackend(pool, backend, () => store.hold(pool, backend, hold));
      if (answer.ok && hold === 'drain')
        keeper.drains.begin({ kind: 'backend', pool, backend }, wishOf(drain));
      return answer;
    },
    async drainListener(listener, drain) {
      const answer = await holdListener(listener, true);
      if (!answer.ok) return answer;
      keeper.drains.begin({ kind: 'listener', listener }, wishOf(drain));
      keeper.drains.onApplied();
      return answer;
    },
    releaseListener: (listener) => holdListener(listener, false),
    release: (pool, backend) => onBackend(pool, backend, () => store.release(pool, backend)),
    add: (pool, backend) => change((config) => withBackend(config, pool, backend)),
    remove: (pool, backend) => change((config) => withoutBackend(config, pool, backend)),
    setLogLevel(level) {
      log.setLevel(level);
      log.info(`the log level is ${level}`, { event: 'log-level' });
    },
    listen: (listener) =>
      log.listen(({ time, level, message, fields }) => listener(eventOf(time, level, message, fields))),
  };
}

function eventOf(time: number, level: AdminEvent['level'], message: string, fields: object): AdminEvent {
  const event = 'event' in fields && typeof fields.event === 'string' ? fields.event : '';
  return { time, level, event, message, fields };
}

function wishOf(options: DrainOptions | undefined): DrainWish {
  if (options === undefined) return PATIENT;
  const { timeout, rate, order, idle } = options;
  // Above nothing is never the 0 that means off.
  return {
    timeout: Math.ceil(timeout * 1000),
    rate,
    order,
    idle: Math.ceil(idle * 1000),
  };
}

function refused(message: string): Refusal {
  return { ok: false, kind: 'refused', message: message.trim() };
}

function fromOutcome(outcome: Outcome): Answer {
  return outcome.ok ? outcome : refused(outcome.message);
}

function poolOf(config: Config, name: string): Pool | undefined {
  return config.pools.find((pool) => pool.name === name);
}

function unknownPool(pool: string): Refusal {
  return { ok: false, kind: 'unknown', message: `there is no pool ${pool}` };
}

function unknownBackend(pool: string, backend: string): Refusal {
  return { ok: false, kind: 'unknown', message: `there is no backend ${backend} in a pool ${pool}` };
}

function replaced(config: Config, pool: Pool, backends: readonly Backend[]): Config {
  return { ...config, pools: config.pools.map((each) => (each === pool ? { ...pool, backends } : each)) };
}

export function withBackend(config: Config, poolName: string, wanted: NewBackend): Config | Refusal {
  const pool = poolOf(config, poolName);
  if (pool === undefined) return unknownPool(poolName);
  if (pool.backends.length >= MOST_BACKENDS)
    return refused(`pool ${poolName} has as many backends as there may be`);
  const sameHost = canonicalHost(wanted.host);
  const twin = pool.backends.find(
    ({ host, port }) => port === wanted.port && canonicalHost(host) === sameHost,
  );
  if (twin !== undefined) return refused(`pool ${poolName} has that backend already, as ${backendKey(twin)}`);
  return replaced(config, pool, [...pool.backends, wanted]);
}

export function withoutBackend(config: Config, poolName: string, backend: string): Config | Refusal {
  const pool = poolOf(config, poolName);
  if (pool === undefined) return unknownPool(poolName);
  const left = pool.backends.filter((each) => backendKey(each) !== backend);
  if (left.length === pool.backends.length) return unknownBackend(poolName, backend);
  if (left.length === 0)
    return refused(`${backend} is the last backend of pool ${poolName}: drain it instead`);
  return replaced(config, pool, left);
}

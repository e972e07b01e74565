// Rules about how sessions are ended: a pace needs a time to be spread over, a drain something that ends it, and moving
// sessions a policy that sends them elsewhere.

import type { Rule } from './rules.ts';

const evenNeedsATime: Rule = ({ config, origins, error }) => {
  const { rate, timeout } = config.drain;
  if (rate !== 'even' || timeout !== 0) return;
  const at = origins.of(['drain', 'rate']) ? 'rate' : 'timeout';
  error(
    ['drain', at],
    'drain.rate even spreads sessions over drain.timeout, which is 0: set a time, or a number',
  );
};

const removedAreEnded: Rule = ({ config, error }) => {
  const { removed, rate, timeout } = config.drain;
  if (removed !== 'drain' || timeout !== 0 || rate !== 0) return;
  error(['drain', 'removed'], 'drain.removed drain ends nobody without a drain.timeout or a drain.rate');
};

const rebalanceMoves: Rule = ({ config, origins, error }) => {
  for (const [index, { algorithm, rebalance }] of config.pools.entries()) {
    if (!rebalance.enabled || algorithm !== 'ip_hash') continue;
    const path = ['pools', index, 'rebalance', 'enabled'];
    error(
      origins.of(path) ? path : ['pools', index, 'algorithm'],
      'rebalance does not go with ip_hash: clients come back to the backend that they were on',
    );
  }
};

export const drainRules: readonly Rule[] = [evenNeedsATime, removedAreEnded, rebalanceMoves];

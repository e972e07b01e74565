// What programs import: one function and the types around it. docs/embedding.md says how it is used.

export { createBalancer } from './embed/balancer.ts';
export type { Balancer, BalancerOptions } from './embed/balancer.ts';
export type { SessionRecord } from './access-log/record.ts';
export type { Result } from './embed/result.ts';
export type { CheckedBackend, HealthFunction, HealthFunctions } from './embed/checks.ts';
export type { BalancerEvent, BalancerListener, EventOf, EventType } from './embed/events.ts';
export type {
  BackendInput,
  ConfigInput,
  FlatConfig,
  FullConfig,
  HealthCheckInput,
  ListenerInput,
  ListenInput,
  PoolInput,
} from './embed/input.ts';
export type { BackendState, EmbeddedState, NamedCounters, Phase } from './embed/views.ts';
export type { WeighedBackend, WeightFunction, WeightRule, WeightRules } from './embed/weights.ts';
export type { BalancerLog } from './balancer.ts';
export type { Change, Changed, ConfigDiff, Differences, PoolChanged } from './config/diff.ts';
export type { ConfigIssue } from './config/issue.ts';
export type { HoldMode, Merged, MergeOutcome, RuntimeChange } from './overrides.ts';

// Names of what sessions do: the tuning guide's five, then per listener, then per backend.

import { BACKEND, counter, gauge, histogram, type Metric } from './metric.ts';

export type GuideKey =
  'requestDuration' | 'activeConnections' | 'backendResponseTime' | 'errorRate' | 'requestsPerSecond';

/** The five that the tuning guide names. */
export const guideMetrics: Readonly<Record<GuideKey, Metric>> = {
  requestDuration: {
    name: 'request_duration_seconds',
    kind: 'histogram',
    labels: ['listener'],
    unit: 'seconds',
    help: 'Turn latency: from the first byte of what a client says to the first byte of the answer.',
    source: 'data plane',
    use: 'First of all when clients find the service slow. Compare with `backend_response_time` of the pool behind it: what that does not explain is the way between client and balancer.',
  },
  activeConnections: {
    name: 'active_connections',
    kind: 'gauge',
    labels: ['listener'],
    unit: 'sessions',
    help: 'Sessions open now.',
    source: 'data plane',
    use: 'How near a listener is to its `max_connections`. Growing while turns do not: clients leave sessions open, look at `timeouts.keepalive`.',
  },
  backendResponseTime: {
    name: 'backend_response_time',
    kind: 'histogram',
    labels: BACKEND,
    unit: 'seconds',
    help: 'Turn latency at this backend, in seconds: from the first byte of what a client says to the first byte of the answer.',
    source: 'data plane',
    use: 'One backend slower than its neighbours: overload, a bad host, a weight that is too high.',
  },
  errorRate: {
    name: 'error_rate',
    kind: 'gauge',
    labels: ['listener'],
    unit: 'share, 0 to 1',
    help: 'Share of the sessions closed within the last 60 seconds that ended in error.',
    source: 'window',
    use: 'To alert on. `ultrabalancer_l4_sessions_closed_total` by reason then says what kind of error. A longer or shorter window is made of that counter as well.',
  },
  requestsPerSecond: {
    name: 'requests_per_second',
    kind: 'gauge',
    labels: ['listener'],
    unit: 'turns per second',
    help: 'Answered turns per second over the last 10 seconds.',
    source: 'window',
    use: 'For people who look now. For graphs, `rate(request_duration_seconds_count[1m])` is the same over any window.',
  },
};

export type ListenerKey =
  | 'sessions'
  | 'sessionsClosed'
  | 'relayedBytes'
  | 'splicedBytes'
  | 'copiedBytes'
  | 'acceptPauses'
  | 'acceptErrors';

export const listenerMetrics: Readonly<Record<ListenerKey, Metric>> = {
  sessions: counter('sessions', ['listener'], {
    unit: 'sessions',
    help: 'Client connections accepted.',
    source: 'data plane',
    use: 'The rate of new connections. High with few turns per session: clients do not keep connections alive.',
  }),
  sessionsClosed: counter('sessions_closed', ['listener', 'reason'], {
    unit: 'sessions',
    help: 'Sessions ended, by what ended them.',
    source: 'data plane',
    use: 'Why sessions end; the reasons are listed below. At rest, accepted is closed plus active.',
  }),
  relayedBytes: counter('relayed_bytes', ['listener', 'direction'], {
    unit: 'bytes',
    help: 'Bytes handed to the kernel for that side.',
    source: 'data plane',
    use: 'Traffic in each direction. `to_backend` is what clients send, `to_client` what they get.',
  }),
  splicedBytes: counter('spliced_bytes', ['listener'], {
    unit: 'bytes',
    help: 'Bytes relayed through kernel pipes, without a copy.',
    source: 'data plane',
    use: 'With `ultrabalancer_l4_copied_bytes_total`: the share of bulk traffic. Near 0 with large transfers: `splice` is off, or there are no pipes left.',
  }),
  copiedBytes: counter('copied_bytes', ['listener'], {
    unit: 'bytes',
    help: 'Bytes relayed through memory of the process.',
    source: 'data plane',
    use: 'What costs CPU time per byte. Small exchanges are copied on purpose.',
  }),
  acceptPauses: counter('accept_pauses', ['listener'], {
    unit: 'pauses',
    help: 'Times that a worker stopped accepting for a while: at max_connections, or out of descriptors or memory.',
    source: 'data plane',
    use: 'Anything above 0 makes clients wait. Raise `max_connections`, or the limit of descriptors; the log says which.',
  }),
  acceptErrors: counter('accept_errors', ['listener'], {
    unit: 'errors',
    help: 'Calls of accept() that failed for want of descriptors or memory.',
    source: 'data plane',
    use: 'The limit of descriptors (`process_max_fds`) is too low for `max_connections`.',
  }),
};

export type BackendKey =
  | 'backendSessions'
  | 'backendSessionsOpened'
  | 'backendRelayedBytes'
  | 'backendConnectDuration'
  | 'connectFailures'
  | 'retries'
  | 'warmConnections'
  | 'warmUsed'
  | 'warmStale'
  | 'backendSessionsShed';

export const backendMetrics: Readonly<Record<BackendKey, Metric>> = {
  backendSessions: gauge('backend_sessions', BACKEND, {
    unit: 'sessions',
    help: 'Sessions on that backend now.',
    source: 'data plane',
    use: 'How evenly load is spread, and how near a backend is to its `max_connections`. 0 on a drained one: it can be switched off.',
  }),
  backendSessionsOpened: counter('backend_sessions_opened', BACKEND, {
    unit: 'sessions',
    help: 'Sessions that got a connection to that backend.',
    source: 'data plane',
    use: 'Whether new sessions are spread as the weights say.',
  }),
  backendRelayedBytes: counter('backend_relayed_bytes', [...BACKEND, 'direction'], {
    unit: 'bytes',
    help: 'Bytes of sessions on that backend, handed to the kernel for that side.',
    source: 'data plane',
    use: 'Which backend has the traffic, where sessions alone do not tell.',
  }),
  backendConnectDuration: histogram('backend_connect_duration_seconds', BACKEND, {
    unit: 'seconds',
    help: 'Time that TCP handshakes with that backend took, those that succeeded.',
    source: 'data plane',
    use: 'Network distance, and backlogs: a step to one or three seconds is a lost SYN, mostly because the backend accepts too slowly.',
  }),
  connectFailures: counter('connect_failures', [...BACKEND, 'reason'], {
    unit: 'attempts',
    help: 'Attempts to connect to that backend that failed, by reason.',
    source: 'data plane',
    use: '`refused`: nothing listens there. `timeout`, `unreachable`: network or host. `no_local_port`, `no_descriptor`: this machine is at its limits, the backend is not to blame.',
  }),
  retries: counter('retries', ['pool'], {
    unit: 'attempts',
    help: 'Failed attempts to connect after which another backend was tried.',
    source: 'data plane',
    use: 'Failures that clients did not notice. Rising: a backend fails before its health check says so.',
  }),
  warmConnections: gauge('backend_warm_connections', BACKEND, {
    unit: 'connections',
    help: 'Connections to that backend that are open in advance and not used yet.',
    source: 'data plane',
    use: 'With `connection_pool` in use: whether `min_size` is kept.',
  }),
  warmUsed: counter('backend_warm_connections_used', BACKEND, {
    unit: 'connections',
    help: 'Sessions that began on a connection opened in advance.',
    source: 'data plane',
    use: 'Against `ultrabalancer_l4_backend_sessions_opened_total`: how often `connection_pool` saved a handshake.',
  }),
  warmStale: counter('backend_warm_connections_stale', BACKEND, {
    unit: 'connections',
    help: 'Connections opened in advance that were thrown away unused.',
    source: 'data plane',
    use: 'High: the backend closes idle connections before `connection_pool.timeout`; lower that, or `min_size`.',
  }),
  backendSessionsShed: counter('backend_sessions_shed', [...BACKEND, 'reason'], {
    unit: 'sessions',
    help: 'Sessions of that backend that were ended by a drain (`drained`) or to rebalance (`rebalanced`).',
    source: 'data plane',
    use: 'How a drain gets on, and what a rebalance costs: `rebalanced` that goes on rising means that clients come back to where they were.',
  }),
};

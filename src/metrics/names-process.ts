// Names of what surrounds sessions: health and names of backends, the process, its workers.

import { BACKEND, counter, gauge, type Metric } from './metric.ts';

export type HealthKey = 'backendUp' | 'backendTransitions' | 'probes' | 'probeDuration' | 'nameStale';

export const healthMetrics: Readonly<Record<HealthKey, Metric>> = {
  backendUp: gauge('backend_up', BACKEND, {
    unit: '0 or 1',
    help: '1 when the backend is in rotation, 0 when it is not.',
    source: 'health',
    use: 'To alert on: `ultrabalancer_l4_backend_up == 0`. The log says why.',
  }),
  backendTransitions: counter('backend_transitions', BACKEND, {
    unit: 'changes',
    help: 'Changes between up and down.',
    source: 'health',
    use: 'A backend that flaps: raise the thresholds of `health_checks`, or find out what is wrong with it.',
  }),
  probes: counter('backend_probes', [...BACKEND, 'outcome'], {
    unit: 'probes',
    help: 'Health probes that ended, by outcome.',
    source: 'health',
    use: '`inconclusive` says that the balancer itself could not ask: descriptors, memory, CPU time.',
  }),
  probeDuration: gauge('backend_probe_duration_seconds', BACKEND, {
    unit: 'seconds',
    help: 'How long the last health probe took; 0 before the first.',
    source: 'health',
    use: 'Nearing `health_checks.timeout`: the backend is about to be taken out.',
  }),
  nameStale: gauge('dns_stale_seconds', ['name'], {
    unit: 'seconds',
    help: 'For how long a name has not been resolved, while its last address is kept; 0 when all is well.',
    source: 'names',
    use: 'DNS is out. Traffic goes on; only changes of addresses are missed.',
  }),
};

export type ProcessKey =
  | 'configGeneration'
  | 'workersGeneration'
  | 'reloadFailures'
  | 'ready'
  | 'buildInfo'
  | 'eventsDropped'
  | 'logDropped'
  | 'accessLogRecords'
  | 'accessLogDropped';

export const processMetrics: Readonly<Record<ProcessKey, Metric>> = {
  configGeneration: gauge('config_generation', [], {
    unit: 'number',
    help: 'Goes up with every change applied: configuration, health, names, operators.',
    source: 'control plane',
    use: 'Whether a reload has been taken.',
  }),
  workersGeneration: gauge('workers_generation', [], {
    unit: 'number',
    help: 'The lowest generation that a worker still runs.',
    source: 'data plane',
    use: 'Behind `ultrabalancer_l4_config_generation` for more than a moment: a worker is stuck.',
  }),
  reloadFailures: counter('reload_failures', [], {
    unit: 'reloads',
    help: 'Reloads that were refused; what ran before runs on.',
    source: 'control plane',
    use: 'To alert on: the file on disk is not what runs.',
  }),
  ready: gauge('ready', [], {
    unit: '0 or 1',
    help: 'What /readyz says: 1 when sessions can be served.',
    source: 'control plane',
    use: '0 while starting, draining, or when no backend of any pool is up.',
  }),
  buildInfo: gauge('build_info', ['version', 'node'], {
    unit: 'always 1',
    help: 'Versions of the product and of Node.js.',
    source: 'control plane',
    use: 'Which version runs where.',
  }),
  eventsDropped: counter('events_dropped', [], {
    unit: 'events',
    help: 'Events from workers that did not fit into their queue and were not told.',
    source: 'data plane',
    use: 'Above 0: the control plane was held up for long. Sessions are not concerned.',
  }),
  logDropped: counter('log_lines_dropped', [], {
    unit: 'lines',
    help: 'Log lines that had no room because nobody took them.',
    source: 'log',
    use: 'Above 0: the reader of the log is too slow or gone, or the disk is full.',
  }),
  accessLogRecords: counter('access_log_records', [], {
    unit: 'records',
    help: 'Records of ended sessions that the access log has written.',
    source: 'log',
    use: 'Against `ultrabalancer_l4_sessions_closed_total`: whether the log is complete.',
  }),
  accessLogDropped: counter('access_log_records_dropped', ['cause'], {
    unit: 'records',
    help: 'Records of ended sessions that had no room, by cause.',
    source: 'log',
    use: '`writer_full`: the disk is full, or the reader of the log too slow or gone. `ring_full`: the control plane was held up. Sessions are not concerned.',
  }),
};

export type WorkerKey =
  | 'workerSessions'
  | 'workerAccepted'
  | 'workerLoops'
  | 'workerEvents'
  | 'workerStaleEvents'
  | 'workerPipesOpen'
  | 'workerPipesBorrowed'
  | 'workerPipeFailures'
  | 'workerLowWaterRelays'
  | 'workerLowWaterStalls'
  | 'workerBufferBytes';

export const workerMetrics: Readonly<Record<WorkerKey, Metric>> = {
  workerSessions: gauge('worker_sessions', ['worker'], {
    unit: 'sessions',
    help: 'Sessions that this worker serves now.',
    source: 'data plane',
    use: 'Whether the kernel spreads connections evenly over workers.',
  }),
  workerAccepted: counter('worker_accepted', ['worker'], {
    unit: 'connections',
    help: 'Client connections that this worker accepted.',
    source: 'data plane',
    use: 'Whether the kernel spreads new connections evenly; sessions tell who stays.',
  }),
  workerLoops: counter('worker_loops', ['worker'], {
    unit: 'turns',
    help: 'Turns of the event loop.',
    source: 'data plane',
    use: 'With events: how many are handled at a time. Many per turn means a busy worker.',
  }),
  workerEvents: counter('worker_events', ['worker'], {
    unit: 'events',
    help: 'Events that the kernel told this worker.',
    source: 'data plane',
    use: 'The load of a worker.',
  }),
  workerStaleEvents: counter('worker_stale_events', ['worker'], {
    unit: 'events',
    help: 'Events for sessions that had ended within the same turn.',
    source: 'data plane',
    use: 'Normal in small numbers; it never rises without traffic.',
  }),
  workerPipesOpen: gauge('worker_pipes_open', ['worker'], {
    unit: 'pipes',
    help: 'Kernel pipes that this worker holds, in use or kept for later.',
    source: 'data plane',
    use: 'Two descriptors each.',
  }),
  workerPipesBorrowed: gauge('worker_pipes_borrowed', ['worker'], {
    unit: 'pipes',
    help: 'Kernel pipes in use by sessions.',
    source: 'data plane',
    use: 'Transfers that are spliced at this moment.',
  }),
  workerPipeFailures: counter('worker_pipe_failures', ['worker'], {
    unit: 'failures',
    help: 'Pipes that could not be had, or not in the size asked for; bytes are copied then.',
    source: 'data plane',
    use: 'Above 0: limits of descriptors or `fs.pipe-user-pages-soft` are too low.',
  }),
  workerLowWaterRelays: gauge('worker_low_water_relays', ['worker'], {
    unit: 'relays',
    help: 'Directions of sessions with a low-water mark: so fast that the kernel wakes the worker only when much waits; at most 16.',
    source: 'data plane',
    use: 'Bulk transfers that are spared wake-ups.',
  }),
  workerLowWaterStalls: counter('worker_low_water_stalls', ['worker'], {
    unit: 'stalls',
    help: 'Times that bytes below a low-water mark waited four milliseconds for more to come, and were relayed then.',
    source: 'data plane',
    use: 'Rises with transfers that end or pause; two for every 64 MiB of a session at most.',
  }),
  workerBufferBytes: gauge('worker_buffer_bytes', ['worker'], {
    unit: 'bytes',
    help: 'Memory that this worker holds for bytes on their way.',
    source: 'data plane',
    use: 'Grows with peers that read slowly; bounded by `max_buffer_size` each way and session.',
  }),
};

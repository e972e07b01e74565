// What health asks for and what it tells: types only. The config's own types fit the inputs by their shape, so this
// layer does not depend on the schema. Times are milliseconds.

export interface HealthCheckSettings {
  readonly enabled: boolean;
  readonly check_type: 'tcp' | 'http' | 'custom';
  /** From the beginning of one probe to the beginning of the next. */
  readonly interval: number;
  /** A whole probe: connect, request and answer together. */
  readonly timeout: number;
  /** Failures in a row that take a backend out. */
  readonly unhealthy_threshold: number;
  /** Successes in a row that bring it back. */
  readonly healthy_threshold: number;
  /** Path and query of the request; http. */
  readonly path: string;
  /** Ranges of status codes that count as success, ends included; http. */
  readonly expected_status: readonly (readonly [from: number, to: number])[];
  /** The Host header; the backend's own name when empty or absent. */
  readonly host?: string | undefined;
  /** Another port to probe than the one that serves; 0 or absent for the same. */
  readonly port?: number | undefined;
  /** Percent by which intervals of a second and more vary. */
  readonly jitter: number;
  /** Instead of `interval` while a change is under way; at most `interval`, a second when absent. */
  readonly fast_interval?: number | undefined;
  /** Program and arguments; custom. */
  readonly command?: readonly string[] | undefined;
  /** File of a module, absolute; custom. */
  readonly module?: string | undefined;
  /** How long an answer of a custom check is kept for; 0 asks each time. */
  readonly cache: number;
}

export interface MonitoredBackend {
  /** What it is called everywhere: `host:port`. */
  readonly key: string;
  /** As configured: a name or an address. */
  readonly host: string;
  readonly port: number;
  /** Numeric; undefined while its name does not resolve: such a backend is down and not probed. */
  readonly address: string | undefined;
}

export interface MonitoredPool {
  readonly name: string;
  readonly health_checks: HealthCheckSettings;
  readonly backends: readonly MonitoredBackend[];
}

/**
 * How the last probe ended, in the words that HAProxy made common: layer, then OK, TOUT (timeout), CON (no
 * connection), STS (wrong status), RSP (no valid answer). SOCKERR: an error on our own side. PROC…: a command or
 * module. INI: not probed yet. OFF: no probes wanted. DNS: no address. PASSIVE: failures seen by sessions.
 */
export type HealthCode =
  | 'INI'
  | 'OFF'
  | 'DNS'
  | 'SOCKERR'
  | 'L4OK'
  | 'L4TOUT'
  | 'L4CON'
  | 'L7OK'
  | 'L7TOUT'
  | 'L7STS'
  | 'L7RSP'
  | 'PROCOK'
  | 'PROCTOUT'
  | 'PROCERR'
  | 'PASSIVE';

/** One probe's word. Inconclusive: it could not be asked, for reasons that are ours; nothing is counted. */
export interface Verdict {
  readonly outcome: 'pass' | 'fail' | 'inconclusive';
  readonly code: HealthCode;
  /** For people: one line, bounded, empty when the code says it all. */
  readonly detail: string;
  /** Where answers are kept: when this one was asked for (monotonic), so that nobody counts it twice. */
  readonly askedAt?: number;
}

export interface ProbeTarget {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Never rejects. When the signal aborts it lets go of all it holds and its verdict no longer matters. */
export type Probe = (target: ProbeTarget, signal: AbortSignal) => Promise<Verdict>;

export interface Transition {
  readonly pool: string;
  readonly backend: string;
  readonly up: boolean;
  readonly code: HealthCode;
  readonly detail: string;
}

/** What is known of one backend of one pool. */
export interface BackendHealth {
  readonly pool: string;
  readonly backend: string;
  readonly up: boolean;
  readonly code: HealthCode;
  readonly detail: string;
  /** How long the last probe took; undefined before the first. */
  readonly lastDurationMs: number | undefined;
  /** Since the last verdict; undefined before the first. */
  readonly lastAgeMs: number | undefined;
  /** How long it has been up or down. */
  readonly forMs: number;
  /** Successes in a row while down. */
  readonly rising: number;
  /** Failures in a row while up. */
  readonly falling: number;
  /** Verdicts since the check began; checks of several pools that are alike share them. */
  readonly probes: number;
  readonly failures: number;
  readonly inconclusive: number;
  /** Changes between up and down. */
  readonly transitions: number;
}

export interface Monitor {
  /**
   * The pools to watch from now on. What is known of a backend is kept, matched by pool name and key; new ones begin,
   * others end. The next update may take that back: then nothing has been forgotten. Cheap when little changes: also
   * the way to tell a changed address.
   */
  update(pools: readonly MonitoredPool[]): void;
  /**
   * Sessions could not connect `failures` times in a row. Brings the backend one failed probe away from being taken
   * out, and has it probed at once: the probe has the last word. Nothing happens where checks are off.
   */
  passiveFailure(pool: string, backend: string, failures: number): void;
  /** False for a backend that is not watched. */
  isUp(pool: string, backend: string): boolean;
  /** In the order of the pools and their backends. */
  list(): readonly BackendHealth[];
  /** Ends all probes now; no transition follows. Harmless when repeated. */
  stop(): void;
}

// What a config is once it has been read, checked and completed: plain data, frozen through and through, with every
// default filled in and every time in milliseconds. All of the product is built against these types; schema*.ts must
// produce exactly them, which the compiler checks key by key. Spelled as in the file, in full form: the flat form has
// been compiled away. Lists keep the order of the file. Names are data (`__proto__` is one), hence lists, not objects.

/** One numeric address and a port. */
export interface HostPort {
  /** IPv4 or IPv6 without brackets. `::` stands for every address of both families. */
  readonly host: string;
  readonly port: number;
}

/** All in milliseconds but `session_jitter`; 0 is off. */
export interface TimeoutSettings {
  /** Never 0. */
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly keepalive: number;
  readonly half_close: number;
  readonly first_byte: number;
  readonly session: number;
  /** Percent of `session`. */
  readonly session_jitter: number;
}

/** TCP options that either side can have; 0 or '' leaves the kernel's own. Times in milliseconds. */
export interface SocketSettings {
  readonly keep_alive: boolean;
  readonly keep_alive_timeout: number;
  readonly keep_alive_interval: number;
  readonly keep_alive_count: number;
  readonly tcp_nodelay: boolean;
  readonly tcp_quickack: boolean;
  readonly tcp_user_timeout: number;
  readonly tcp_fastopen: number;
  readonly receive_buffer: number;
  readonly send_buffer: number;
  readonly congestion_control: string;
}

/** The client side has what only makes sense where connections are accepted. */
export interface ListenerSocketSettings extends SocketSettings {
  readonly max_requests_per_connection: number;
  readonly tcp_defer_accept: number;
}

export type SpliceSetting = 'auto' | 'on' | 'off';

/** What a listener can be told besides where it listens and which pool serves it. Sizes in bytes. */
export interface ListenerSettings {
  readonly backlog: number;
  /** Sessions open at once; 0 is no limit. */
  readonly max_connections: number;
  readonly buffer_size: number;
  readonly max_buffer_size: number;
  readonly splice: SpliceSetting;
  readonly pipe_size: number;
  /** Further backends to try when one cannot be connected to. */
  readonly retries: number;
  readonly timeouts: TimeoutSettings;
  readonly connection_settings: ListenerSocketSettings;
}

export interface Listener extends ListenerSettings {
  readonly name: string;
  /** Name of a pool that is there. */
  readonly pool: string;
  /** At least one. */
  readonly listen: readonly HostPort[];
}

export type Algorithm =
  | 'round_robin'
  | 'weighted_round_robin'
  | 'least_connections'
  | 'ip_hash'
  | 'least_response_time'
  | 'random'
  | 'power_of_two';

export interface ConnectionPoolSettings {
  readonly min_size: number;
  readonly max_size: number;
  /** Milliseconds; 0 keeps an unused connection for as long as its backend does. */
  readonly timeout: number;
}

export type CheckType = 'tcp' | 'http' | 'custom';

/** Times in milliseconds. */
export interface HealthCheckSettings {
  readonly enabled: boolean;
  readonly check_type: CheckType;
  readonly interval: number;
  readonly timeout: number;
  readonly unhealthy_threshold: number;
  readonly healthy_threshold: number;
  readonly path: string;
  /** Ranges of status codes, ends included. */
  readonly expected_status: readonly (readonly [from: number, to: number])[];
  /** Host header of an HTTP probe; '' is the backend's own host. */
  readonly host: string;
  /** Port to probe; 0 is the one that serves. */
  readonly port: number;
  /** Percent of the interval. */
  readonly jitter: number;
  /** Never 0, never above `interval`. */
  readonly fast_interval: number;
  /** Program and arguments of a custom check; empty where a module does it. */
  readonly command: readonly string[];
  /** Absolute file name of a custom check's module; '' where a command does it. */
  readonly module: string;
  readonly cache: number;
}

export interface Backend {
  /** A name or an address without brackets, as written. */
  readonly host: string;
  readonly port: number;
  /** 0 takes no new sessions. */
  readonly weight: number;
  /** 0 is no limit. */
  readonly max_connections: number;
  readonly backup: boolean;
}

/** How sessions are moved to a backend that has joined, by ending idle ones elsewhere. */
export interface RebalanceSettings {
  readonly enabled: boolean;
  /** Sessions of the pool per second, at most. */
  readonly rate: number;
  /** Milliseconds of silence, never 0. */
  readonly idle: number;
  /** Percent of its share by which a backend may differ from it. */
  readonly tolerance: number;
}

/** What a pool can be told besides its backends. */
export interface PoolSettings {
  readonly algorithm: Algorithm;
  /** Percent of backends up, below which health is ignored; 0 is never. */
  readonly panic_threshold: number;
  readonly connection_pool: ConnectionPoolSettings;
  readonly health_checks: HealthCheckSettings;
  readonly rebalance: RebalanceSettings;
  /** The backend side. */
  readonly connection_settings: SocketSettings;
}

export interface Pool extends PoolSettings {
  readonly name: string;
  /** At least one, no two with the same host and port. */
  readonly backends: readonly Backend[];
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFormat = 'auto' | 'json' | 'text';

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Absolute file name; '' is stderr. */
  readonly file: string;
}

export type AccessLogFormat = 'json' | 'text';

/** Standard output, where a file is named; a file of that name in the config's directory is `./stdout`. */
export const STDOUT = 'stdout';

export interface AccessLogSettings {
  /** Absolute file name, or STDOUT; '' is none. */
  readonly file: string;
  readonly format: AccessLogFormat;
  /** Percent. */
  readonly sample: number;
  readonly errors_only: boolean;
}

export interface PrometheusSettings {
  readonly enabled: boolean;
  /** Numeric. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export interface AdminSettings {
  /** Absolute file name of a Unix socket; '' is none. */
  readonly socket: string;
  /** Numeric. */
  readonly host: string;
  /** 0 is no TCP. */
  readonly port: number;
  /** Absolute name of the file whose first line is the token; '' is none, which goes with no TCP. */
  readonly token_file: string;
  /** Whether the page is served over TCP. */
  readonly dashboard: boolean;
}

export interface UpgradeSettings {
  /** Absolute file name of a Unix socket; '' is none. */
  readonly socket: string;
  /** Never 0. */
  readonly timeout: number;
}

/** How open sessions are ended that may not stay. Times in milliseconds. */
export interface DrainSettings {
  /** From the signal to the moment from which nothing is accepted any more; 0 is none. */
  readonly delay: number;
  /** 0 is no deadline. */
  readonly timeout: number;
  /** Sessions per second before the deadline; `even` spreads them over the time; 0 ends none before it. */
  readonly rate: 'even' | number;
  readonly order: 'idle' | 'oldest';
  /** Silence that makes an idle moment. */
  readonly idle: number;
  /** What becomes of sessions whose listener or backend a reload removes. */
  readonly removed: 'keep' | 'drain';
}

/** What concerns the process as a whole. Times in milliseconds. */
export interface ProcessSettings {
  readonly workers: 'auto' | number;
  readonly cpu_affinity: 'auto' | 'off' | readonly number[];
  readonly drain: DrainSettings;
  readonly dns: { readonly min_ttl: number; readonly max_ttl: number; readonly timeout: number };
  readonly log: LogSettings & { readonly access: AccessLogSettings };
  readonly monitoring: { readonly prometheus: PrometheusSettings };
  readonly admin: AdminSettings;
  readonly upgrade: UpgradeSettings;
  /** Name or number; '' stays who it is. */
  readonly user: string;
  /** Name or number; '' is the user's own. */
  readonly group: string;
}

export interface Config extends ProcessSettings {
  /** The file it was read from, as it was named. */
  readonly file: string;
  readonly listeners: readonly Listener[];
  readonly pools: readonly Pool[];
}

// What the data plane takes from a host. Facts about native/, in one place: test/e2e/doctor-costs.test.ts compares them
// with a running engine, so that a change there is noticed here.

/**
 * Who the limit of descriptors counts for. `process`: all workers share one table of that many. `worker`: each worker
 * has a table of its own, and each may grow to the limit.
 */
export const DESCRIPTOR_TABLES: 'process' | 'worker' = 'process';

/** Client socket and backend socket. */
export const DESCRIPTORS_PER_SESSION = 2;

/** Both ends of a pipe, borrowed for one direction while bytes are stuck in it. */
export const DESCRIPTORS_PER_PIPE = 2;

/** Pipes that a worker keeps although they are empty. */
export const IDLE_PIPES_PER_WORKER = 16;

/** Node itself, logs, metrics, the admin side and probes under way. A fresh process has about 25. */
export const PROCESS_DESCRIPTORS = 128;

/** epoll and the doorbell; the listening sockets come on top. */
export const WORKER_DESCRIPTORS = 4;

/** Bytes of the process without sessions: Node, the addon, metrics. 45 MB fresh, 105 MB after a load test. */
export const PROCESS_MEMORY: number = 128 * 1024 * 1024;

/** Bytes in the process per idle session. 310 to 450 measured. */
export const SESSION_MEMORY = 512;

/** Bytes in the kernel per idle session: two sockets, two files, two epoll entries. 7.8 KB, 9.9 KB with slab waste. */
export const SESSION_KERNEL_MEMORY: number = 10 * 1024;

/** Entries of connection tracking per session: client side and backend side. */
export const CONNTRACK_PER_SESSION = 2;

/** TIME_WAIT in seconds; fixed in the kernel. */
export const TIME_WAIT_SECONDS = 60;

export const PAGE = 4096;

/** A listening socket is known to the worker and to who hands it out. */
export const DESCRIPTORS_PER_LISTENING_SOCKET = 2;

/** The most workers that the addon runs. */
export const MOST_WORKERS = 64;

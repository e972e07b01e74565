// A process with much to say on stderr; says on stdout how that went, as one line of JSON, and ends.

import { writeSync } from 'node:fs';
import { createLog } from '#src/log.js';

const lines = Number(process.argv[2]);
const log = createLog({ level: 'info', format: 'json', file: '' });
for (let n = 1; n <= lines; n += 1) {
  log.info(`line ${n} ${'.'.repeat(80)}`, { n });
  if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
}
await log.flush();
writeSync(1, `${JSON.stringify({ dropped: log.dropped() })}\n`);
process.exit(0);

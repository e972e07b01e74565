// The reference page for people, in Markdown: prose from here, every table from the schema. The examples are passed in,
// so that what the page shows is what the tests load.

import type { AnyPart, AnySection, Key, Reach } from './key.ts';
import {
  ABOUT_BACKENDS,
  ABOUT_LISTEN,
  ABOUT_LISTENERS,
  ABOUT_POOL,
  ABOUT_POOLS,
  sections,
} from './schema.ts';

export interface PageExamples {
  readonly flat: string;
  readonly full: string;
}

export function referencePage({ flat, full }: PageExamples): string {
  return `# Configuration

A config is one YAML file. \`ultrabalancer-l4 --config FILE\` runs it, \`--check\` only reads it (exit code 2 and the place of
each problem when it is not good), \`--print-effective-config\` shows every value in force and where it comes from, and
\`--print-schema\` prints the JSON Schema (also in \`config/schema.json\`, for editors). SIGHUP reads the file again: it is
taken whole or not at all.

## Two forms

The flat form has one listener and one pool:

\`\`\`yaml
${flat.trimEnd()}
\`\`\`

The full form has any number of both, by name. What stands at its top level is the default of each:

\`\`\`yaml
${full.trimEnd()}
\`\`\`

The flat form is the full one with one listener and one pool, both named \`default\`. A file has one form: \`listen\` and
\`backends\` do not go together with \`listeners\` and \`pools\`. Keys are merged one by one, in nested maps too: a listener
that sets \`timeouts.read\` keeps the other timeouts of the top level.

## Values

- **Files** are YAML 1.2, so JSON works as well and \`on\` and \`off\` are words. UTF-8, one document, at most 1 MiB. Unknown
  keys, keys that come twice, tags and control characters are errors. Aliases work; merge keys (\`<<\`) are not YAML 1.2.
- **Times** are seconds as a number (\`5\`, \`0.25\`) or have a unit: \`250ms\`, \`5s\`, \`1.5s\`, \`1m\`, \`2h\`.
- **Sizes** are bytes as a number or have a unit, a power of 1024: \`64k\`, \`64KiB\`, \`1MiB\`.
- **Addresses** to listen on are \`8080\` (every address of both families), \`127.0.0.1:8080\` or \`"[::1]:8080"\`, in quotes
  because of the brackets.
- **0** means off wherever a time or a limit can be off.
- **File names** are relative to the directory of the config.

The column *Reload* says whom a changed value reaches: *open* sessions too, *new* ones only, or *no* session (what runs
beside them changes at once).

## Listeners

${table([required('listen', 'addresses', ABOUT_LISTEN), required('pool', 'text', `${ABOUT_POOL} Full form only.`)], sections.listener)}

## Pools

${table([required('backends', 'list', ABOUT_BACKENDS)], sections.pool)}

### An entry of \`backends\`

${table([], sections.backend)}

## The process

${table([], sections.process)}

The full form has besides, at the top level:

| Key | Meaning |
| --- | --- |
| \`listeners\` | ${ABOUT_LISTENERS} |
| \`pools\` | ${ABOUT_POOLS} |

${RULES}
${GUIDE}`;
}

interface Row {
  readonly key: string;
  readonly type: string;
  readonly range: string;
  readonly preset: string;
  readonly reload: string;
  readonly about: string;
}

const REACHES: Readonly<Record<Reach, string>> = { live: 'open', new: 'new', process: 'no' };

function table(first: readonly Row[], section: AnySection): string {
  const rows = [...first, ...rowsOf(section.keys, '')];
  const head = '| Key | Type | Range | Default | Reload | Meaning |\n| --- | --- | --- | --- | --- | --- |';
  const body = rows.map(
    (row) => `| ${row.key} | ${row.type} | ${row.range} | ${row.preset} | ${row.reload} | ${row.about} |`,
  );
  return [head, ...body].join('\n');
}

function rowsOf(keys: AnySection['keys'], under: string): readonly Row[] {
  return Object.entries(keys).flatMap(([name, part]: [string, AnyPart]): readonly Row[] => {
    const key = `${under}${name}`;
    if (part.is === 'key') return [keyRow(key, part)];
    const heading: Row = {
      key: `**\`${key}\`**`,
      type: 'map',
      range: '',
      preset: '',
      reload: '',
      about: part.about,
    };
    return [heading, ...rowsOf(part.keys, `${key}.`)];
  });
}

function keyRow(key: string, part: Key<unknown>): Row {
  return {
    key: `\`${key}\``,
    type: part.kind.type,
    range: part.kind.range,
    preset: part.preset === undefined ? 'required' : `\`${plain(part.preset)}\``,
    reload: REACHES[part.reach],
    about: part.about,
  };
}

function plain(preset: unknown): string {
  return JSON.stringify(preset).replace(/^"([\w-]+)"$/, '$1');
}

function required(key: string, type: string, about: string): Row {
  return { key: `\`${key}\``, type, range: '', preset: 'required', reload: 'new', about };
}

const RULES = `## What is asked of keys together

Errors: a listener names a pool that is not there; an address is listened on twice (\`0.0.0.0\` and \`::\` cover others); a
backend comes twice in a pool, or is the listener itself, over other listeners too; every weight of a pool is 0;
\`buffer_size\` above \`max_buffer_size\`, \`min_size\` above \`max_size\`, \`min_ttl\` above \`max_ttl\`, \`fast_interval\` above
\`interval\`; a custom check with both or none of \`command\` and \`module\`, or whose file is not there; \`command\`, \`module\` or
\`cache\` without \`check_type: custom\`; metrics on a port that a listener uses, or on \`/healthz\` or \`/readyz\`.

Warnings: a pool that no listener uses; a key at the top level that nothing takes; \`path\`, \`expected_status\` or \`host\` of a
check that is not \`http\`; a probe's \`timeout\` above its \`interval\`.
`;

const GUIDE = `## From the performance tuning guide

Every YAML snippet of the guide works as it stands, in the flat form (\`config/examples/guide.yaml\` has all of them). What its
keys mean for a balancer that relays bytes and reads no requests:

| The guide's | Here |
| --- | --- |
| \`workers\` | threads, each with its own event loop (the guide's uvloop has no part in it); \`cpu_affinity\` pins them |
| \`buffer_size\`, \`max_buffer_size\` | bytes that a direction reads at once, and what busy ones grow to; idle sessions hold none |
| \`connection_pool\` | connections made ahead of clients; each serves one session, since bytes of TCP cannot be shared |
| \`backlog\` | the same |
| \`health_checks\` | the same; custom checks are a \`command\` or a \`module\`, with \`cache\` for the answers |
| \`keep_alive\`, \`keep_alive_timeout\` | the kernel's probes on connections on which nothing moves, on both sides |
| \`max_requests_per_connection\` | turns: client bytes followed by an answer. The session ends at an idle moment |
| \`tcp_nodelay\`, \`tcp_quickack\` | the same, on both sides |
| \`backends\` | the same; \`backup\` besides |
| \`timeouts.connect\` | one TCP handshake with a backend |
| \`timeouts.read\` | silence while a backend owes an answer |
| \`timeouts.write\` | bytes wait for a side that takes none |
| \`timeouts.keepalive\` | silence while no answer is owed |
| \`monitoring.prometheus\` | the same; \`host\` besides, this machine alone unless told otherwise |
`;

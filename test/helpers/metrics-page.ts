// Reads a metrics page in the Prometheus text format: samples by name and labels, and whether the text is well formed.

import { request } from 'node:http';

import { within } from './deadline.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricsPage {
  readonly text: string;
  readonly samples: readonly Sample[];
  /** Sum over the samples of that name whose labels include these; undefined when there is none. */
  find(name: string, labels?: Record<string, string>): number | undefined;
  /** The same, where one must be there. */
  get(name: string, labels?: Record<string, string>): number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

function labelsOf(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const found = LABEL.exec(text);
    if (found === null) throw new Error(`metrics: labels that cannot be read: ${line}`);
    labels[found[1] ?? ''] = (found[2] ?? '').replace(/\\(.)/g, (_all, c: string) => (c === 'n' ? '\n' : c));
  }
  return labels;
}

/** Throws on a line that is no sample and no comment. */
export function parseMetrics(text: string): MetricsPage {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const found = LINE.exec(line);
    if (found === null) throw new Error(`metrics: no sample: ${line}`);
    const value = found[3] === '+Inf' ? Infinity : Number(found[3]);
    samples.push({ name: found[1] ?? '', labels: labelsOf(found[2] ?? '', line), value });
  }
  function find(name: string, labels: Record<string, string> = {}): number | undefined {
    const wanted = Object.entries(labels);
    const those = samples.filter(
      (s) => s.name === name && wanted.every(([key, value]) => s.labels[key] === value),
    );
    return those.length === 0 ? undefined : those.reduce((sum, s) => sum + s.value, 0);
  }
  return {
    text,
    samples,
    find,
    get(name, labels = {}) {
      const value = find(name, labels);
      if (value === undefined) throw new Error(`metrics: no ${name} ${JSON.stringify(labels)} in\n${text}`);
      return value;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** One GET on a connection of its own. */
export function get(port: number, path: string, host = '127.0.0.1'): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    const asked = request({ host, port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
  return within(answer, `GET ${path} on port ${port}`);
}

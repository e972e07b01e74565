// Where each value of a config comes from. A path that is not in here was set by nobody: its value is the default.

import type { Span } from './issue.ts';

/** Into a Config: `['listeners', 0, 'timeouts', 'connect']`. */
export type Path = readonly (string | number)[];

export interface Origin extends Span {
  /** Whether it stands at the top level of a full-form file, as a default for what is below. */
  readonly inherited: boolean;
}

export interface Origins {
  set(path: Path, origin: Origin): void;
  of(path: Path): Origin | undefined;
  /** The place to point at: of the value itself, or else of the nearest thing around it that the file has. */
  near(path: Path): Span;
}

export function createOrigins(): Origins {
  const known = new Map<string, Origin>();
  const of = (path: Path): Origin | undefined => known.get(JSON.stringify(path));
  return {
    set: (path, origin) => void known.set(JSON.stringify(path), origin),
    of,
    near: (path) => {
      for (let length = path.length; length > 0; length--) {
        const origin = of(path.slice(0, length));
        if (origin) return origin;
      }
      return { start: 0, end: 0 };
    },
  };
}

/** For people: `listeners.web.timeouts.connect`, `backends[2].port`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

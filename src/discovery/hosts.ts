// Names from a hosts file, as the C library reads it: address, name, further names, `#` begins a comment. Pure.

import { isIP } from 'node:net';

/** Every address of each name, in the order of the file; names in lower case. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      const known = found.get(key);
      if (known === undefined) found.set(key, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return found;
}
